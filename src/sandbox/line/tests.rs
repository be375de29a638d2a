//! The simulated LINE, asked over HTTP as its documentation asks.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{Line, Settings};
use crate::{
    clock::{Clock, Manual},
    domain::channel::Channel,
    outbound::CallError,
    sandbox::{
        asking::{Answered, Asking},
        inbox::Counts,
        keys::RsaKey,
    },
};

const USER: &str = "U4af4980629000000000000000000abcd";
const KEY: &str = "123e4567-e89b-12d3-a456-426614174000";
const NOW_MS: u64 = 1_772_442_930_000;

async fn start_with(key: Option<&RsaKey>, clock: Clock) -> Line {
    let settings = Settings {
        slow: Duration::from_millis(30),
        key: key.map(|key| key.jwk().expect("a JWK")),
        ..Settings::default()
    };
    Line::start(settings, clock).await.expect("a free port")
}

async fn start() -> Line {
    start_with(None, Clock::system()).await
}

fn asking(line: &Line, path: &str, body: &Value) -> Asking {
    Asking::new(Method::POST, &format!("{}{path}", line.url()))
        .with("authorization", "Bearer sandbox-line-token")
        .with("content-type", "application/json")
        .body(&body.to_string())
}

fn push(line: &Line, to: &str) -> Asking {
    let body = json!({
        "to": to,
        "messages": [{ "type": "text", "text": "Your code is 482913" }],
        "notificationDisabled": false,
    });
    asking(line, "/v2/bot/message/push", &body)
}

fn message(answer: &Answered) -> (u16, &str) {
    let text = answer.body["message"].as_str();
    (answer.status, text.expect("a message"))
}

fn request_id(answer: &Answered) -> &str {
    let id = answer.headers.get("x-line-request-id").expect("an id");
    id.to_str().expect("text")
}

#[tokio::test]
async fn a_push_is_sent_and_lies_in_the_inbox() {
    let line = start().await;
    let answer = push(&line, USER).json().await;
    assert_eq!((answer.status, request_id(&answer).len()), (200, 36));
    let sent = &answer.body["sentMessages"][0];
    let message = line.inbox().arrival(USER).await;
    assert_eq!(sent["id"], message.sid);
    assert!(sent["quoteToken"].is_string());
    assert_eq!(message.channel, Channel::Line);
    assert_eq!(message.from, "Acme");
    assert_eq!(message.body, "Your code is 482913");
}

#[tokio::test]
async fn a_retry_key_counts_once_for_a_day() {
    let clock = Manual::at(NOW_MS);
    let line = start_with(None, Clock::from_source(clock.clone())).await;
    let push = || push(&line, USER).with("x-line-retry-key", KEY);
    let first = push().json().await;
    let second = push().json().await;
    assert_eq!(message(&second), (409, "The retry key is already accepted"));
    assert_eq!(second.body["sentMessages"], first.body["sentMessages"]);
    let accepted = second.headers.get("x-line-accepted-request-id");
    assert_eq!(accepted.expect("an id"), request_id(&first));
    assert_ne!(request_id(&second), request_id(&first));
    // The same key in another writing.
    let loud = push().with("x-line-retry-key", &KEY.to_uppercase());
    assert_eq!(loud.json().await.status, 409);
    assert_eq!(line.inbox().counts().taken, 1);
    clock.advance(Duration::from_hours(24));
    assert_eq!(push().json().await.status, 200);
    let bad = push().with("x-line-retry-key", "once").json().await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn what_was_lost_is_told_to_who_asks_again() {
    let line = start().await;
    let push = || push(&line, "U4af49806290000000000000000000008").with("x-line-retry-key", KEY);
    let lost = push().call().await.expect_err("no answer");
    assert_eq!(lost, CallError::Unanswered("connection"));
    assert_eq!(push().json().await.status, 409);
    assert_eq!(line.inbox().counts(), Counts { seen: 2, taken: 1 });
}

#[tokio::test]
async fn each_mistake_of_a_push_is_told() {
    let line = start().await;
    let invalid = "The property, 'to', in the request body is invalid (line: -, column: -)";
    for to in [
        "",
        "+819012345678",
        "mina",
        "U4AF4980629000000000000000000ABCD",
    ] {
        let answer = push(&line, to).json().await;
        assert_eq!(message(&answer), (400, invalid), "{to}");
    }
    let empty = json!({ "to": USER, "messages": [{ "type": "text", "text": "" }] });
    let empty = asking(&line, "/v2/bot/message/push", &empty).json().await;
    assert_eq!(message(&empty), (400, "The request body has 1 error(s)"));
    assert_eq!(empty.body["details"][0]["property"], "messages[0].text");
    for bad in ["", "{", "[]"] {
        assert_eq!(push(&line, USER).body(bad).json().await.status, 400);
    }
    let form = push(&line, USER).with("content-type", "text/plain");
    assert_eq!(form.json().await.status, 400);
    for bad in ["Bearer other", "Basic c2FuZGJveA=="] {
        let stranger = push(&line, USER).with("authorization", bad).json().await;
        let (status, text) = message(&stranger);
        assert_eq!(status, 401);
        assert!(text.starts_with("Authentication failed due to"), "{text}");
    }
    let lost = asking(&line, "/v2/bot/message/shout", &json!({}));
    assert_eq!(lost.json().await.status, 404);
    assert_eq!(line.inbox().counts().taken, 0);
}

#[tokio::test]
async fn some_users_fail() {
    let line = start().await;
    let user = |suffix: &str| format!("U4af4980629000000000000000000{suffix}");
    let throttled = "The API rate limit has been exceeded. Try again later.";
    for (suffix, status, text) in [
        ("0003", 429, throttled),
        (
            "0004",
            403,
            "Access to this API is not available for your account",
        ),
        ("0013", 400, "Failed to send messages"),
        ("0014", 429, throttled),
    ] {
        let answer = push(&line, &user(suffix)).json().await;
        assert_eq!(message(&answer), (status, text), "{suffix}");
    }
    assert_eq!(push(&line, &user("0001")).json().await.status, 400);
    // Who has blocked the account gets nothing, and nobody is told.
    let blocked = push(&line, &user("0002")).json().await;
    assert!(blocked.status == 200 && blocked.body["sentMessages"][0]["id"].is_string());
    assert_eq!(line.inbox().counts().taken, 0);
    let nameless = push(&line, &user("0010")).json().await;
    assert_eq!((nameless.status, &nameless.body), (200, &json!({})));
    assert_eq!(line.inbox().counts().taken, 1);
}

/// The digest of +818000001234, as it is documented.
const DIGEST: &str = "d41e0ad70dddfeb68f149ad6fc61574b9c5780ab7bcb2fba5517771ffbb2409c";
const BY_TEMPLATE: &str = "/v2/bot/message/pnp/templated/push";

fn notice() -> Value {
    json!({
        "to": DIGEST,
        "templateKey": "login_code_ja",
        "body": {
            "emphasizedItem": { "itemKey": "code", "content": "482913" },
            "items": [{ "itemKey": "valid_for", "content": "5" }],
            "buttons": [{ "buttonKey": "help", "url": "https://acme.example/help" }],
        },
    })
}

#[tokio::test]
async fn a_notification_finds_the_person_behind_the_digest() {
    let line = start().await;
    let answer = asking(&line, BY_TEMPLATE, &notice())
        .with("x-line-delivery-tag", "attempt-01J8Z3-000")
        .json()
        .await;
    assert_eq!((answer.status, &answer.body), (202, &json!({})));
    let arrived = line.inbox().arrival("+818000001234").await;
    assert_eq!(arrived.sid, request_id(&answer));
    assert_eq!(arrived.language.as_deref(), Some("ja"));
    assert_eq!(arrived.body, "認証コードのお知らせ\n482913\nvalid_for: 5");

    let flexible = json!({ "to": DIGEST, "messages": [{ "type": "text", "text": "Code 482914" }] });
    let answer = asking(&line, "/bot/pnp/push", &flexible).json().await;
    assert_eq!((answer.status, &answer.body), (200, &json!({})));
    let arrived = line.inbox().arrival("+818000001234").await;
    assert_eq!(arrived.body, "Code 482914");
}

#[tokio::test]
async fn each_mistake_of_a_notification_is_told() {
    let line = start().await;
    for (pointer, value, property) in [
        ("/to", json!("+818000001234"), "to"),
        ("/to", json!(DIGEST.to_uppercase()), "to"),
        ("/templateKey", json!("login_code_fr"), "templateKey"),
        (
            "/body/emphasizedItem/itemKey",
            json!("price"),
            "body.emphasizedItem.itemKey",
        ),
        (
            "/body/emphasizedItem/content",
            json!("1234567890123456"),
            "body.emphasizedItem.content",
        ),
        (
            "/body/items/0/itemKey",
            json!("price"),
            "body.items[0].itemKey",
        ),
        (
            "/body/items/0/content",
            json!("x".repeat(301)),
            "body.items[0].content",
        ),
        ("/body/items", json!(vec![1; 16]), "body.items"),
        ("/body/buttons", json!([{}]), "body.buttons[0]"),
        ("/body/buttons", json!([1, 2, 3]), "body.buttons"),
    ] {
        let mut body = notice();
        *body.pointer_mut(pointer).expect(pointer) = value;
        let answer = asking(&line, BY_TEMPLATE, &body).json().await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.body["details"][0]["property"], property);
    }
    for tag in ["short", &"x".repeat(101)] {
        let asked = asking(&line, BY_TEMPLATE, &notice()).with("x-line-delivery-tag", tag);
        assert_eq!(asked.json().await.status, 400, "{tag}");
    }
    let mut stranger = notice();
    stranger["to"] = json!("0".repeat(64));
    let answer = asking(&line, BY_TEMPLATE, &stranger).json().await;
    assert_eq!(message(&answer), (422, "Failed to send messages"));
    assert_eq!(line.inbox().counts().taken, 0);
}

#[tokio::test]
async fn some_numbers_fail_behind_their_digests() {
    let line = start().await;
    for (suffix, status) in [
        ("0001", 422),
        ("0002", 422),
        ("0003", 429),
        ("0013", 422),
        ("0006", 503),
    ] {
        let mut body = notice();
        body["to"] = json!(super::people::Person::with(&format!("+81901234{suffix}")).digest());
        let answer = asking(&line, BY_TEMPLATE, &body).call().await;
        let answered = answer.expect("an answer").status;
        assert_eq!(answered.as_u16(), status, "{suffix}");
    }
    assert_eq!(line.inbox().counts().taken, 0);
}

const STATELESS: &str = "/oauth2/v3/token";
const DATED: &str = "/oauth2/v2.1/token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn token(line: &Line, path: &str, fields: &[(&str, &str)]) -> Answered {
    let asking = Asking::new(Method::POST, &format!("{}{path}", line.url()));
    asking.form(fields).json().await
}

async fn opens(line: &Line, token: &Answered) -> u16 {
    let token = token.body["access_token"].as_str().expect("a token");
    let push = push(line, USER).with("authorization", &format!("Bearer {token}"));
    push.json().await.status
}

#[tokio::test]
async fn a_secret_gives_a_token_for_a_while() {
    let clock = Manual::at(NOW_MS);
    let line = start_with(None, Clock::from_source(clock.clone())).await;
    let good = [
        ("grant_type", "client_credentials"),
        ("client_id", "1650000001"),
        ("client_secret", "sandbox-line-secret"),
    ];
    for (path, life) in [(STATELESS, 899), ("/v2/oauth/accessToken", 2_592_000)] {
        let given = token(&line, path, &good).await;
        assert_eq!(given.body["token_type"], "Bearer");
        assert_eq!(given.body["expires_in"], life);
        assert_eq!(opens(&line, &given).await, 200);
    }
    let lapsing = token(&line, STATELESS, &good).await;
    clock.advance(Duration::from_secs(899));
    assert_eq!(opens(&line, &lapsing).await, 401);
    let revoked = token(&line, STATELESS, &good).await;
    line.lapse_tokens();
    assert_eq!(opens(&line, &revoked).await, 401);
    for (index, wrong) in [(0, "password"), (1, "1"), (2, "other")] {
        let mut bad = good;
        bad[index].1 = wrong;
        let denied = token(&line, STATELESS, &bad).await;
        assert_eq!(denied.status, 400);
        assert!(denied.body["error"].is_string() && denied.body["error_description"].is_string());
    }
    assert_eq!(token(&line, DATED, &good).await.status, 400);
}

#[tokio::test]
async fn an_assertion_gives_a_token() {
    let system = Clock::system();
    let (key, other) = tokio::join!(RsaKey::generate(&system), RsaKey::generate(&system));
    let (key, other) = (key.expect("a key"), other.expect("a key"));
    let clock = Clock::from_source(Manual::at(NOW_MS));
    let line = start_with(Some(&key), clock).await;
    let now = NOW_MS / 1000;
    let claims = json!({
        "iss": "1650000001", "sub": "1650000001", "aud": "https://api.line.me/",
        "exp": now + 1800, "token_exp": 86_400,
    });
    let ask = async |path: &str, signer: &RsaKey, head: &Value, claims: &Value| {
        let assertion = signer.sign(head, claims).expect("a token");
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ];
        token(&line, path, &fields).await
    };
    let stateless = ask(STATELESS, &key, &key.head(), &claims).await;
    assert_eq!(stateless.body["expires_in"], 899);
    assert_eq!(opens(&line, &stateless).await, 200);
    let dated = ask(DATED, &key, &key.head(), &claims).await;
    assert_eq!(dated.body["expires_in"], 86_400);
    assert!(dated.body["key_id"].is_string());
    assert_eq!(opens(&line, &dated).await, 200);

    for (name, value) in [
        ("iss", json!("1")),
        ("sub", json!("1")),
        ("aud", json!("https://api.example/")),
        ("exp", json!(now)),
        ("exp", json!(now + 1861)),
        ("token_exp", json!(2_592_001)),
        ("token_exp", json!(null)),
    ] {
        let mut bad = claims.clone();
        bad[name] = value;
        let denied = ask(DATED, &key, &key.head(), &bad).await;
        assert_eq!(denied.status, 400, "{name}");
    }
    for (signer, head) in [
        (&other, key.head()),
        (&other, other.head()),
        (&key, json!({ "alg": "RS256" })),
    ] {
        assert_eq!(
            ask(DATED, signer, &head, &claims).await.status,
            400,
            "{head}"
        );
    }
}
