//! What a failed statement says: that one row is at fault, or that the ledger is away.

use rusqlite::ErrorCode;

use crate::store::LedgerError;

/// Why something could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// This row cannot be written; others can.
    #[error("{0}")]
    Row(String),
    /// Nothing can be written at the moment.
    #[error("{cause}")]
    Away {
        /// For the log.
        cause: String,
        /// Whether opening the file anew may help. It does not where the disk is full or somebody holds the database.
        reopen: bool,
    },
}

impl Fault {
    /// The ledger is away, and its file is to be opened anew.
    pub(super) fn away(cause: String) -> Self {
        Self::Away {
            cause,
            reopen: true,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        use ErrorCode as E;
        let cause = error.to_string();
        let Some(code) = error.sqlite_error_code() else {
            return Self::Row(cause);
        };
        if matches!(code, E::ConstraintViolation | E::TooBig | E::TypeMismatch) {
            return Self::Row(cause);
        }
        let waits = matches!(
            code,
            E::DatabaseBusy | E::DatabaseLocked | E::DiskFull | E::OutOfMemory
        );
        Self::Away {
            cause,
            reopen: !waits,
        }
    }
}

impl From<Fault> for LedgerError {
    fn from(fault: Fault) -> Self {
        Self::Unavailable(fault.to_string())
    }
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // A column of another type than it should be.
            None => Self::Corrupt(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            Some(_) => Self::Unavailable(error.to_string()),
        }
    }
}
