-- Provisioning. `revision` numbers every write of a document, so that a version never comes back.
CREATE TABLE revision (value INTEGER NOT NULL) STRICT;
INSERT INTO revision (value) VALUES (0);

CREATE TABLE domains (
    domain                  TEXT PRIMARY KEY,
    settings                TEXT NOT NULL,
    version                 INTEGER NOT NULL,
    webhook_secret          TEXT NOT NULL,
    previous_webhook_secret TEXT,
    previous_until          INTEGER,
    created_at              INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
    domain  TEXT NOT NULL REFERENCES domains (domain) ON DELETE CASCADE,
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    draft   INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (domain, kind, id, draft)
) STRICT, WITHOUT ROWID;

CREATE TABLE networks (
    cidr   TEXT NOT NULL,
    domain TEXT NOT NULL REFERENCES domains (domain) ON DELETE CASCADE,
    PRIMARY KEY (domain, cidr)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    domain       TEXT NOT NULL REFERENCES domains (domain) ON DELETE CASCADE,
    sk           TEXT NOT NULL,
    kind         INTEGER NOT NULL,
    token_hash   BLOB,
    sealed_token TEXT,
    pem          TEXT,
    scopes       TEXT NOT NULL,
    description  TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (domain, sk)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX api_keys_token ON api_keys (token_hash) WHERE token_hash IS NOT NULL;

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE replies (
    domain      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status      INTEGER,
    body        TEXT,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (domain, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX replies_age ON replies (created_at);

-- Calls. A call outlives a removed domain, and the call path pays for no look-ups: no foreign keys here. Call ids are
-- led by the clock, so an index that begins with one is appended to.
CREATE TABLE calls (
    serial               INTEGER PRIMARY KEY,
    id                   BLOB NOT NULL UNIQUE,
    domain               TEXT NOT NULL,
    direction            TEXT NOT NULL,
    source_user          TEXT NOT NULL,
    destination_user     TEXT NOT NULL,
    sip_call_id          TEXT NOT NULL,
    started_at           INTEGER NOT NULL,
    state                TEXT NOT NULL,
    session_reference_id TEXT,
    answered_at          INTEGER,
    ended_at             INTEGER,
    class                TEXT,
    record               TEXT NOT NULL
) STRICT;
-- One index for the list and every search in it: it is only ever appended to, while an index per number or Call-ID
-- would make each call write a page of its own in each of them. A search reads a domain's part of it, newest first.
CREATE INDEX calls_search
    ON calls (domain, started_at, serial, source_user, destination_user, sip_call_id, session_reference_id);
CREATE INDEX calls_live ON calls (domain, started_at) WHERE ended_at IS NULL;

CREATE TABLE snapshots (
    serial INTEGER PRIMARY KEY,
    call   BLOB NOT NULL UNIQUE,
    body   BLOB NOT NULL
) STRICT;

-- The cursor rises with every commit; the newest row is never removed, so no cursor comes back.
-- state: 0 pending, 1 delivered, 2 failed. `tried` counts the rows in `tries`, pruned ones included; an event that was
-- taken at the first try has none, its one try is in `delivered_at`, `last_status` and `took`.
CREATE TABLE events (
    cursor          INTEGER PRIMARY KEY,
    call            BLOB NOT NULL,
    sequence        INTEGER NOT NULL,
    domain          TEXT NOT NULL,
    state           INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    tried           INTEGER NOT NULL,
    next_attempt_at INTEGER,
    last_status     INTEGER,
    last_error      TEXT,
    delivered_at    INTEGER,
    took            INTEGER,
    webhook_id      TEXT NOT NULL,
    service         TEXT NOT NULL,
    callback_id     TEXT NOT NULL,
    name            TEXT NOT NULL,
    terminal        INTEGER NOT NULL,
    target          TEXT,
    created_at      INTEGER NOT NULL,
    sealed          TEXT,
    body            TEXT NOT NULL,
    UNIQUE (call, sequence)
) STRICT;
CREATE UNIQUE INDEX events_terminal ON events (call) WHERE terminal = 1;
CREATE INDEX events_domain ON events (domain, cursor, created_at);
-- The outbox by customer and service, and what was given up. Every event passes through the first: no others of its kind.
CREATE INDEX events_pending ON events (domain, service, cursor, next_attempt_at) WHERE state = 0;
CREATE INDEX events_failed ON events (domain, cursor) WHERE state = 2;

CREATE TABLE tries (
    event  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    status INTEGER,
    error  TEXT,
    took   INTEGER NOT NULL,
    PRIMARY KEY (event, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER events_tries AFTER DELETE ON events WHEN old.tried > 0 BEGIN
    DELETE FROM tries WHERE event = old.cursor;
END;

-- The domain is that of the call's record; empty when there is none.
CREATE TABLE ladder (
    serial INTEGER PRIMARY KEY,
    call   BLOB NOT NULL,
    at     INTEGER NOT NULL,
    domain TEXT NOT NULL,
    rows   BLOB NOT NULL
) STRICT;
CREATE INDEX ladder_call ON ladder (call, at);
CREATE INDEX ladder_domain ON ladder (domain, at);
