//! Tokens under load, over time, and when everything about them goes wrong.

use std::{fs, mem, sync::Arc, time::Duration};

use futures_util::future::join_all;
use serde_json::json;

use super::{
    PAUSE, Token, Tokens,
    grant::{Client, Grant},
};
use crate::{
    channels::{kinds::contract::fixture::NEVER, provider::SendError},
    clock::{Clock, Manual},
    config::{
        outbound,
        secret::{Secret, SecretRef, Secrets},
        values::Span,
    },
    domain::failure::Failure,
    outbound::{
        Outbound,
        vendor::{Reply, Vendor},
    },
};

struct House {
    vendor: Vendor,
    time: Arc<Manual>,
    tokens: Tokens,
}

impl House {
    async fn with(secret: Secret, script: impl IntoIterator<Item = Reply>) -> Self {
        let vendor = Vendor::start(script).await;
        let time = Manual::at(1_700_000_000_000);
        let settings = outbound::Outbound {
            linger: Span(NEVER),
            ..outbound::Outbound::default()
        };
        let grant = Grant {
            url: format!("{}/token", vendor.url()).parse().unwrap(),
            client: Client::Form {
                id: "client".to_owned(),
                secret,
            },
            parameters: vec![("scope".to_owned(), "send".to_owned())],
        };
        let outbound = Outbound::new(&settings, None).unwrap();
        let clock = Clock::from_source(time.clone());
        let tokens = Tokens::new(grant, outbound, clock);
        Self {
            vendor,
            time,
            tokens,
        }
    }

    async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(Secret::fixed("hush"), script).await
    }

    async fn get(&self) -> Result<String, SendError> {
        self.tokens.get().await.map(|token| name(&token))
    }

    /// Waits until no token is asked for any more.
    async fn settled(&self) {
        let tasks = mem::take(&mut *self.tokens.tasks());
        tasks.join_all().await;
    }
}

fn name(token: &Token) -> String {
    let header = token.header();
    assert!(header.is_sensitive());
    let text = header.to_str().unwrap();
    text.strip_prefix("Bearer ").unwrap().to_owned()
}

fn token(name: &str, seconds: u64) -> Reply {
    let body = json!({ "token_type": "Bearer", "access_token": name, "expires_in": seconds });
    Reply::answer(200, &[], &body.to_string())
}

#[tokio::test]
async fn one_request_serves_all_who_wait_and_those_after_them() {
    let house = House::start([token("a", 900)]).await;
    let all = join_all((0..100).map(|_| house.get())).await;
    assert!(all.iter().all(|got| got.as_deref() == Ok("a")));
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    let [call] = &house.vendor.calls()[..] else {
        panic!("one call");
    };
    let form = "grant_type=client_credentials&client_id=client&client_secret=hush&scope=send";
    assert_eq!(call.body, form);
}

#[tokio::test]
async fn a_token_is_replaced_shortly_before_its_end() {
    let house = House::start([token("a", 900), token("b", 900)]).await;
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    house.time.advance(Duration::from_secs(839));
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    house.time.advance(Duration::from_secs(1));
    // The old one serves until the new one is there.
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    house.settled().await;
    assert_eq!(house.get().await.as_deref(), Ok("b"));
}

#[tokio::test]
async fn a_server_that_fails_does_not_take_away_a_token_that_still_serves() {
    let away = Reply::answer(503, &[], "");
    let house = House::start([token("a", 900), away.clone(), away]).await;
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    house.time.advance(Duration::from_secs(850));
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    house.settled().await;
    // It is not asked again at once.
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    house.settled().await;
    assert_eq!(house.vendor.calls().len(), 2);
    house.time.advance(Duration::from_secs(50));
    let problem = SendError::new(Failure::Transient, "token_http_503");
    assert_eq!(house.get().await, Err(problem));
}

#[tokio::test]
async fn a_server_that_hangs_is_not_waited_for_while_a_token_serves() {
    let house = House::start([token("a", 900), Reply::silence()]).await;
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    house.time.advance(Duration::from_secs(850));
    for _ in 0..3 {
        assert_eq!(house.get().await.as_deref(), Ok("a"));
    }
    house.vendor.called(2).await;
    assert_eq!(house.get().await.as_deref(), Ok("a"));
}

#[tokio::test]
async fn a_server_that_failed_is_left_alone_for_a_moment() {
    let away = Reply::answer(503, &[], "");
    let house = House::start([away, token("b", 900)]).await;
    let problem = SendError::new(Failure::Transient, "token_http_503");
    for _ in 0..3 {
        assert_eq!(house.get().await, Err(problem.clone()));
    }
    assert_eq!(house.vendor.calls().len(), 1);
    house.time.advance(PAUSE);
    assert_eq!(house.get().await.as_deref(), Ok("b"));
}

#[tokio::test]
async fn a_token_is_fresh_for_who_waited_for_it() {
    let house = House::start([token("a", 900)]).await;
    assert!(house.tokens.get().await.unwrap().is_fresh());
    assert!(!house.tokens.get().await.unwrap().is_fresh());
}

#[tokio::test]
async fn a_server_that_hangs_ends_with_the_request() {
    let house = House::start([Reply::silence()]).await;
    let hang = async {
        house.vendor.called(1).await;
        tokio::time::pause();
        tokio::time::advance(NEVER).await;
    };
    let (got, ()) = tokio::join!(house.get(), hang);
    assert_eq!(
        got,
        Err(SendError::new(Failure::Transient, "token_timeout"))
    );
}

#[tokio::test]
async fn who_goes_away_leaves_the_answer_to_the_next() {
    let house = House::start([token("a", 900)]).await;
    let mut first = Box::pin(house.get());
    assert!(futures_util::poll!(&mut first).is_pending());
    drop(first);
    house.settled().await;
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    assert_eq!(house.vendor.calls().len(), 1);
}

#[tokio::test]
async fn who_goes_away_first_does_not_take_the_request_along() {
    let house = House::start([token("a", 900)]).await;
    let mut first = Box::pin(house.get());
    let second = house.get();
    // The first one begins the request, and goes before it has been polled to its end.
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(second);
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(first);
    assert_eq!(second.await.as_deref(), Ok("a"));
    assert_eq!(house.vendor.calls().len(), 1);
}

#[tokio::test]
async fn what_was_put_aside_is_gone_and_no_other() {
    let house = House::start([token("a", 900), token("b", 900)]).await;
    let refused = house.tokens.get().await.unwrap();
    house.tokens.put_aside(&refused);
    assert_eq!(house.get().await.as_deref(), Ok("b"));
    // Another one who was refused the first token says so late.
    house.tokens.put_aside(&refused);
    assert_eq!(house.get().await.as_deref(), Ok("b"));
}

#[tokio::test]
async fn a_new_secret_brings_a_new_token() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    fs::write(&file, "old").unwrap();
    let secrets = Secrets::new(Arc::new(|_| None));
    let secret = secrets.resolve(&SecretRef::File(file.clone())).unwrap();
    let house = House::with(secret, [token("a", 900), token("b", 900)]).await;
    assert_eq!(house.get().await.as_deref(), Ok("a"));
    fs::write(&file, "new").unwrap();
    assert_eq!(secrets.refresh().0, 1);
    assert_eq!(house.get().await.as_deref(), Ok("b"));
    let calls = house.vendor.calls();
    assert!(calls[1].body.contains("client_secret=new"), "{calls:?}");
}

#[tokio::test]
async fn what_came_of_asking_is_told_as_what_it_is() {
    let check = async |status: u16, body: &str, failure: Failure, code: &str| {
        let after = [("retry-after", "7")];
        let house = House::start([Reply::answer(status, &after, body)]).await;
        let expect = SendError::new(failure, code);
        assert_eq!(house.get().await, Err(expect), "{status} {body}");
    };
    let delay = Some(Duration::from_secs(7));
    check(429, "", Failure::Throttled { delay }, "token_http_429").await;
    check(408, "", Failure::Transient, "token_http_408").await;
    check(500, "<html>", Failure::Transient, "token_http_500").await;
    check(302, "", Failure::Account, "token_http_302").await;
    check(403, "", Failure::Account, "token_http_403").await;
    let known = r#"{"error":"unauthorized_client"}"#;
    check(401, known, Failure::Account, "token_unauthorized_client").await;
    let private = r#"{"error":"+14155552671"}"#;
    check(400, private, Failure::Account, "token_http_400").await;
    for garbage in [
        "",
        "<html>",
        "{}",
        r#"{"access_token":""}"#,
        r#"{"access_token":7}"#,
        r#"{"access_token":"a\nb"}"#,
    ] {
        check(200, garbage, Failure::Transient, "token_garbage").await;
    }
    let house = House::start([]).await;
    drop(house.vendor);
    let problem = house.tokens.get().await.unwrap_err();
    assert_eq!(problem, SendError::new(Failure::Transient, "token_connect"));
}

#[tokio::test]
async fn lives_are_read_and_bounded() {
    let check = async |expires_in: &str, life: Duration| {
        let body = format!(r#"{{"access_token":"a"{expires_in}}}"#);
        let house = House::start([Reply::answer(200, &[], &body)]).await;
        let token = house.tokens.get().await.unwrap();
        assert_eq!(token.life.dies_at - house.tokens.mint.clock.now(), life);
        assert!(token.life.renew_at < token.life.dies_at || life.is_zero());
    };
    check("", Duration::from_mins(5)).await;
    check(r#","expires_in":899"#, Duration::from_secs(899)).await;
    check(r#","expires_in":"899""#, Duration::from_secs(899)).await;
    check(r#","expires_in":-1"#, Duration::from_mins(5)).await;
    check(r#","expires_in":0"#, Duration::ZERO).await;
    let ages = r#","expires_in":18446744073709551615"#;
    check(ages, Duration::from_hours(30 * 24)).await;
}
