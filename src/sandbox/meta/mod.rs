//! Plays Meta's WhatsApp Cloud API: approved templates to people on WhatsApp, with its checks, its answers, and failures
//! on demand.

mod answer;
mod desk;
mod order;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use self::desk::Vendor;
use super::{inbox::Inbox, server::Server, whatsapp::Template};
use crate::clock::Clock;

/// The business account that is played.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen: loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The system user's token.
    pub token: String,
    /// The id of the number that sends, which is not the number.
    pub phone_number_id: String,
    /// The number that people see as the sender.
    pub sender: String,
    /// The approved templates.
    pub templates: Vec<Template>,
    /// How long the slow destination waits for its answer.
    pub slow: Duration,
    /// How many messages are kept.
    pub capacity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            token: "sandbox-meta-token".to_owned(),
            phone_number_id: "105550000000001".to_owned(),
            sender: "+15005550008".to_owned(),
            templates: Template::approved(),
            slow: Duration::from_millis(1200),
            capacity: 10_000,
        }
    }
}

/// The running simulator.
#[derive(Debug)]
pub struct Meta {
    server: Server,
    vendor: Arc<Vendor>,
}

impl Meta {
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
    use http::Method;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        domain::channel::Channel,
        outbound::CallError,
        sandbox::{asking::Asking, inbox::Counts},
    };

    const PATH: &str = "/v23.0/105550000000001/messages";
    /// A request as it is documented.
    const GOOD: &str = r#"{"messaging_product":"whatsapp","recipient_type":"individual","to":"12015553931","type":"template",
        "template":{"name":"login_code","language":{"code":"en_US"},"components":[
        {"type":"body","parameters":[{"type":"text","text":"123456"}]},
        {"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"123456"}]}]},
        "biz_opaque_callback_data":"attempt-01J8Z3"}"#;

    async fn start() -> Meta {
        let settings = Settings {
            slow: Duration::from_millis(30),
            ..Settings::default()
        };
        let started = Meta::start(settings, Clock::system()).await;
        started.expect("a free port")
    }

    fn asking(meta: &Meta, body: &str) -> Asking {
        Asking::new(Method::POST, &format!("{}{PATH}", meta.url()))
            .with("authorization", "Bearer sandbox-meta-token")
            .with("content-type", "application/json")
            .body(body)
    }

    fn to(number: &str) -> String {
        GOOD.replace("12015553931", number)
    }

    async fn refused(asking: Asking) -> (u16, Value) {
        let answer = asking.json().await;
        let error = &answer.body["error"];
        assert!(error["fbtrace_id"].is_string(), "{error}");
        let code = &error["code"];
        let message = error["message"].as_str().expect("a message");
        assert!(message.starts_with(&format!("(#{code})")), "{error}");
        (answer.status, code.clone())
    }

    #[tokio::test]
    async fn a_template_is_taken_and_lies_in_the_inbox() {
        let meta = start().await;
        let answer = asking(&meta, GOOD).json().await;
        assert_eq!(answer.status, 200);
        let id = answer.body["messages"][0]["id"].as_str().expect("an id");
        assert!(id.starts_with("wamid."), "{id}");
        let contact = json!({ "input": "12015553931", "wa_id": "12015553931" });
        assert_eq!(answer.body["contacts"][0], contact);
        assert_eq!(answer.body["messaging_product"], "whatsapp");
        let message = meta.inbox().arrival("+12015553931").await;
        assert_eq!(message.sid, id);
        assert_eq!(message.channel, Channel::Whatsapp);
        assert_eq!(message.from, "+15005550008");
        assert_eq!(message.language.as_deref(), Some("en_US"));
        let text = "123456 is your verification code.\n▸ Copy 123456";
        assert_eq!(message.body, text);
    }

    #[tokio::test]
    async fn each_mistake_has_its_code() {
        let meta = start().await;
        for (from, into, code) in [
            (r#""messaging_product":"whatsapp","#, "", 100),
            (r#""whatsapp""#, r#""sms""#, 100),
            (r#""individual""#, r#""crowd""#, 100),
            (r#""to":"12015553931","#, "", 100),
            (r#""12015553931""#, r#""+12015553931""#, 131_009),
            (r#""type":"template""#, r#""type":"poem""#, 131_051),
            (r#""type":"template","#, "", 131_047),
            (r#""name":"login_code","#, "", 131_008),
            ("login_code", "unknown", 132_001),
            ("en_US", "sw", 132_001),
            (r#""type":"button""#, r#""type":"footer""#, 131_008),
            (r#""index":"0""#, r#""index":"1""#, 132_012),
            (r#"[{"type":"text","text":"123456"}]}]}"#, "[]}]}", 132_000),
            (
                r#""text":"123456""#,
                r#""text":"1234567890123456""#,
                132_005,
            ),
            (r#""attempt-01J8Z3""#, "1", 100),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let asked = asking(&meta, &GOOD.replacen(from, into, 1));
            assert_eq!(refused(asked).await, (400, json!(code)), "{from}");
        }
        assert_eq!(meta.inbox().counts(), Counts { seen: 15, taken: 0 });
    }

    #[tokio::test]
    async fn strangers_and_other_paths_are_refused() {
        let meta = start().await;
        let stranger = asking(&meta, GOOD).with("authorization", "Bearer other");
        assert_eq!(refused(stranger).await, (401, json!(190)));
        let basic = asking(&meta, GOOD).with("authorization", "Basic c2FuZGJveA==");
        assert_eq!(refused(basic).await, (401, json!(190)));
        let form = asking(&meta, GOOD).with("content-type", "text/plain");
        assert_eq!(refused(form).await, (400, json!(100)));
        for (path, code) in [
            ("/v23.0/999/messages", 33),
            ("/23/105550000000001/messages", 100),
            ("/v23.0/105550000000001/other", 100),
        ] {
            let lost = asking(&meta, GOOD).to(&format!("{}{path}", meta.url()));
            assert_eq!(refused(lost).await, (400, json!(code)), "{path}");
        }
        assert_eq!(meta.inbox().counts().taken, 0);
    }

    #[tokio::test]
    async fn some_numbers_fail() {
        let meta = start().await;
        for (suffix, status, code) in [
            ("0001", 400, 131_026),
            ("0002", 400, 131_050),
            ("0003", 429, 130_429),
            ("0004", 400, 130_497),
            ("0005", 400, 131_048),
            ("0013", 400, 131_026),
            ("0014", 429, 130_429),
        ] {
            let asked = asking(&meta, &to(&format!("1201555{suffix}")));
            assert_eq!(refused(asked).await, (status, json!(code)), "{suffix}");
        }
        assert_eq!(meta.inbox().counts().taken, 0);
        let nameless = asking(&meta, &to("12015550010")).json().await;
        assert_eq!(
            (nameless.status, &nameless.body["messages"]),
            (200, &json!([]))
        );
        let lost = asking(&meta, &to("12015550008")).call().await;
        assert_eq!(
            lost.expect_err("no answer"),
            CallError::Unanswered("connection")
        );
        assert_eq!(meta.inbox().counts().taken, 2);
    }
}
