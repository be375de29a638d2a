//! HTTP Basic credentials whose password follows its secret.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::{config::secret::Secret, outbound::secret_header};

/// A user and a password, with the header they make.
pub struct BasicAuth {
    user: String,
    password: Secret,
    made: ArcSwap<Made>,
}

/// A header, and the password it was made of.
struct Made {
    password: Arc<SecretString>,
    header: HeaderValue,
}

impl BasicAuth {
    /// Credentials of a user.
    pub fn new(user: String, password: Secret) -> Self {
        let made = Made::of(&user, password.load());
        Self {
            user,
            password,
            made: ArcSwap::from_pointee(made),
        }
    }

    /// The value of `Authorization`, made anew only when the password has changed.
    pub fn header(&self) -> HeaderValue {
        let password = self.password.load();
        let made = self.made.load();
        // The header holds on to its password, so no later one can have the same address.
        if Arc::ptr_eq(&made.password, &password) {
            return made.header.clone();
        }
        let made = Made::of(&self.user, password);
        let header = made.header.clone();
        self.made.store(Arc::new(made));
        header
    }
}

impl Made {
    fn of(user: &str, password: Arc<SecretString>) -> Self {
        let pair = format!("{user}:{}", password.expose_secret());
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        let header = secret_header(&value).expect("Base64 has no byte that a header may not have");
        Self { password, header }
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BasicAuth")
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

    use super::*;
    use crate::config::secret::{SecretRef, Secrets};

    #[test]
    fn the_header_is_sensitive_and_follows_the_secret() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        fs::write(&file, "Aladdin's: lämp\n").unwrap();
        let secrets = Secrets::new(Arc::new(|_| None));
        let password = secrets.resolve(&SecretRef::File(file.clone())).unwrap();
        let auth = BasicAuth::new("user".to_owned(), password);
        let first = auth.header();
        assert_eq!(first, "Basic dXNlcjpBbGFkZGluJ3M6IGzDpG1w");
        assert!(first.is_sensitive());

        fs::write(&file, "other").unwrap();
        assert_eq!(secrets.refresh().0, 1);
        assert_eq!(auth.header(), "Basic dXNlcjpvdGhlcg==");
        assert_eq!(auth.header(), "Basic dXNlcjpvdGhlcg==");
        assert!(auth.header().is_sensitive());
        assert_eq!(format!("{auth:?}"), "BasicAuth");
    }
}
