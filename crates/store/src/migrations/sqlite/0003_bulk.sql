-- Devices provisioned by file. state: 0 the file is being read, 1 all of it is good and is being written, 2 done,
-- 3 failed. `node` is who works on it. Rows wait here until the file is known to be good as a whole; then they are moved
-- in portions, and what is left of them says where to go on.
CREATE TABLE bulk_jobs (
    serial     INTEGER PRIMARY KEY,
    domain     TEXT NOT NULL REFERENCES domains (domain) ON DELETE CASCADE,
    bulk       TEXT NOT NULL,
    node       TEXT NOT NULL,
    state      INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    stopped_at INTEGER,
    lines      INTEGER NOT NULL,
    checked    INTEGER NOT NULL,
    written    INTEGER NOT NULL,
    reason     TEXT,
    errors     TEXT NOT NULL,
    UNIQUE (domain, bulk)
) STRICT;
CREATE INDEX bulk_jobs_running ON bulk_jobs (node) WHERE state < 2;

CREATE TABLE bulk_rows (
    job    INTEGER NOT NULL REFERENCES bulk_jobs (serial) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    id     TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
