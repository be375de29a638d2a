//! The tables' versions: every step from an empty file to the present schema, each a file under `migrations/sqlite`.

use rusqlite::Connection;
use rusqlite_migration::{Error, M, MigrationDefinitionError, Migrations};

const STEPS: &[M<'_>] = &[
    M::up(include_str!(
        "../../../migrations/sqlite/0001_deliveries.sql"
    )),
    M::up(include_str!(
        "../../../migrations/sqlite/0002_preferences.sql"
    )),
    M::up(include_str!("../../../migrations/sqlite/0003_outcomes.sql")),
    M::up(include_str!("../../../migrations/sqlite/0004_guard.sql")),
    M::up(include_str!(
        "../../../migrations/sqlite/0005_first_attempts.sql"
    )),
    M::up(include_str!(
        "../../../migrations/sqlite/0006_list_ends.sql"
    )),
];

const MIGRATIONS: Migrations<'_> = Migrations::from_slice(STEPS);

/// Brings a file to the present version. One that a newer version of Tollgate has written is used as it is: migrations
/// only add, so that the version before can go on after an upgrade was taken back.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    match MIGRATIONS.to_latest(connection) {
        Err(Error::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead)) => {
            tracing::warn!("the ledger was written by a newer version and is used as it is");
            Ok(())
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_fit_together() {
        MIGRATIONS.validate().expect("every step can be taken");
    }

    #[test]
    fn a_file_from_a_newer_version_is_used_as_it_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        migrate(&mut connection).unwrap();
        let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        assert_eq!(version, Ok(999));
    }

    /// The ledger holds keyed hashes and masks; a column for a code, a text or a full number would show here.
    #[test]
    fn the_columns_are_these_and_no_others() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let mut tables = connection
            .prepare(
                "SELECT m.name || ': ' || group_concat(c.name, ' ') FROM sqlite_schema m, pragma_table_info(m.name) c
                 WHERE m.type = 'table' GROUP BY m.name ORDER BY m.name",
            )
            .unwrap();
        let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let tables: Vec<_> = tables.map(Result::unwrap).collect();
        insta::assert_snapshot!(tables.join("\n"), @"
        attempts: delivery ordinal channel provider state failure provider_code message_id started_ms took_us
        decisions: id tenant rule key level threshold shadow until_ms count created_ms deflected
        deliveries: id tenant client reference phone_hash phone_mask country user_hash purpose family state reason decision outcome created_ms updated_ms claim fingerprint trail first_channel first_provider first_state first_failure first_provider_code first_message_id first_started_ms first_took_us
        guard_counters: key value updated_ms
        list_changes: id action entry tenant effect kind value masked expires_ms author reason created_ms changed_by changed_ms
        list_entries: id tenant effect kind value masked expires_ms author reason created_ms
        marks: name value
        preferences: user_hash tenant channels locale line_user line_user_set_by line_user_set_ms set_by set_ms
        verified: phone_hash tenant day
        ");
    }

    #[test]
    fn what_nothing_uses_is_left_out_of_sqlite() {
        let connection = Connection::open_in_memory().unwrap();
        let mut options = connection.prepare("PRAGMA compile_options").unwrap();
        let options = options.query_map([], |row| row.get::<_, String>(0));
        let options: Vec<_> = options.unwrap().map(Result::unwrap).collect();
        let has = |option: &str| options.iter().any(|one| one == option);
        assert!(
            has("OMIT_JSON") && has("DEFAULT_MEMSTATUS=0"),
            "{options:?}"
        );
        assert!(
            !has("ENABLE_FTS5") && !has("ENABLE_API_ARMOR"),
            "{options:?}"
        );
    }
}
