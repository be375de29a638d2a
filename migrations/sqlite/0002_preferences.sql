-- What people prefer, as services have stored it for them. A person is known by a keyed hash of tenant and user id.

CREATE TABLE preferences (
    user_hash        BLOB    NOT NULL PRIMARY KEY,
    tenant           TEXT    NOT NULL,
    -- Names of channels in order, with commas between them; may be empty.
    channels         TEXT    NOT NULL,
    -- A language tag; may be empty.
    locale           TEXT    NOT NULL,
    -- The LINE user id, sealed under a privacy key; who set or removed it last, and when.
    line_user        BLOB,
    line_user_set_by TEXT,
    line_user_set_ms INTEGER,
    -- The client that wrote the row last, and when.
    set_by           TEXT    NOT NULL,
    set_ms           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
