//! The simulated org's tokens for service apps, asked for over HTTP as its documentation asks.

use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use super::{Okta, Settings, users::User};
use crate::{
    clock::{Clock, Manual},
    sandbox::{
        asking::{Answered, Asking},
        keys::RsaKey,
    },
};

pub(super) const NOW_MS: u64 = 1_772_442_930_000;
pub(super) const NOW: u64 = NOW_MS / 1000;
const PLAIN: &str = "0oa0sandbox0profile1";
const BOUND: &str = "0oa0sandbox0profile2";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An org, and a client of its own with both its keys.
pub(super) struct World {
    pub(super) okta: Okta,
    key: RsaKey,
    proving: EncodingKey,
}

pub(super) async fn start() -> World {
    let key = RsaKey::generate(&Clock::system()).await.expect("a key");
    let mina = json!({ "whatsappOptIn": true, "lineUserId": "U0123456789" });
    let settings = Settings {
        service_key: Some(key.jwk().expect("a JWK")),
        reads_per_minute: 5,
        users: vec![User::new(
            "00u0000000000000001",
            "mina.sato@acme.example",
            mina,
        )],
        ..Settings::default()
    };
    let clock = Clock::from_source(Manual::at(NOW_MS));
    let okta = Okta::start(settings, clock).await.expect("a free port");
    let proving = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let proving = EncodingKey::from_ec_pem(proving.as_bytes()).expect("a P-256 key");
    World { okta, key, proving }
}

impl World {
    fn token_url(&self) -> String {
        format!("{}/oauth2/v1/token", self.okta.url())
    }

    fn claims(&self, client: &str) -> Value {
        json!({ "iss": client, "sub": client, "aud": self.token_url(), "exp": NOW + 300, "iat": NOW })
    }

    fn asking(&self, claims: &Value) -> Asking {
        let assertion = self.key.sign(&self.key.head(), claims).expect("a token");
        self.presenting(&assertion)
    }

    fn presenting(&self, assertion: &str) -> Asking {
        Asking::new(Method::POST, &self.token_url()).form(&[
            ("grant_type", "client_credentials"),
            ("scope", "okta.users.read"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ])
    }

    /// A proof with these claims, signed by the client's second key.
    pub(super) fn proof(&self, claims: &Value) -> String {
        let mut head = Header::new(Algorithm::ES256);
        head.typ = Some("dpop+jwt".to_owned());
        let public = Jwk::from_encoding_key(&self.proving, Algorithm::ES256);
        head.jwk = Some(public.expect("a JWK"));
        encode(&head, claims, &self.proving).expect("a proof")
    }

    fn token_proof(&self, jti: &str) -> Value {
        json!({ "htm": "POST", "htu": self.token_url(), "iat": NOW, "jti": jti })
    }

    pub(super) async fn plain_token(&self) -> String {
        text(
            &self.asking(&self.claims(PLAIN)).json().await,
            "access_token",
        )
    }

    /// A token that is bound to the second key.
    pub(super) async fn bound_token(&self) -> String {
        let asking = self.asking(&self.claims(BOUND));
        let first = self.token_proof("first");
        let refused = asking
            .clone()
            .with("dpop", &self.proof(&first))
            .json()
            .await;
        assert_eq!((refused.status, error(&refused)), (400, "use_dpop_nonce"));
        let nonce = refused.headers.get("dpop-nonce").expect("a nonce");
        let mut second = self.token_proof("second");
        second["nonce"] = json!(nonce.to_str().expect("text"));
        let given = asking.with("dpop", &self.proof(&second)).json().await;
        assert_eq!(given.body["token_type"], "DPoP");
        text(&given, "access_token")
    }
}

fn text(answer: &Answered, name: &str) -> String {
    answer.body[name].as_str().expect(name).to_owned()
}

fn error(answer: &Answered) -> &str {
    assert!(answer.body["error_description"].is_string());
    answer.body["error"].as_str().expect("an error")
}

#[tokio::test]
async fn an_app_signs_in_with_its_key() {
    let world = start().await;
    let given = world.asking(&world.claims(PLAIN)).json().await;
    assert_eq!(
        (given.status, &given.body["token_type"]),
        (200, &json!("Bearer"))
    );
    assert_eq!(given.body["expires_in"], 3600);
    let unnamed = json!({ "alg": "RS256" });
    let unnamed = world
        .key
        .sign(&unnamed, &world.claims(PLAIN))
        .expect("a token");
    assert_eq!(world.presenting(&unnamed).json().await.status, 200);
    assert_eq!(given.body["scope"], "okta.users.read");
    assert_eq!(world.okta.service_tokens(), 2);
}

#[tokio::test]
async fn assertions_are_checked() {
    let world = start().await;
    for (name, value) in [
        ("iss", json!("0oa0other")),
        ("sub", json!("0oa0other")),
        ("aud", json!("https://acme.okta.example/oauth2/v1/token")),
        ("aud", json!(null)),
        ("exp", json!(NOW)),
        ("exp", json!(NOW + 3661)),
        ("exp", json!(null)),
    ] {
        let mut bad = world.claims(PLAIN);
        bad[name] = value;
        let denied = world.asking(&bad).json().await;
        assert_eq!(
            (denied.status, error(&denied)),
            (401, "invalid_client"),
            "{name}"
        );
    }
    let other = RsaKey::generate(&Clock::system()).await.expect("a key");
    for head in [world.key.head(), other.head()] {
        let forged = other.sign(&head, &world.claims(PLAIN)).expect("a token");
        assert_eq!(world.presenting(&forged).json().await.status, 401);
    }
    let asking = world.asking(&world.claims(PLAIN));
    let denied = asking
        .clone()
        .form(&[("grant_type", "password")])
        .json()
        .await;
    assert_eq!(error(&denied), "unsupported_grant_type");
    let assertion = world
        .key
        .sign(&world.key.head(), &world.claims(PLAIN))
        .expect("a token");
    let scope = [
        ("grant_type", "client_credentials"),
        ("scope", "okta.users.manage"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &assertion),
    ];
    let denied = asking.form(&scope).json().await;
    assert_eq!(error(&denied), "invalid_scope");
    assert_eq!(world.okta.service_tokens(), 0);
}

#[tokio::test]
async fn an_app_that_must_prove_its_key_gets_a_token_of_that_kind() {
    let world = start().await;
    let without = world.asking(&world.claims(BOUND)).json().await;
    assert_eq!(error(&without), "invalid_dpop_proof");
    world.bound_token().await;
    assert_eq!(world.okta.service_tokens(), 1);
}

#[tokio::test]
async fn proofs_are_checked() {
    let world = start().await;
    let check = async |proof: &str, expect: &str| {
        let asking = world.asking(&world.claims(BOUND)).with("dpop", proof);
        let denied = asking.json().await;
        assert_eq!((denied.status, error(&denied)), (400, expect));
    };
    for (name, value) in [
        ("htm", json!("GET")),
        ("htu", json!("https://acme.okta.example/oauth2/v1/token")),
        ("iat", json!(NOW - 301)),
        ("iat", json!(NOW + 61)),
        ("jti", json!(null)),
    ] {
        let mut bad = world.token_proof("bad");
        bad[name] = value;
        check(&world.proof(&bad), "invalid_dpop_proof").await;
    }
    check("nonsense", "invalid_dpop_proof").await;
    let ordinary = world
        .key
        .sign(&world.key.head(), &world.token_proof("a"))
        .expect("a token");
    check(&ordinary, "invalid_dpop_proof").await;
    let twice = world.proof(&world.token_proof("twice"));
    check(&twice, "use_dpop_nonce").await;
    check(&twice, "invalid_dpop_proof").await;
    let mut old = world.token_proof("old");
    old["nonce"] = json!("of last week");
    check(&world.proof(&old), "use_dpop_nonce").await;
}
