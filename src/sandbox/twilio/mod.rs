//! Plays Twilio: messages by SMS and WhatsApp, and calls, with its checks, its answers, and failures on demand.

mod answer;
mod call;
pub mod content;
mod desk;
mod order;
mod twiml;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use self::{content::Content, desk::Vendor};
use super::{inbox::Inbox, server::Server};
use crate::clock::Clock;

/// The account that is played.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen: loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `AC` and 32 hex digits.
    pub account_sid: String,
    /// The password that goes with the account's own id.
    pub auth_token: String,
    /// An API key (`SK` and 32 hex digits) and its secret: the other way to sign in.
    pub api_key: (String, String),
    /// The number that has an approved WhatsApp sender: it sends templates only.
    pub whatsapp_sender: String,
    /// The number of the vendor's WhatsApp sandbox: everybody has joined it, so it also sends text.
    pub whatsapp_sandbox: String,
    /// The approved templates.
    pub contents: Vec<Content>,
    /// How long the slow destination waits for its answer.
    pub slow: Duration,
    /// How many messages are kept.
    pub capacity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            account_sid: "AC5a4d0000000000000000000000000001".to_owned(),
            auth_token: "sandbox-auth-token".to_owned(),
            api_key: (
                "SK5a4d0000000000000000000000000001".to_owned(),
                "sandbox-api-key-secret".to_owned(),
            ),
            whatsapp_sender: "+15005550007".to_owned(),
            whatsapp_sandbox: "+14155238886".to_owned(),
            contents: Content::approved(),
            slow: Duration::from_millis(1200),
            capacity: 10_000,
        }
    }
}

/// The running simulator.
#[derive(Debug)]
pub struct Twilio {
    server: Server,
    vendor: Arc<Vendor>,
}

impl Twilio {
    /// Starts it. Fails when the address is not loopback or is taken.
    pub async fn start(settings: Settings, clock: Clock) -> io::Result<Self> {
        let listen = settings.listen;
        let vendor = Arc::new(Vendor {
            inbox: Inbox::new(settings.capacity),
            settings,
            clock,
        });
        let server = Server::start(listen, desk::router(vendor.clone())).await?;
        Ok(Self { server, vendor })
    }

    /// What a provider's `base_url` must say.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What it was started with.
    pub fn settings(&self) -> &Settings {
        &self.vendor.settings
    }

    /// The phones, and the count of requests.
    pub fn inbox(&self) -> &Inbox {
        &self.vendor.inbox
    }

    /// Goes away: later requests find nobody listening.
    pub async fn stop(&self) {
        self.server.stop().await;
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        config::outbound,
        outbound::{Answer, CallError, MAX_ANSWER, Outbound, Request, WriteGate},
        sandbox::inbox::Counts,
    };

    const OURS: &str = "AC5a4d0000000000000000000000000001:sandbox-auth-token";
    const KEY: &str = "SK5a4d0000000000000000000000000001:sandbox-api-key-secret";
    const FORM: &str = "application/x-www-form-urlencoded";

    async fn start() -> Twilio {
        let settings = Settings {
            slow: Duration::from_millis(30),
            ..Settings::default()
        };
        let started = Twilio::start(settings, Clock::system()).await;
        started.expect("a free port")
    }

    fn request(twilio: &Twilio, to: &str) -> Request {
        let path = "/2010-04-01/Accounts/AC5a4d0000000000000000000000000001/Messages.json";
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs([
            ("To", to),
            ("From", "+15005550006"),
            ("Body", "Your code is 482913"),
            ("ValidityPeriod", "300"),
        ]);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, basic(OURS));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FORM));
        Request {
            method: Method::POST,
            url: format!("{}{path}", twilio.url()).parse().expect("a URL"),
            headers,
            body: form.finish().into(),
        }
    }

    fn basic(credentials: &str) -> HeaderValue {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let value = format!("Basic {}", STANDARD.encode(credentials));
        value.parse().expect("a header")
    }

    async fn call(request: Request) -> Result<Answer, CallError> {
        let outbound = Outbound::new(&outbound::Outbound::default(), None).expect("a client");
        outbound.call(request, &WriteGate::default()).await
    }

    async fn post(twilio: &Twilio, to: &str) -> Result<Answer, CallError> {
        call(request(twilio, to)).await
    }

    async fn get(twilio: &Twilio, path: &str) -> Value {
        let request = Request {
            method: Method::GET,
            url: format!("{}{path}", twilio.url()).parse().expect("a URL"),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
        };
        shown(&call(request).await.expect("an answer"))
    }

    fn shown(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    async fn refused(request: Request) -> (u16, Value) {
        let answer = call(request).await.expect("an answer");
        let error = shown(&answer);
        assert_eq!(error["status"], answer.status.as_u16());
        let page = format!("https://www.twilio.com/docs/errors/{}", error["code"]);
        assert_eq!(error["more_info"], page);
        (answer.status.as_u16(), error["code"].clone())
    }

    #[tokio::test]
    async fn a_message_is_created_and_lies_in_the_inbox() {
        let twilio = start().await;
        let answer = post(&twilio, "+819012345678").await.expect("an answer");
        assert_eq!(answer.status, StatusCode::CREATED);
        let created = shown(&answer);
        let sid = created["sid"].as_str().expect("a sid");
        assert!(sid.len() == 34 && sid.starts_with("SM"), "{sid}");
        assert_eq!(created["status"], "queued");

        let message = twilio.inbox().arrival("+819012345678").await;
        assert_eq!(message.sid, sid);
        assert_eq!(message.body, "Your code is 482913");
        assert_eq!(message.from, "+15005550006");
        assert_eq!(message.validity, Some(300));
    }

    #[tokio::test]
    async fn both_credentials_work_and_no_other() {
        let twilio = start().await;
        let with = |credentials: Option<HeaderValue>| {
            let mut request = request(&twilio, "+14155550123");
            request.headers.remove(header::AUTHORIZATION);
            request
                .headers
                .extend(credentials.map(|value| (header::AUTHORIZATION, value)));
            request
        };
        let created = call(with(Some(basic(KEY)))).await.expect("an answer");
        assert_eq!(created.status, StatusCode::CREATED);
        let bearer = HeaderValue::from_static("Bearer sandbox-auth-token");
        for bad in [None, Some(bearer), Some(basic("AC5a4d:wrong"))] {
            assert_eq!(refused(with(bad)).await, (401, json!(20003)));
        }
        assert_eq!(twilio.inbox().counts(), Counts { seen: 4, taken: 1 });
    }

    #[tokio::test]
    async fn other_paths_methods_and_bodies_are_refused() {
        let twilio = start().await;
        let change = |change: fn(&mut Request)| {
            let mut request = request(&twilio, "+14155550123");
            change(&mut request);
            request
        };
        let other = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json";
        let mut stranger = request(&twilio, "+14155550123");
        stranger.url.set_path(other);
        assert_eq!(refused(stranger).await, (404, json!(20404)));
        let lost = change(|request| request.url.set_path("/2010-04-01/Nowhere"));
        assert_eq!(refused(lost).await, (404, json!(20404)));
        let get = change(|request| request.method = Method::GET);
        assert_eq!(refused(get).await, (405, json!(20004)));
        let json = change(|request| {
            let kind = HeaderValue::from_static("application/json");
            request.headers.insert(header::CONTENT_TYPE, kind);
        });
        assert_eq!(refused(json).await, (400, json!(21604)));
        let large = change(|request| request.body = vec![b'a'; 65 * 1024].into());
        let large = call(large).await.expect("an answer");
        assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(twilio.inbox().counts().taken, 0);
    }

    #[tokio::test]
    async fn refusing_numbers_refuse() {
        let twilio = start().await;
        for (to, status, code) in [
            ("+14155550001", 400, 21211),
            ("+14155550002", 400, 21610),
            ("+14155550003", 429, 20429),
            ("+14155550004", 400, 21408),
            ("+14155550005", 400, 30450),
        ] {
            assert_eq!(
                refused(request(&twilio, to)).await,
                (status, json!(code)),
                "{to}"
            );
        }
        let outage = post(&twilio, "+14155550006").await.expect("an answer");
        assert_eq!(outage.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(outage.body.starts_with(b"<html>"));
        assert_eq!(twilio.inbox().counts(), Counts { seen: 6, taken: 0 });
    }

    #[tokio::test]
    async fn some_numbers_deliver_and_answer_badly() {
        let twilio = start().await;
        let nameless = post(&twilio, "+14155550010").await.expect("an answer");
        assert_eq!(
            (nameless.status, &nameless.body[..]),
            (StatusCode::CREATED, &b"{}"[..])
        );
        let flood = post(&twilio, "+14155550011").await.expect("an answer");
        assert_eq!(
            (flood.status, flood.body.len()),
            (StatusCode::CREATED, MAX_ANSWER)
        );
        let garbage = post(&twilio, "+14155550012").await.expect("an answer");
        assert_eq!(garbage.status, StatusCode::OK);
        assert!(serde_json::from_slice::<Value>(&garbage.body).is_err());
        let lost = post(&twilio, "+14155550008").await;
        assert_eq!(
            lost.expect_err("no answer"),
            CallError::Unanswered("connection")
        );
        assert_eq!(twilio.inbox().counts(), Counts { seen: 4, taken: 4 });
    }

    #[tokio::test]
    async fn some_numbers_take_their_time() {
        let twilio = start().await;
        let clock = Clock::system();
        let before = clock.now();
        let slow = post(&twilio, "+14155550007").await.expect("an answer");
        assert_eq!(slow.status, StatusCode::CREATED);
        assert!(clock.now() - before >= Duration::from_millis(30));
        let arrived = async {
            while twilio.inbox().counts().seen < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = post(&twilio, "+14155550009") => panic!("{answer:?}"),
            () = arrived => {}
        }
        assert_eq!(twilio.inbox().counts(), Counts { seen: 2, taken: 1 });
    }

    #[tokio::test]
    async fn the_inbox_is_read_over_http() {
        let twilio = start().await;
        for to in ["+14155550123", "+819012345678"] {
            post(&twilio, to).await.expect("an answer");
        }
        let all = get(&twilio, "/sandbox/messages").await;
        assert_eq!(all.as_array().map(Vec::len), Some(2));
        let one = get(&twilio, "/sandbox/messages?to=+819012345678").await;
        assert_eq!(one.as_array().map(Vec::len), Some(1));
        assert_eq!(one[0]["to"], "+819012345678");
        assert_eq!(one[0]["body"], "Your code is 482913");
        let counts = get(&twilio, "/sandbox/counts").await;
        assert_eq!(counts, json!({ "seen": 2, "taken": 2 }));
    }

    #[tokio::test]
    async fn it_can_go_away() {
        let twilio = start().await;
        twilio.stop().await;
        let gone = post(&twilio, "+14155550123").await;
        assert_eq!(gone.expect_err("nobody"), CallError::NotWritten("connect"));
    }
}
