-- The tables of 0005 for SQLite.
CREATE TABLE notified (
    domain TEXT COLLATE "C" PRIMARY KEY REFERENCES domains (domain) ON DELETE CASCADE,
    cursor BIGINT NOT NULL
);
