//! Secrets: where they are written in the file, and the values behind, which follow their files.

use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The largest file that may hold a secret, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Where a secret is: `{ env: NAME }` or `{ file: PATH }`. Never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, which is read again when it changes. A last line end is not part of it.
    File(PathBuf),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "{ env: NAME } or { file: PATH }",
            "description": "Where a secret is: in an environment variable, or in a file, which is read again when it changes. Never the secret itself.",
            "type": "object",
            "properties": {
                "env": { "title": "the name of a variable", "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
                "file": { "title": "the path of a file", "type": "string", "minLength": 1 },
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

/// Why a secret cannot be had. Never says anything of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no such variable or file.
    #[error("{0} is not set or cannot be read")]
    Missing(SecretRef),
    /// It is there and empty.
    #[error("{0} is empty")]
    Empty(SecretRef),
    /// It is there and too short to be one.
    #[error("{0} has fewer than {1} bytes")]
    Short(SecretRef, usize),
}

/// A secret's present value; every clone follows the file.
#[derive(Clone)]
pub struct Secret(Arc<ArcSwap<SecretString>>);

impl Secret {
    /// A secret that is not in the configuration: made at start, or given by a test.
    pub fn fixed(value: impl Into<String>) -> Self {
        let value = SecretString::from(value.into());
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// The present value.
    pub fn load(&self) -> Arc<SecretString> {
        self.0.load_full()
    }

    /// Whether the present value has these bytes, in constant time for values of one length.
    pub fn matches(&self, given: &[u8]) -> bool {
        let value = self.0.load();
        subtle::ConstantTimeEq::ct_eq(value.expose_secret().as_bytes(), given).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Reads a variable of the environment; handed in, so that tests never set one.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Resolves secrets and remembers those that may change.
pub struct Secrets {
    environment: Environment,
    followed: Mutex<Vec<Followed>>,
}

struct Followed {
    from: SecretRef,
    least: usize,
    secret: Secret,
}

impl Secrets {
    /// Reads variables through `environment`.
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            followed: Mutex::new(Vec::new()),
        }
    }

    /// The secret behind a reference; unset or empty is an error.
    pub fn resolve(&self, from: &SecretRef) -> Result<Secret, SecretError> {
        self.resolve_of(from, 1)
    }

    /// The same for a secret of at least `bytes` bytes, which also binds what its file says later.
    pub fn resolve_of(&self, from: &SecretRef, bytes: usize) -> Result<Secret, SecretError> {
        let secret = Secret::fixed(self.read(from, bytes)?);
        if matches!(from, SecretRef::File(_)) {
            let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
            followed.push(Followed {
                from: from.clone(),
                least: bytes,
                secret: secret.clone(),
            });
        }
        Ok(secret)
    }

    /// Reads every file again and swaps in what changed. Returns how many changed, and what could not be read: such a
    /// secret keeps its last value.
    pub fn refresh(&self) -> (usize, Vec<SecretError>) {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        // A secret that only this list still holds belongs to a configuration that is gone.
        followed.retain(|entry| Arc::strong_count(&entry.secret.0) > 1);
        let mut changed = 0;
        let mut failed = Vec::new();
        for Followed {
            from,
            least,
            secret,
        } in followed.iter()
        {
            match self.read(from, *least) {
                Ok(value) if value == secret.load().expose_secret() => {}
                Ok(value) => {
                    secret.0.store(Arc::new(SecretString::from(value)));
                    changed += 1;
                }
                Err(problem) => failed.push(problem),
            }
        }
        (changed, failed)
    }

    fn read(&self, from: &SecretRef, least: usize) -> Result<String, SecretError> {
        let missing = || SecretError::Missing(from.clone());
        let value = match from {
            SecretRef::Env(name) => (self.environment)(name).ok_or_else(missing)?,
            SecretRef::File(path) => read_file(path).ok_or_else(missing)?,
        };
        if value.trim().is_empty() {
            return Err(SecretError::Empty(from.clone()));
        }
        if value.len() < least {
            return Err(SecretError::Short(from.clone(), least));
        }
        Ok(value)
    }
}

/// The text of a file without its last line end; `None` where it cannot be read, is not UTF-8, or is larger than any
/// secret or chain of certificates.
fn read_file(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).ok()?;
    if text.len() as u64 > MAX_BYTES {
        return None;
    }
    let end = text
        .strip_suffix('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line).len());
    text.truncate(end.unwrap_or(text.len()));
    Some(text)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "0123456789abcdef";

    fn secrets(variable: &'static str) -> Secrets {
        Secrets::new(Arc::new(move |name| {
            (name == "TOKEN").then(|| variable.to_owned())
        }))
    }

    fn value(secret: &Secret) -> String {
        secret.load().expose_secret().to_owned()
    }

    #[test]
    fn variables() {
        let from = SecretRef::Env("TOKEN".to_owned());
        let check = |variable, least, expect: Result<&str, SecretError>| {
            let found = secrets(variable).resolve_of(&from, least);
            assert_eq!(
                found.map(|secret| value(&secret)),
                expect.map(str::to_owned),
                "{variable:?}"
            );
        };
        check("hunter2", 1, Ok("hunter2"));
        check("hunter2\n", 1, Ok("hunter2\n"));
        check(LONG, 16, Ok(LONG));
        check("", 1, Err(SecretError::Empty(from.clone())));
        check(" \n", 1, Err(SecretError::Empty(from.clone())));
        check("hunter2", 16, Err(SecretError::Short(from.clone(), 16)));
        let unset = SecretRef::Env("OTHER".to_owned());
        let error = secrets("hunter2").resolve(&unset).unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable OTHER is not set or cannot be read"
        );
    }

    #[test]
    fn files_lose_their_last_line_end_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let from = SecretRef::File(path.clone());
        let check = |content: &[u8], expect: Result<&str, SecretError>| {
            std::fs::write(&path, content).unwrap();
            let found = secrets("").resolve(&from);
            assert_eq!(
                found.map(|secret| value(&secret)),
                expect.map(str::to_owned),
                "{content:?}"
            );
        };
        check(b"hunter2", Ok("hunter2"));
        check(b"hunter2\n", Ok("hunter2"));
        check(b"hunter2\r\n", Ok("hunter2"));
        check(b"a\nb\n\n", Ok("a\nb\n"));
        check(b"a\r", Ok("a\r"));
        check(b"", Err(SecretError::Empty(from.clone())));
        check(b"\n", Err(SecretError::Empty(from.clone())));
        check(b"\xff", Err(SecretError::Missing(from.clone())));
        check(
            &vec![b'x'; 2 << 20],
            Err(SecretError::Missing(from.clone())),
        );
        let nowhere = SecretRef::File(folder.path().join("nowhere"));
        assert_eq!(
            secrets("").resolve(&nowhere).unwrap_err(),
            SecretError::Missing(nowhere)
        );
    }

    #[test]
    fn a_secret_follows_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, LONG).unwrap();
        let from = SecretRef::File(path.clone());
        let secrets = secrets("");
        let secret = secrets.resolve_of(&from, 16).unwrap();
        let copy = secret.clone();
        assert_eq!(secrets.refresh(), (0, vec![]));

        std::fs::write(&path, "fedcba9876543210\n").unwrap();
        assert_eq!(secrets.refresh(), (1, vec![]));
        assert_eq!(value(&copy), "fedcba9876543210");
        assert!(copy.matches(b"fedcba9876543210") && !copy.matches(LONG.as_bytes()));

        std::fs::write(&path, "short").unwrap();
        assert_eq!(
            secrets.refresh(),
            (0, vec![SecretError::Short(from.clone(), 16)])
        );
        std::fs::remove_file(&path).unwrap();
        assert_eq!(secrets.refresh(), (0, vec![SecretError::Missing(from)]));
        assert_eq!(value(&secret), "fedcba9876543210");
    }

    #[test]
    fn a_forgotten_secret_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "hunter2").unwrap();
        let secrets = secrets("");
        let secret = secrets.resolve(&SecretRef::File(path.clone())).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(secrets.refresh().1.len(), 1);
        drop(secret);
        assert_eq!(secrets.refresh(), (0, vec![]));
        assert!(secrets.followed.lock().unwrap().is_empty());
    }

    #[test]
    fn matching_takes_the_very_bytes() {
        let secret = Secret::fixed(LONG);
        assert!(secret.matches(LONG.as_bytes()));
        for other in [
            &b""[..],
            b"0123456789abcdeF",
            b"0123456789abcde",
            b"0123456789abcdef0",
        ] {
            assert!(!secret.matches(other));
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let secrets = secrets("hunter2");
        let secret = secrets
            .resolve(&SecretRef::Env("TOKEN".to_owned()))
            .unwrap();
        let printed = format!(
            "{secret:?} {secrets:?} {:?}",
            secrets.resolve_of(&SecretRef::Env("TOKEN".to_owned()), 16)
        );
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
