-- Entries of the guard's lists that end are looked for every minute; most of a hundred thousand do not.
CREATE INDEX list_entries_by_end ON list_entries (expires_ms) WHERE expires_ms IS NOT NULL;
