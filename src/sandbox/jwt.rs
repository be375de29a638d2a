//! Reads signed tokens (JWT) as a simulated vendor must: nothing in one is believed before its signature.

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header, jwk::Jwk};
use serde_json::{Map, Value};

/// How far the clocks of both sides may be apart, in seconds.
const LEEWAY: u64 = 60;

/// The claims of a token whose signature is good.
pub(super) struct Claims(Map<String, Value>);

/// Why a token's time is not now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untimely {
    /// It has none.
    Missing,
    /// It is over.
    Expired,
    /// It lasts longer than allowed.
    TooLong,
    /// It has not begun.
    Early,
}

impl Claims {
    /// A claim that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim that is a whole number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// Whether the token is meant for `audience`.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::Array(many)) => many.iter().any(|one| one == audience),
            Some(one) => one == audience,
            None => false,
        }
    }

    /// Checks `exp`, and `iat` where there is one, at `now` seconds since 1970. `longest` is how far ahead, in seconds,
    /// the end may be.
    pub(super) fn timely(&self, now: u64, longest: u64) -> Result<(), Untimely> {
        let end = self.number("exp").ok_or(Untimely::Missing)?;
        if end <= now {
            return Err(Untimely::Expired);
        }
        if end > now + longest + LEEWAY {
            return Err(Untimely::TooLong);
        }
        match self.number("iat") {
            Some(begin) if begin > now + LEEWAY => Err(Untimely::Early),
            _ => Ok(()),
        }
    }

    /// Whether `iat` is at most `within` seconds before `now`, and not after it.
    pub(super) fn is_fresh(&self, now: u64, within: u64) -> bool {
        let made = self.number("iat");
        made.is_some_and(|made| made <= now + LEEWAY && made + within >= now)
    }
}

/// The head of a token, believed or not: it says which key to try.
pub(super) fn head(token: &str) -> Option<Header> {
    decode_header(token).ok()
}

/// The claims of a token that `key` has signed by one of these algorithms. Times are not looked at.
pub(super) fn read(token: &str, key: &Jwk, algorithms: &[Algorithm]) -> Option<Claims> {
    let algorithm = head(token)?.alg;
    if !algorithms.contains(&algorithm) {
        return None;
    }
    let mut rules = Validation::new(algorithm);
    // Times are the simulator's to judge, by its own clock.
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    let key = DecodingKey::from_jwk(key).ok()?;
    let read = decode(token, &key, &rules).ok()?;
    Some(Claims(read.claims))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{clock::Clock, sandbox::keys::RsaKey};

    const RS256: &[Algorithm] = &[Algorithm::RS256];

    async fn key() -> RsaKey {
        RsaKey::generate(&Clock::system()).await.expect("a key")
    }

    #[tokio::test]
    async fn only_the_right_key_and_algorithm_count() {
        let (ours, theirs) = (key().await, key().await);
        let public = ours.jwk().expect("a JWK");
        let claims = json!({ "sub": "me", "aud": ["x", "y"] });
        let token = ours.sign(&ours.head(), &claims).expect("a token");
        let read_by = |algorithms| read(&token, &public, algorithms);
        let good = read_by(RS256).expect("verified");
        assert_eq!(good.text("sub"), Some("me"));
        assert!(good.is_for("y") && !good.is_for("z"));
        assert!(read_by(&[Algorithm::ES256, Algorithm::RS512]).is_none());
        let foreign = theirs.sign(&ours.head(), &claims).expect("a token");
        assert!(read(&foreign, &public, RS256).is_none());
        let (signed, _) = token.rsplit_once('.').expect("three parts");
        for bad in ["", "a.b.c", &format!("{signed}."), &token[1..]] {
            assert!(read(bad, &public, RS256).is_none(), "{bad}");
        }
    }

    #[test]
    fn each_time_has_its_judgement() {
        let check = |claims: Value, expect: Result<(), Untimely>| {
            let map = claims.as_object().expect("a map").clone();
            assert_eq!(Claims(map).timely(1000, 900), expect, "{claims}");
        };
        check(json!({ "exp": 1001 }), Ok(()));
        check(json!({ "exp": 1960, "iat": 1060 }), Ok(()));
        check(json!({}), Err(Untimely::Missing));
        check(json!({ "exp": "1001" }), Err(Untimely::Missing));
        check(json!({ "exp": 1000 }), Err(Untimely::Expired));
        check(json!({ "exp": 1961 }), Err(Untimely::TooLong));
        check(json!({ "exp": 1500, "iat": 1061 }), Err(Untimely::Early));
        let fresh = |iat: u64| {
            let map = json!({ "iat": iat }).as_object().expect("a map").clone();
            Claims(map).is_fresh(1000, 300)
        };
        assert!(fresh(1000) && fresh(700) && fresh(1060));
        assert!(!fresh(699) && !fresh(1061));
    }
}
