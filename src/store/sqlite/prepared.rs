//! The statements of one transaction.

use rusqlite::{CachedStatement, Connection, Params};

/// Statements that are taken from the connection's cache once in a transaction: to take one and to give it back costs a
/// fifth of what it does.
pub(super) struct Prepared<'s> {
    connection: &'s Connection,
    taken: Vec<(&'s str, CachedStatement<'s>)>,
}

impl<'s> Prepared<'s> {
    /// None is taken yet.
    pub(super) fn new(connection: &'s Connection) -> Self {
        Self {
            connection,
            taken: Vec::new(),
        }
    }

    /// What the statements run on.
    pub(super) fn connection(&self) -> &'s Connection {
        self.connection
    }

    /// Runs a statement that gives no rows; returns how many rows it changed.
    pub(super) fn execute(
        &mut self,
        sql: &'s str,
        parameters: impl Params,
    ) -> rusqlite::Result<usize> {
        let known = self.taken.iter().position(|(known, _)| *known == sql);
        let place = known.unwrap_or(self.taken.len());
        if known.is_none() {
            self.taken.push((sql, self.connection.prepare_cached(sql)?));
        }
        self.taken[place].1.execute(parameters)
    }
}
