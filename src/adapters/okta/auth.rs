//! Who may call for a tenant: whoever shows one of its header secrets, or a bearer token of its OAuth server.

use std::{sync::Arc, time::Instant};

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

use super::{
    jwks::KeySet,
    jwt::{self, Expected},
};
use crate::{clock::Clock, config::secret::Secret};

/// What a caller must show.
pub struct Credentials {
    header: HeaderName,
    secrets: Vec<Secret>,
    /// What a token must say, where one is enough.
    expected: Option<Expected>,
    /// Keys that verify tokens. A tenant without OAuth has somebody else's: it takes as long to turn a token away as it
    /// takes the others, and so it does not show by the time that there is no OAuth, or no such tenant.
    keys: Option<Arc<KeySet>>,
}

impl Credentials {
    /// Any of these secrets in this header, or a token that says what is expected.
    pub fn new(
        header: HeaderName,
        secrets: Vec<Secret>,
        expected: Option<Expected>,
        keys: Option<Arc<KeySet>>,
    ) -> Self {
        Self {
            header,
            secrets,
            expected,
            keys,
        }
    }

    /// What nobody can show: for tenants that do not exist, so that they take the time of those that do.
    pub fn of_nobody(clock: &Clock, keys: Option<Arc<KeySet>>) -> Self {
        let unknown = Secret::fixed(format!("{:032x}", clock.random()));
        Self::new(AUTHORIZATION, vec![unknown], None, keys)
    }

    /// Whether these headers show enough. Waits for fresh keys no longer than until `deadline`.
    pub async fn admit(&self, headers: &HeaderMap, deadline: Instant, clock: &Clock) -> bool {
        self.has_secret(headers) || self.has_token(headers, deadline, clock).await
    }

    fn has_secret(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(&self.header)
            .map_or(&b""[..], HeaderValue::as_bytes);
        // All of them, always: which one it was does not show by the time.
        let secrets = self.secrets.iter();
        secrets.fold(false, |found, secret| found | secret.matches(given))
    }

    async fn has_token(&self, headers: &HeaderMap, deadline: Instant, clock: &Clock) -> bool {
        let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let (Some(token), Some(keys)) = (given.and_then(jwt::bearer), &self.keys) else {
            return false;
        };
        let Some(id) = jwt::key_id(token) else {
            return false;
        };
        let keys = keys.with(&id, deadline).await;
        let claims = keys.get(&id).and_then(|key| key.verify(token));
        let now = std::time::Duration::from_millis(clock.unix_ms()).as_secs_f64();
        claims.is_some_and(|claims| {
            let expected = self.expected.as_ref();
            expected.is_some_and(|expected| expected.admits(&claims, now))
        })
    }
}
