-- The tables of 0005 for SQLite.
CREATE TABLE notified (
    domain TEXT COLLATE "C" PRIMARY KEY REFERENCES domains (domain) ON DELETE CASCADE,
    cursor BIGINT NOT NULL
);

CREATE TABLE ways (
    domain TEXT COLLATE "C" NOT NULL REFERENCES domains (domain) ON DELETE CASCADE,
    way    TEXT COLLATE "C" NOT NULL,
    call   BYTEA NOT NULL,
    told   BIGINT NOT NULL,
    PRIMARY KEY (domain, way)
);

CREATE TABLE alarms (
    domain  TEXT COLLATE "C" NOT NULL REFERENCES domains (domain) ON DELETE CASCADE,
    service TEXT COLLATE "C" NOT NULL,
    alarm   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (domain, service, alarm)
);
