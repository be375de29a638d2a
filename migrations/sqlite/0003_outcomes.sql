-- Whether codes were used: what a send put into the guard's budgets, so that a verified outcome can take it out again, and
-- the destinations where somebody has entered the right code.

-- Keyed hashes of what was counted, in the guard's own form; nothing of the number can be read from it.
ALTER TABLE deliveries ADD COLUMN trail BLOB;

CREATE TABLE verified (
    -- Keyed hash of tenant and number.
    phone_hash BLOB    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    -- The last day on which it was verified, days since 1970.
    day        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
