-- Deliveries, their attempts, and the guard's decisions. Ids are time-ordered UUIDs, so that new rows go to the end of
-- each table, a page of history is one range, and old rows leave from the front.
--
-- Later migrations only add: a file written by a newer minor version must stay usable by the one before it.

CREATE TABLE deliveries (
    id          BLOB    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    client      TEXT    NOT NULL,
    reference   TEXT    NOT NULL,
    phone_hash  BLOB    NOT NULL,
    phone_mask  TEXT    NOT NULL,
    country     TEXT,
    user_hash   BLOB,
    purpose     TEXT    NOT NULL,
    family      TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    reason      TEXT,
    decision    BLOB,
    outcome     TEXT    NOT NULL,
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    -- Keyed hash of the idempotency key, and of what the key was used for; cleared together. A claim has one holder: the
    -- process that owns the file sees to it, as an index in random order would cost more than the rest of the row.
    claim       BLOB,
    fingerprint BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    delivery      BLOB    NOT NULL,
    ordinal       INTEGER NOT NULL,
    channel       TEXT    NOT NULL,
    provider      TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    failure       TEXT    NOT NULL,
    provider_code TEXT    NOT NULL,
    message_id    TEXT    NOT NULL,
    started_ms    INTEGER NOT NULL,
    took_us       INTEGER NOT NULL,
    PRIMARY KEY (delivery, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    id         BLOB    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    rule       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    level      TEXT    NOT NULL,
    threshold  TEXT    NOT NULL,
    shadow     INTEGER NOT NULL,
    until_ms   INTEGER,
    count      INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Places that are remembered. `open`: no delivery or attempt below this id is still sending. `claims`: the claims of
-- deliveries below this id are cleared.
CREATE TABLE marks (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
