-- What the guard must not forget: operators' lists with every change of them, and counters that outlive the process.

CREATE TABLE list_entries (
    id         BLOB    NOT NULL PRIMARY KEY,
    -- `*` stands for all tenants.
    tenant     TEXT    NOT NULL,
    effect     TEXT    NOT NULL,
    -- What `value` is: `number` and `user` are keyed hashes in hex, `prefix` is digits, `network` an address and a length.
    kind       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    -- The number masked; empty for what is none.
    masked     TEXT    NOT NULL,
    expires_ms INTEGER,
    author     TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A target stands on a tenant's lists once.
CREATE UNIQUE INDEX list_targets ON list_entries (tenant, kind, value);

-- Who changed the lists, when, and what: an entry that was set or removed, as it was then.
CREATE TABLE list_changes (
    id         BLOB    NOT NULL PRIMARY KEY,
    action     TEXT    NOT NULL,
    entry      BLOB    NOT NULL,
    tenant     TEXT    NOT NULL,
    effect     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    masked     TEXT    NOT NULL,
    expires_ms INTEGER,
    author     TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_by TEXT    NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The guard's own state by keyed hash: closed ranges, their history, limits of an hour and more.
CREATE TABLE guard_counters (
    key        BLOB    NOT NULL PRIMARY KEY,
    value      BLOB    NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX guard_counters_by_age ON guard_counters (updated_ms);

-- Whether a decision sent the code another way instead of refusing it.
ALTER TABLE decisions ADD COLUMN deflected INTEGER NOT NULL DEFAULT 0;
