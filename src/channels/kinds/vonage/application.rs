//! The tokens by which an application of an account signs in: minted by us, kept while they are good, and put aside when
//! the vendor finds one stale.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use serde_json::json;

use crate::{
    channels::{
        provider::SendError,
        signing_key::{BadKey, Mark, SigningKey},
    },
    clock::Clock,
    domain::failure::Failure,
    outbound::secret_header,
};

/// How long a token is good, as the vendor's own libraries have it.
const LIFE: Duration = Duration::from_mins(15);

/// How long it is used: not in its last moments, lest it expires on its way.
const USED: Duration = Duration::from_mins(14);

/// An application and its key.
pub(super) struct Application {
    id: String,
    key: SigningKey,
    clock: Clock,
    minted: ArcSwapOption<Minted>,
}

struct Minted {
    header: HeaderValue,
    key: Mark,
    until: Instant,
}

/// What a call signs in with.
pub(super) struct Pass {
    /// The value of `Authorization`.
    pub(super) header: HeaderValue,
    /// Whether it was made for this very call: such a one cannot have become stale.
    pub(super) fresh: bool,
}

impl Application {
    /// An application that has no token yet.
    pub(super) fn new(id: String, key: SigningKey, clock: Clock) -> Self {
        Self {
            id,
            key,
            clock,
            minted: ArcSwapOption::empty(),
        }
    }

    /// A token that is good now, of the present key.
    pub(super) fn pass(&self) -> Result<Pass, SendError> {
        let (now, key) = (self.clock.now(), self.key.mark());
        if let Some(minted) = &*self.minted.load()
            && minted.key == key
            && now < minted.until
        {
            let header = minted.header.clone();
            let fresh = false;
            return Ok(Pass { header, fresh });
        }
        let header = self.mint();
        let header = header.map_err(|BadKey| SendError::new(Failure::Account, "private_key"))?;
        let minted = Minted {
            header: header.clone(),
            key,
            until: now + USED,
        };
        self.minted.store(Some(Arc::new(minted)));
        let fresh = true;
        Ok(Pass { header, fresh })
    }

    /// What a refusal of a token means. One that was good before may have become stale and is put aside.
    pub(super) fn refused(&self, pass: &Pass) -> Failure {
        if pass.fresh {
            return Failure::Account;
        }
        self.minted.store(None);
        Failure::CredentialStale
    }

    fn mint(&self) -> Result<HeaderValue, BadKey> {
        let since = self.clock.unix_ms() / 1000;
        let claims = json!({
            "application_id": self.id,
            "iat": since,
            "exp": since + LIFE.as_secs(),
            "jti": format!("{:032x}", self.clock.random()),
        });
        let token = self.key.sign(None, &claims)?;
        secret_header(&format!("Bearer {token}")).ok_or(BadKey)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::Jwk};
    use serde_json::Value;

    use super::*;
    use crate::{
        clock::Manual,
        config::secret::{Secret, SecretRef, Secrets},
    };

    const PEM: &str = include_str!("../../../../tests/fixtures/oauth/signing-key.pem");
    const JWK: &str = include_str!("../../../../tests/fixtures/oauth/signing-key.jwk.json");

    fn application(pem: Secret) -> (Application, Arc<Manual>) {
        let time = Manual::at(1_700_000_000_500);
        let key = SigningKey::new(pem).unwrap();
        let clock = Clock::from_source(time.clone());
        (Application::new("a-b-c".to_owned(), key, clock), time)
    }

    fn claims(pass: &Pass) -> Value {
        let token = pass.header.to_str().unwrap().strip_prefix("Bearer ");
        let jwk: Jwk = serde_json::from_str(JWK).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        let read = jsonwebtoken::decode(token.unwrap(), &key, &validation);
        read.unwrap().claims
    }

    #[test]
    fn a_token_says_whose_it_is_and_how_long() {
        let (application, _) = application(Secret::fixed(PEM));
        let pass = application.pass().unwrap();
        assert!(pass.header.is_sensitive());
        let expect = json!({
            "application_id": "a-b-c",
            "iat": 1_700_000_000,
            "exp": 1_700_000_900,
            "jti": "00000000000000000000000000000001",
        });
        assert_eq!(claims(&pass), expect);
    }

    #[test]
    fn a_token_is_kept_while_it_is_good() {
        let (application, time) = application(Secret::fixed(PEM));
        let turn = |fresh: bool, number: &str| {
            let pass = application.pass().unwrap();
            let jti = claims(&pass)["jti"].as_str().unwrap().to_owned();
            assert_eq!((pass.fresh, jti.ends_with(number)), (fresh, true), "{jti}");
            pass
        };
        turn(true, "1");
        time.advance(Duration::from_mins(14) - Duration::from_millis(1));
        turn(false, "1");
        time.advance(Duration::from_millis(1));
        let pass = turn(true, "2");
        // The vendor's word on a token of this moment is about the account.
        assert_eq!(application.refused(&pass), Failure::Account);
        let pass = turn(false, "2");
        assert_eq!(application.refused(&pass), Failure::CredentialStale);
        turn(true, "3");
    }

    #[test]
    fn a_new_key_has_a_new_token() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pem");
        fs::write(&file, PEM).unwrap();
        let secrets = Secrets::new(Arc::new(|_| None));
        let pem = secrets.resolve(&SecretRef::File(file.clone())).unwrap();
        let (application, _) = application(pem);
        assert!(application.pass().unwrap().fresh);
        fs::write(&file, format!("{PEM}\n\n")).unwrap();
        assert_eq!(secrets.refresh().0, 1);
        assert!(application.pass().unwrap().fresh);
        assert!(!application.pass().unwrap().fresh);
    }
}
