-- How far the events of a domain were told as notifications; there is a row while somebody wants them.
CREATE TABLE notified (
    domain TEXT PRIMARY KEY REFERENCES domains (domain) ON DELETE CASCADE,
    cursor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What goes one way is numbered in the outbox like the events of a call: under which id, and up to where.
CREATE TABLE ways (
    domain TEXT NOT NULL REFERENCES domains (domain) ON DELETE CASCADE,
    way    TEXT NOT NULL,
    call   BLOB NOT NULL,
    told   INTEGER NOT NULL,
    PRIMARY KEY (domain, way)
) STRICT, WITHOUT ROWID;

-- Alarms that were told and are not over.
CREATE TABLE alarms (
    domain  TEXT NOT NULL REFERENCES domains (domain) ON DELETE CASCADE,
    service TEXT NOT NULL,
    alarm   TEXT NOT NULL,
    PRIMARY KEY (domain, service, alarm)
) STRICT, WITHOUT ROWID;
