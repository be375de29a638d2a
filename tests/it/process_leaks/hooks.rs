//! Hooks, good ones and every kind of bad one.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, header};
use serde_json::{Value, json};

use super::{
    FILE_SECRET, World,
    people::{People, Person},
};
use crate::support::{
    echo::ENDS,
    line::{Line, Reply, request},
    patience::until,
    process::{HOOK_SECRET, Running},
};

/// Sends all of them.
pub(super) async fn play(world: &World, people: &mut People, door: SocketAddr, adapter: &Running) {
    let mut okta = Caller { world, door };
    providers_fail(people, &mut okta).await;
    hooks_are_refused(people, &mut okta).await;
    bodies_are_bad(people, &mut okta).await;
    strangers_knock(people, &mut okta).await;
    tokens_are_bad(people, &mut okta).await;
    callers_hang_up(people, &okta, adapter).await;
}

struct Caller<'a> {
    world: &'a World,
    door: SocketAddr,
}

impl Caller<'_> {
    async fn line(&self) -> Line {
        let authority = self.world.authority.pem();
        let line = Line::open_tls(self.door, authority).await;
        line.expect("it serves")
    }

    async fn hook(&self, body: &Value) -> Reply {
        self.body("acme", body.to_string().into(), HOOK_SECRET)
            .await
    }

    async fn body(&self, tenant: &str, body: Bytes, secret: &str) -> Reply {
        let path = format!("/okta/{tenant}/telephony");
        let mut request = request(Method::POST, &path, body);
        let secret = secret.parse().expect("a header");
        request.headers_mut().insert("x-hook-secret", secret);
        self.line().await.call(request).await.expect("an answer")
    }

    async fn bearer(&self, body: &Value, token: &str) -> Reply {
        let body = body.to_string().into();
        let mut request = request(Method::POST, "/okta/globex/telephony", body);
        let value = format!("Bearer {token}").parse().expect("a header");
        request.headers_mut().insert(header::AUTHORIZATION, value);
        self.line().await.call(request).await.expect("an answer")
    }
}

async fn providers_fail(people: &mut People, okta: &mut Caller<'_>) {
    for digits in ["0100"].into_iter().chain(ENDS.map(|(digits, _)| digits)) {
        let person = people.person(digits);
        people.must_arrive(&person);
        let reply = okta.hook(&person.hook()).await;
        assert_eq!(reply.status, 200);
        people.hear(&reply.text);
    }
    let by_file = people.person("0101");
    people.must_arrive(&by_file);
    let body = by_file.hook().to_string().into();
    let reply = okta.body("acme", body, FILE_SECRET).await;
    assert!(reply.is_successful());
    people.hear(&reply.text);
}

/// Hooks that are read, and come to nothing.
async fn hooks_are_refused(people: &mut People, okta: &mut Caller<'_>) {
    let mut play = Vec::new();
    let at = |person: &Person, pointer: &str, value: Value| {
        let mut body = person.hook();
        *body.pointer_mut(pointer).expect("it is in every hook") = value;
        body
    };
    let twice = people.person("0102");
    play.push(twice.hook());
    let other = people.person("0103");
    play.push(at(
        &twice,
        "/data/messageProfile/otpCode",
        json!(other.code),
    ));
    let many = people.person("0104");
    for _ in 0..8 {
        let again = people.with_phone(&many.phone);
        play.push(again.hook());
    }
    for phone in [
        "+447911123456",
        "+19005550150",
        "+14155550",
        "+88841599900011",
    ] {
        play.push(people.with_phone(phone).hook());
    }
    let message = "/data/messageProfile/";
    for (field, value) in [
        ("phoneNumber", json!("call +1 (415) 555-0199 please")),
        ("otpExpires", json!("2026-03-02T09:15:29.000Z")),
        ("deliveryChannel", json!("voice call")),
        ("deliveryChannel", json!("carrier pigeon")),
        ("msgTemplate", json!("x".repeat(2000))),
        ("otpCode", json!("73 105 526")),
    ] {
        let person = people.person("0105");
        play.push(at(&person, &format!("{message}{field}"), value));
    }
    people.secrets.number("+14155550199");
    people.secrets.text("73 105 526");
    let preview = "/api/v1/inlineHooks/com.okta.telephony.provider/generatePreview";
    let person = people.person("0106");
    play.push(at(
        &person,
        "/data/context/request/url/value",
        json!(preview),
    ));
    for body in play {
        let reply = okta.hook(&body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        people.hear(&reply.text);
    }
}

/// Bodies that are no hooks, with everything private in them.
async fn bodies_are_bad(people: &mut People, okta: &mut Caller<'_>) {
    let person = people.person("0107");
    let whole = person.hook().to_string();
    let private = format!("{} {}", person.phone, person.code);
    let mut bodies: Vec<Bytes> = vec![
        whole[..whole.len() - 20].to_owned().into(),
        json!(private).to_string().into(),
        person.phone[1..].to_owned().into(),
        json!([person.phone, person.code]).to_string().into(),
        format!("{{\"data\":{{\"messageProfile\":\"{private}\"}}}}").into(),
        format!("{{\"eventId\":{{\"{private}\":1}},\"data\":[\"{private}\"]}}").into(),
        format!("{{\"{private}").into(),
        format!("{}{private}", "{\"a\":".repeat(2000)).into(),
        whole.replace("eventId", &" ".repeat(64 * 1024)).into(),
    ];
    let mut broken = whole.into_bytes();
    broken.insert(10, 0xff);
    bodies.push(broken.into());
    for body in bodies {
        let reply = okta.body("acme", body, HOOK_SECRET).await;
        people.hear(&reply.text);
    }
}

/// Requests without a right, and to places that are none.
async fn strangers_knock(people: &mut People, okta: &mut Caller<'_>) {
    let person = people.person("0108");
    let wrong = "a-wrong-secret-of-nobody-at-all";
    people.secrets.text(wrong);
    let body = || Bytes::from(person.hook().to_string());
    for (tenant, secret) in [("acme", wrong), ("acme", ""), ("nobody", HOOK_SECRET)] {
        let reply = okta.body(tenant, body(), secret).await;
        assert_eq!(reply.status, 401);
        people.hear(&reply.text);
    }
    let Person { phone, code, .. } = &person;
    for (method, path) in [
        (Method::POST, format!("/okta/{phone}/telephony")),
        (Method::POST, format!("/{code}/{phone}")),
        (
            Method::GET,
            format!("/okta/acme/telephony?to={phone}&code={code}"),
        ),
        (Method::PUT, format!("/okta/acme/telephony?to=%2B{phone}")),
    ] {
        let request = request(method, &path, body());
        let reply = okta.line().await.call(request).await.expect("an answer");
        assert!((400..500).contains(&reply.status));
        people.hear(&reply.text);
    }
}

/// Tokens that are stale, for somebody else, of an unknown key, changed, or no tokens, and a good one.
async fn tokens_are_bad(people: &mut People, okta: &mut Caller<'_>) {
    let org = &okta.world.okta;
    let sign = |change: &dyn Fn(&mut Value)| {
        let mut claims = org.claims();
        change(&mut claims);
        org.sign(&claims).expect("a key")
    };
    let good = sign(&|_| {});
    let mut tokens = vec![
        sign(&|claims| claims["exp"] = json!(1_700_000_000)),
        sign(&|claims| claims["aud"] = json!("somebody-else")),
        sign(&|claims| claims["scp"] = json!(["other.scope"])),
        format!("{}AAAA", &good[..good.len() - 4]),
        "no.token.at-all-of-any-kind".to_owned(),
    ];
    org.rotate(true).await.expect("a new key");
    org.set_keys_away(true);
    tokens.push(sign(&|_| {}));
    for token in tokens {
        people.secrets.text(&token);
        let person = people.person("0109");
        let reply = okta.bearer(&person.hook(), &token).await;
        assert_eq!(reply.status, 401);
        people.hear(&reply.text);
    }
    org.set_keys_away(false);
    people.secrets.text(&good);
    let person = people.person("0110");
    people.must_arrive(&person);
    let body = person.hook();
    // The keys may still be on their way.
    let reply = until("a token that is taken", async || {
        let reply = okta.bearer(&body, &good).await;
        (reply.status != 401).then_some(reply)
    });
    let reply = reply.await;
    assert!(reply.is_successful(), "{reply:?}");
    people.hear(&reply.text);
}

/// A caller that goes away once its code is at the provider.
async fn callers_hang_up(people: &mut People, okta: &Caller<'_>, adapter: &Running) {
    let person = people.person("0204");
    people.must_arrive(&person);
    let mut line = okta.line().await;
    let body = person.hook();
    let heard = until("the code at the provider", async || {
        okta.world.echo.heard().contains(&person.code).then_some(())
    });
    tokio::select! {
        reply = line.hook(&body) => people.hear(&reply.expect("an answer").text),
        () = heard => {}
    }
    drop(line);
    adapter.logged(&["okta hung up before its answer"]).await;
}
