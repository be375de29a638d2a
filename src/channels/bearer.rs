//! A bearer token whose header follows its secret.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::{config::secret::Secret, outbound::secret_header};

/// The token has bytes that no header may have, such as a line end in its middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no token: it has bytes that no header may have")]
pub struct BadToken;

/// A bearer token.
pub struct Bearer {
    token: Secret,
    made: ArcSwap<Made>,
}

/// A header, and the token it was made of.
struct Made {
    token: Arc<SecretString>,
    header: HeaderValue,
}

impl Bearer {
    /// The token that a secret holds.
    pub fn new(token: Secret) -> Result<Self, BadToken> {
        let now = token.load();
        let header = header_of(&now).ok_or(BadToken)?;
        let made = ArcSwap::from_pointee(Made { token: now, header });
        Ok(Self { token, made })
    }

    /// The value of `Authorization`, made anew only when the token has changed. While its file holds no token that a
    /// header can carry, it is the last good one.
    pub fn header(&self) -> HeaderValue {
        let token = self.token.load();
        let made = self.made.load();
        // The header holds on to its token, so no later one can have the same address.
        if Arc::ptr_eq(&made.token, &token) {
            return made.header.clone();
        }
        let header = header_of(&token).unwrap_or_else(|| made.header.clone());
        let made = Made {
            token,
            header: header.clone(),
        };
        self.made.store(Arc::new(made));
        header
    }
}

fn header_of(token: &SecretString) -> Option<HeaderValue> {
    secret_header(&format!("Bearer {}", token.expose_secret()))
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::secret::{SecretRef, Secrets};

    #[test]
    fn the_header_is_sensitive_and_follows_the_secret_while_it_is_a_token() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let secrets = Secrets::new(Arc::new(|_| None));
        let turn = |token: &str| {
            fs::write(&file, token).unwrap();
            secrets.refresh();
        };
        turn("EAAG-1\n");
        let token = secrets.resolve(&SecretRef::File(file.clone())).unwrap();
        let bearer = Bearer::new(token).unwrap();
        assert_eq!(bearer.header(), "Bearer EAAG-1");
        assert!(bearer.header().is_sensitive());
        turn("EAAG-2");
        assert_eq!(bearer.header(), "Bearer EAAG-2");
        turn("EAAG-3\nEAAG-4\n");
        assert_eq!(bearer.header(), "Bearer EAAG-2");
        assert!(bearer.header().is_sensitive());
        turn("EAAG-5");
        assert_eq!(bearer.header(), "Bearer EAAG-5");
        assert_eq!(format!("{bearer:?}"), "Bearer");
    }

    #[test]
    fn what_no_header_carries_is_no_token() {
        let bearer = |token: &str| Bearer::new(Secret::fixed(token));
        assert_eq!(bearer("a\nb").unwrap_err(), BadToken);
        assert!(bearer("a b").is_ok());
    }
}
