//! Opens the ledger that `ledger.url` names.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Ledger, memory::MemoryLedger, sqlite::SqliteLedger};
use crate::{clock::Clock, config, lanes::Lanes};

/// Why the ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is of no kind that is known. It is not shown whole: URLs may hold passwords.
    #[error("ledger.url must be sqlite://PATH or memory:, not {0}")]
    Url(String),
    /// The folder in which the file should stand is not there.
    #[error("the folder {} of the ledger does not exist", .0.display())]
    NoFolder(PathBuf),
    /// Another process has the file.
    #[error("the ledger {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The file or its lock cannot be made or opened.
    #[error("the ledger {} cannot be opened: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file is there, but is no ledger that can be used.
    #[error("the ledger {} cannot be used: {cause}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database said.
        cause: String,
    },
}

/// Opens the ledger of these settings, making its file where there is none. It is used from these lanes, and elsewhere.
pub fn open(
    settings: &config::ledger::Ledger,
    lanes: Lanes,
    clock: Clock,
) -> Result<Arc<dyn Ledger>, OpenError> {
    if settings.url == "memory:" {
        return Ok(Arc::new(MemoryLedger::new(clock)));
    }
    match settings.url.strip_prefix("sqlite://") {
        // SQLite would take `:memory:` for a database without a file.
        Some(path) if !path.is_empty() && path != ":memory:" => Ok(Arc::new(SqliteLedger::open(
            Path::new(path),
            settings,
            lanes,
            clock,
        )?)),
        Some(_) => Err(OpenError::Url("sqlite:// without a path".to_owned())),
        None => Err(OpenError::Url(scheme(&settings.url))),
    }
}

fn scheme(url: &str) -> String {
    match url.split_once(':') {
        Some((scheme, _)) => format!("{scheme}:…"),
        None => "a URL without a scheme".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        let settings = config::ledger::Ledger {
            url: url.to_owned(),
            ..Default::default()
        };
        let opened = open(&settings, Lanes::default(), Clock::system());
        opened.err().expect("it must be refused").to_string()
    }

    #[test]
    fn what_cannot_be_opened_is_named_and_no_password_is_shown() {
        for url in ["", "sqlite://", "sqlite://:memory:", "tollgate.db"] {
            assert!(refusal(url).starts_with("ledger.url must be"), "{url}");
        }
        let postgres = refusal("postgres://user:geheim@db/tollgate");
        assert!(postgres.contains("postgres:…") && !postgres.contains("geheim"));
        let missing = refusal("sqlite:///no/such/folder/tollgate.db");
        assert_eq!(
            missing,
            "the folder /no/such/folder of the ledger does not exist"
        );
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "these are notes and no database, and they stay").unwrap();
        let refused = refusal(&format!("sqlite://{}", path.display()));
        assert!(refused.contains("notes.txt cannot be used"), "{refused}");
        assert!(std::fs::read(&path).unwrap().starts_with(b"these are"));
        let folder = refusal(&format!("sqlite://{}", folder.path().display()));
        assert!(folder.contains("cannot be opened"), "{folder}");
    }
}
