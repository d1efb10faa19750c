-- How far the events of a domain were told as notifications; there is a row while somebody wants them.
CREATE TABLE notified (
    domain TEXT PRIMARY KEY REFERENCES domains (domain) ON DELETE CASCADE,
    cursor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
