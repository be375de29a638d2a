//! OAuth: which bearer tokens are let in, and how seldom the key server is asked.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, routing::get};
use futures_util::future::join_all;
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::task::TaskTracker;

use super::support::{Reply, SECRET, TestDoor, acme, file, fixture, patient, post};
use crate::adapters::okta::jwks::Pace;

const AUDIENCE: &str = "api://otp";

/// How the key server answers.
#[derive(Clone)]
enum Server {
    Keys(Vec<Value>),
    Down,
    Hangs,
    Huge,
    Garbage,
}

struct Shelf {
    server: Mutex<Server>,
    fetches: AtomicUsize,
    fetched: Notify,
}

/// A key server on a port of its own.
struct KeyServer {
    url: String,
    shelf: Arc<Shelf>,
    _tasks: TaskTracker,
}

impl KeyServer {
    async fn start(server: Server) -> Self {
        let shelf = Arc::new(Shelf {
            server: Mutex::new(server),
            fetches: AtomicUsize::new(0),
            fetched: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let routes = Router::new()
            .route("/v1/keys", get(keys))
            .with_state(shelf.clone());
        let tasks = TaskTracker::new();
        tasks.spawn(async move { axum::serve(listener, routes).await });
        Self {
            url: format!("http://{address}"),
            shelf,
            _tasks: tasks,
        }
    }

    fn becomes(&self, server: Server) {
        *self
            .shelf
            .server
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = server;
    }

    fn fetches(&self) -> usize {
        self.shelf.fetches.load(Ordering::SeqCst)
    }
}

async fn keys(State(shelf): State<Arc<Shelf>>) -> (StatusCode, String) {
    shelf.fetches.fetch_add(1, Ordering::SeqCst);
    shelf.fetched.notify_one();
    let server = shelf
        .server
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    match server {
        Server::Keys(keys) => (StatusCode::OK, json!({ "keys": keys }).to_string()),
        Server::Down => (StatusCode::SERVICE_UNAVAILABLE, "down".to_owned()),
        Server::Hangs => std::future::pending().await,
        Server::Huge => (
            StatusCode::OK,
            format!(r#"{{"keys":[{}"#, " ".repeat(10 << 20)),
        ),
        Server::Garbage => (StatusCode::OK, "<html>".to_owned()),
    }
}

/// A signing key with its public side.
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
    public: Value,
}

fn rsa() -> Signer {
    let pem = file("oauth", "signing-key.pem");
    Signer {
        id: "rsa-1",
        algorithm: Algorithm::RS256,
        key: EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key"),
        public: serde_json::from_str(&file("oauth", "signing-key.jwk.json")).expect("a JWK"),
    }
}

fn elliptic() -> Signer {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    // An uncompressed point: 4, x, y.
    let point = pair.der_bytes();
    Signer {
        id: "ec-1",
        algorithm: Algorithm::ES256,
        key: EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).expect("a key"),
        public: json!({
            "kty": "EC", "crv": "P-256", "kid": "ec-1", "use": "sig",
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
        }),
    }
}

impl Signer {
    fn sign(&self, claims: &Value) -> String {
        self.sign_as(self.id, claims)
    }

    fn sign_as(&self, id: &str, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(id.to_owned());
        jsonwebtoken::encode(&header, claims, &self.key).expect("a token")
    }
}

/// A door for `acme` whose tokens come from this server.
fn door(server: &KeyServer, pace: Pace) -> TestDoor {
    let auth = json!({ "oauth": {
        "issuer": server.url, "audience": AUDIENCE, "scope": "otp.send", "client_id": "0oa1",
    }});
    let tenants = json!({
        "acme": acme(json!({ "auth": auth, "answer_within": "60s" })),
        "plain": acme(json!({})),
    });
    TestDoor::of(&tenants, pace, |_| ())
}

/// The claims of a good token, with this much changed.
fn claims(door: &TestDoor, server: &KeyServer, change: Value) -> Value {
    let now = door.clock.unix_ms() / 1000;
    let mut claims = json!({
        "iss": server.url, "aud": AUDIENCE, "exp": now + 300, "iat": now, "scp": ["otp.send"], "cid": "0oa1",
    });
    let (Value::Object(all), Value::Object(change)) = (&mut claims, change) else {
        panic!("claims are an object");
    };
    all.extend(change);
    claims
}

async fn ask(door: &TestDoor, tenant: &str, token: &str) -> Reply {
    let header = format!("Bearer {token}");
    door.ask(post(
        tenant,
        ("authorization", &header),
        fixture("hook.json"),
    ))
    .await
}

async fn status(door: &TestDoor, token: &str) -> StatusCode {
    ask(door, "acme", token).await.status
}

#[tokio::test]
async fn only_a_token_that_says_everything_is_let_in() {
    let (rsa, elliptic) = (rsa(), elliptic());
    let server = KeyServer::start(Server::Keys(vec![
        rsa.public.clone(),
        elliptic.public.clone(),
    ]))
    .await;
    let door = door(&server, patient());
    let good = claims(&door, &server, json!({}));
    for signer in [&rsa, &elliptic] {
        let reply = ask(&door, "acme", &signer.sign(&good)).await;
        assert_eq!(reply.told(), "SUCCESSFUL dlv_1");
    }
    let expect = ask(&door, "acme", "nonsense").await;
    assert_eq!(expect.status, StatusCode::UNAUTHORIZED);
    let now = door.clock.unix_ms() / 1000;
    for wrong in [
        json!({ "exp": now - 61 }),
        json!({ "nbf": now + 120 }),
        json!({ "iat": now + 120 }),
        json!({ "aud": "api://other" }),
        json!({ "iss": "https://evil.example" }),
        json!({ "scp": ["otp"] }),
        json!({ "cid": "0oa2" }),
        json!({ "exp": null }),
    ] {
        let token = rsa.sign(&claims(&door, &server, wrong.clone()));
        assert_eq!(ask(&door, "acme", &token).await, expect, "{wrong}");
    }
    // Right for acme: nobody else takes it, whether they exist or not, and a secret is not asked for in vain.
    let token = rsa.sign(&good);
    assert_eq!(ask(&door, "plain", &token).await, expect);
    assert_eq!(ask(&door, "nobody", &token).await, expect);
    let header = post("plain", ("authorization", SECRET), fixture("hook.json"));
    assert_eq!(door.ask(header).await.told(), "SUCCESSFUL dlv_1");
    assert_eq!(server.fetches(), 1);
    door.shut().await;
}

#[tokio::test]
async fn a_signature_counts_only_with_the_algorithm_of_its_key() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let rsa = rsa();
    let server = KeyServer::start(Server::Keys(vec![rsa.public.clone()])).await;
    let door = door(&server, patient());
    let claims = claims(&door, &server, json!({}));
    let good = rsa.sign(&claims);
    assert_eq!(status(&door, &good).await, StatusCode::OK);
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let (_, payload) = signed.split_once('.').expect("three parts");
    let part = |header: Value| URL_SAFE_NO_PAD.encode(header.to_string());
    let none = part(json!({ "alg": "none", "kid": "rsa-1" }));
    let crit = part(json!({ "alg": "RS256", "kid": "rsa-1", "crit": ["exp"] }));
    let no_key = part(json!({ "alg": "RS256" }));
    // The public key, which everybody knows, as the secret of an HMAC.
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("rsa-1".to_owned());
    let public = rsa.public["n"].as_str().expect("a modulus").as_bytes();
    let hmac = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(public));
    let other = elliptic().sign_as("rsa-1", &claims);
    let tampered = good.replace(payload, &part(json!({ "iss": server.url })));
    for bad in [
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{crit}.{payload}.{signature}"),
        format!("{no_key}.{payload}.{signature}"),
        hmac.expect("a token"),
        other,
        tampered,
        format!("{signed}."),
        signed.to_owned(),
        "x".repeat(100_000),
    ] {
        assert_eq!(status(&door, &bad).await, StatusCode::UNAUTHORIZED);
    }
    assert!(door.gateway.asked().len() == 1);
    door.shut().await;
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_one_fetch() {
    let rsa = rsa();
    let server = KeyServer::start(Server::Keys(vec![rsa.public.clone()])).await;
    let door = door(&server, patient());
    let claims = claims(&door, &server, json!({}));
    let good = rsa.sign(&claims);
    assert_eq!(status(&door, &good).await, StatusCode::OK);
    assert_eq!(server.fetches(), 1);
    let tokens: Vec<_> = (0..300)
        .map(|n| rsa.sign_as(&format!("unknown-{n}"), &claims))
        .collect();
    let replies = join_all(tokens.iter().map(|token| status(&door, token))).await;
    assert_eq!(replies, vec![StatusCode::UNAUTHORIZED; 300]);
    assert_eq!(server.fetches(), 2);
    for token in &tokens[..50] {
        assert_eq!(status(&door, token).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(server.fetches(), 2);
    assert_eq!(status(&door, &good).await, StatusCode::OK);
    door.shut().await;
}

#[tokio::test]
async fn a_new_key_is_fetched_for_the_first_token_it_signed() {
    let (rsa, elliptic) = (rsa(), elliptic());
    let server = KeyServer::start(Server::Keys(vec![rsa.public.clone()])).await;
    let door = door(&server, patient());
    let claims = claims(&door, &server, json!({}));
    assert_eq!(status(&door, &rsa.sign(&claims)).await, StatusCode::OK);
    server.becomes(Server::Keys(vec![elliptic.public.clone()]));
    let token = elliptic.sign(&claims);
    let replies = join_all((0..20).map(|_| status(&door, &token))).await;
    assert_eq!(replies, vec![StatusCode::OK; 20]);
    assert_eq!(server.fetches(), 2);
    // The old key is gone with the fetch.
    assert_eq!(
        status(&door, &rsa.sign(&claims)).await,
        StatusCode::UNAUTHORIZED
    );
    door.shut().await;
}

#[tokio::test]
async fn a_server_in_trouble_takes_no_keys_away() {
    let rsa = rsa();
    let server = KeyServer::start(Server::Keys(vec![rsa.public.clone()])).await;
    let pace = Pace {
        apart: Duration::from_millis(1),
        ..patient()
    };
    let door = door(&server, pace);
    let claims = claims(&door, &server, json!({}));
    let (good, unknown) = (rsa.sign(&claims), rsa.sign_as("unknown", &claims));
    assert_eq!(status(&door, &good).await, StatusCode::OK);
    for trouble in [
        Server::Down,
        Server::Huge,
        Server::Garbage,
        Server::Keys(Vec::new()),
    ] {
        server.becomes(trouble);
        let before = server.fetches();
        assert_eq!(status(&door, &unknown).await, StatusCode::UNAUTHORIZED);
        // The second fetch begins when the first that met the trouble has ended.
        while server.fetches() < before + 2 {
            server.shelf.fetched.notified().await;
        }
        assert_eq!(status(&door, &good).await, StatusCode::OK);
    }
    door.shut().await;
}

#[tokio::test]
async fn a_server_that_hangs_or_is_gone_keeps_nobody_waiting() {
    let rsa = rsa();
    let server = KeyServer::start(Server::Hangs).await;
    let pace = Pace {
        patience: Duration::from_millis(20),
        ..patient()
    };
    let waiting = door(&server, pace);
    let token = rsa.sign(&claims(&waiting, &server, json!({})));
    assert_eq!(status(&waiting, &token).await, StatusCode::UNAUTHORIZED);
    // A fetch that hangs is given up, and the next one brings the keys.
    let pace = Pace {
        fetch: Duration::from_millis(20),
        apart: Duration::from_millis(20),
        every: Duration::from_millis(20),
        ..patient()
    };
    let recovering = door(&server, pace);
    server.shelf.fetched.notified().await;
    server.becomes(Server::Keys(vec![rsa.public.clone()]));
    while status(&recovering, &token).await != StatusCode::OK {
        server.shelf.fetched.notified().await;
    }
    let gone = KeyServer {
        url: "http://127.0.0.1:1".to_owned(),
        shelf: server.shelf.clone(),
        _tasks: TaskTracker::new(),
    };
    let alone = door(&gone, patient());
    assert_eq!(status(&alone, &token).await, StatusCode::UNAUTHORIZED);
    for door in [waiting, recovering, alone] {
        door.shut().await;
    }
}

#[tokio::test]
async fn a_reload_keeps_the_keys_of_a_server_that_stays() {
    let rsa = rsa();
    let server = KeyServer::start(Server::Keys(vec![rsa.public.clone()])).await;
    let door = door(&server, patient());
    let token = rsa.sign(&claims(&door, &server, json!({})));
    assert_eq!(status(&door, &token).await, StatusCode::OK);
    let oauth = |audience: &str| {
        let auth = json!({ "oauth": {
            "issuer": server.url, "audience": audience, "scope": "otp.send", "client_id": "0oa1",
        }});
        json!({ "acme": acme(json!({ "auth": auth, "answer_within": "60s" })) })
    };
    door.reconfigure(&oauth(AUDIENCE));
    assert_eq!(status(&door, &token).await, StatusCode::OK);
    door.reconfigure(&oauth("api://moved"));
    assert_eq!(status(&door, &token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(server.fetches(), 1);
    // Without OAuth nobody fetches any more: only the task goes on that hands events over.
    door.reconfigure(&json!({ "acme": acme(json!({})) }));
    let ended = async {
        while door.tracker.len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
    assert!(ended.is_ok());
    door.shut().await;
}
