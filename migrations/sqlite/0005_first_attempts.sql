-- The first attempt, which nearly every delivery has only one of, stands in its delivery's row: a message then takes one row
-- instead of two. Further attempts are rows of `attempts`, and so are first ones that an earlier version has written.

-- No channel and no state: there was no attempt, or it is in `attempts`.
ALTER TABLE deliveries ADD COLUMN first_channel       TEXT;
ALTER TABLE deliveries ADD COLUMN first_provider      TEXT    NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN first_state         TEXT;
ALTER TABLE deliveries ADD COLUMN first_failure       TEXT    NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN first_provider_code TEXT    NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN first_message_id    TEXT    NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN first_started_ms    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN first_took_us       INTEGER NOT NULL DEFAULT 0;
