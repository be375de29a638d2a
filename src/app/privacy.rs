//! The keys under which numbers are hashed: those of the configuration, or one made beside the ledger.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use secrecy::ExposeSecret;

use crate::{
    clock::Clock,
    config::{Config, secret::Secrets},
    domain::privacy::PrivacyKeys,
};

use super::start::StartError;

/// Least bytes of a configured key.
const LEAST: usize = 16;

/// The configured keys; `None` where there are none.
pub(super) fn configured(
    config: &Config,
    from: &Secrets,
) -> Result<Option<PrivacyKeys>, StartError> {
    let mut problems = Vec::new();
    let mut secrets = Vec::new();
    for (index, key) in config.privacy.keys.iter().enumerate() {
        match from.resolve_of(&key.secret, LEAST) {
            Ok(secret) => secrets.push(secret.load().expose_secret().as_bytes().to_vec()),
            Err(problem) => {
                problems.push((format!("privacy.keys[{index}].secret"), problem.to_string()));
            }
        }
    }
    if !problems.is_empty() {
        return Err(StartError::Settings(problems));
    }
    Ok(PrivacyKeys::new(secrets.iter().map(Vec::as_slice)))
}

/// The key beside a SQLite ledger, made if it is not there; one for this process only where there is no file. To be
/// called once the ledger is open: then its folder is there, and no other process makes a key at the same time.
pub(super) fn own(config: &Config, clock: &Clock) -> Result<PrivacyKeys, StartError> {
    let key = own_key(&config.ledger.url, clock)?;
    let keys = PrivacyKeys::new([key.as_slice()]);
    keys.ok_or_else(|| StartError::PrivacyKey("there is none".to_owned()))
}

fn own_key(ledger: &str, clock: &Clock) -> Result<Vec<u8>, StartError> {
    let Some(database) = ledger.strip_prefix("sqlite://") else {
        return Ok(fresh(clock).into_bytes());
    };
    let path = PathBuf::from(format!("{database}.key"));
    let failed =
        |problem: std::io::Error| StartError::PrivacyKey(format!("{}: {problem}", path.display()));
    match fs::read(&path) {
        Ok(key) if key.len() >= LEAST => Ok(key),
        Ok(_) => Err(StartError::PrivacyKey(format!(
            "{}: too short",
            path.display()
        ))),
        Err(problem) if problem.kind() == ErrorKind::NotFound => {
            let key = fresh(clock);
            write(&path, &key).map_err(failed)?;
            Ok(key.into_bytes())
        }
        Err(problem) => Err(failed(problem)),
    }
}

/// Written whole under another name first: half a key would make every hash so far unreadable.
fn write(path: &Path, key: &str) -> std::io::Result<()> {
    let draft = path.with_extension("key.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()?;
    fs::rename(draft, path)
}

fn fresh(clock: &Clock) -> String {
    format!("{:032x}{:032x}", clock.random(), clock.random())
}
