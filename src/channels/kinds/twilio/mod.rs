//! `twilio`: SMS and WhatsApp by Twilio's Messages API, and calls by its Calls API.

mod answer;
mod senders;
mod settings;
mod sms;
mod voice;
mod whatsapp;

use async_trait::async_trait;
use url::Url;

use self::{senders::Sender, settings::Settings, voice::Voice, whatsapp::Whatsapp};
use crate::{
    channels::{
        base_url,
        basic_auth::BasicAuth,
        by_country::ByCountry,
        kind::{BuildContext, BuildError, ProviderKind},
        post,
        provider::{Accepted, Message, Provider, SendError},
    },
    clock::Clock,
    domain::{capability::Capability, channel::Channel, failure::Failure, phone::Country},
    outbound::{Outbound, Request, WriteGate},
};

/// An account at Twilio.
pub(super) struct Twilio {
    outbound: Outbound,
    clock: Clock,
    messages: Url,
    calls: Url,
    auth: BasicAuth,
    sms: Option<ByCountry<Sender>>,
    whatsapp: Option<Whatsapp>,
    voice: Option<Voice>,
}

impl ProviderKind for Twilio {
    const NAME: &'static str = "twilio";
    type Settings = Settings;

    fn build(settings: Settings, ctx: &BuildContext<'_>) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let account = problems.keep("account_sid", settings.account());
        let auth = problems.merge(settings.credentials(ctx.site.secrets));
        let base = problems.merge(settings.base(ctx.site.allow_test_providers));
        let senders = Some(&settings.senders).filter(|senders| !senders.is_empty());
        let sms = senders.map(|told| ByCountry::parse("senders", told, Sender::parse));
        let sms = sms.and_then(|sms| problems.merge(sms));
        let whatsapp = settings.whatsapp.as_ref().map(Whatsapp::parse);
        let whatsapp = whatsapp.and_then(|whatsapp| problems.merge(whatsapp));
        let voice = settings.voice.as_ref().map(Voice::parse);
        let voice = voice.and_then(|voice| problems.merge(voice));
        if problems.is_empty() && sms.is_none() && whatsapp.is_none() && voice.is_none() {
            let text = "needs `senders` for SMS, `whatsapp` or `voice`";
            problems.keep("", Err::<(), _>(text));
        }
        let (Some(account), Some(auth), Some(base), true) =
            (account, auth, base, problems.is_empty())
        else {
            return Err(problems);
        };
        let endpoint = |name| base_url::endpoint(&base, &["2010-04-01", "Accounts", account, name]);
        Ok(Self {
            outbound: ctx.site.outbound.clone(),
            clock: ctx.site.clock.clone(),
            messages: endpoint("Messages.json"),
            calls: endpoint("Calls.json"),
            auth,
            sms,
            whatsapp,
            voice,
        })
    }
}

#[async_trait]
impl Provider for Twilio {
    fn capability(&self) -> Capability {
        let channels = Channel::ALL.into_iter();
        Capability {
            channels: channels
                .filter(|channel| self.senders(*channel).is_some())
                .collect(),
            ..Capability::default()
        }
    }

    fn sender(&self, channel: Channel, country: Option<Country>) -> Option<&str> {
        self.senders(channel)?.of(country).map(Sender::value)
    }

    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        let request = self.request(message)?;
        let answer = self.outbound.call(request, gate).await?;
        answer::read(&answer, self.clock.unix_ms())
    }
}

impl Twilio {
    /// Who messages on a channel come from; `None` for one that is not configured.
    fn senders(&self, channel: Channel) -> Option<&ByCountry<Sender>> {
        match channel {
            Channel::Sms => self.sms.as_ref(),
            Channel::Whatsapp => self.whatsapp.as_ref().map(|whatsapp| &whatsapp.senders),
            Channel::Voice => self.voice.as_ref().map(|voice| &voice.senders),
            Channel::Line => None,
        }
    }

    fn request(&self, message: &Message) -> Result<Request, SendError> {
        let senders = self.senders(message.channel);
        let sender = senders.and_then(|senders| senders.of(message.to.country()));
        let no_sender = || SendError::new(Failure::Request, "no_sender");
        let sender = sender.ok_or_else(no_sender)?;
        let (url, form) = match (message.channel, &self.whatsapp, &self.voice) {
            (Channel::Whatsapp, Some(whatsapp), _) => {
                (&self.messages, whatsapp.form(message, sender)?)
            }
            (Channel::Voice, _, Some(voice)) => (&self.calls, voice.form(message, sender)),
            (_, _, _) => (&self.messages, sms::form(message, sender)),
        };
        Ok(post::form(url.clone(), Some(self.auth.header()), form))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::{
        channels::kinds::contract::fixture::{House, message as message_on},
        outbound::vendor::{Reply, Vendor},
    };

    const KEY: &str = "SK00000000000000000000000000000002";
    const SERVICE: &str = "MG00000000000000000000000000000003";

    fn settings() -> Map<String, Value> {
        let settings = json!({
            "account_sid": "AC00000000000000000000000000000001",
            "auth_token": { "env": "TOKEN" },
            "senders": { "default": "+15005550006", "GB": "A&B +_-9", "JP": SERVICE, "FR": "36111" },
        });
        serde_json::from_value(settings).unwrap()
    }

    fn build(settings: Map<String, Value>) -> Result<Twilio, Vec<(String, String)>> {
        let house = House::default();
        let ctx = BuildContext {
            name: "acme",
            site: house.site(),
        };
        let settings = serde_json::from_value(Value::Object(settings)).unwrap();
        Twilio::build(settings, &ctx).map_err(BuildError::into_problems)
    }

    fn message(to: &str, text: &str) -> Message {
        message_on(Channel::Sms, to, text)
    }

    /// The request as it arrives, less the headers that differ between runs and versions.
    async fn wire(mut settings: Map<String, Value>, message: &Message) -> String {
        let vendor = Vendor::start([Reply::answer(201, &[], "{}")]).await;
        settings.insert("base_url".to_owned(), vendor.url().into());
        let twilio = build(settings).unwrap();
        twilio.send(message, &WriteGate::default()).await.unwrap();
        let call = vendor.calls().remove(0);
        let same = |line: &&str| !line.starts_with("host: ") && !line.starts_with("user-agent: ");
        let head = call.head.lines().filter(same);
        format!("{}\n\n{}", head.collect::<Vec<_>>().join("\n"), call.body)
    }

    #[tokio::test]
    async fn a_plain_message_on_the_wire() {
        let message = message("+14155552671", "Your code is 482913");
        insta::assert_snapshot!(wire(settings(), &message).await, @r"
        POST /2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json HTTP/1.1
        authorization: Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTp2YWx1ZS1vZi1UT0tFTg==
        accept: application/json
        content-type: application/x-www-form-urlencoded
        content-length: 81

        To=%2B14155552671&From=%2B15005550006&Body=Your+code+is+482913&ValidityPeriod=299
        ");
    }

    #[tokio::test]
    async fn nasty_text_and_sender_on_the_wire() {
        let text = "\"a\" & b+c=1;\r\n<i>é</i> 🔑 \u{202e}شفرة 100%";
        let message = message("+447400123456", text);
        insta::assert_snapshot!(wire(settings(), &message).await, @r"
        POST /2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json HTTP/1.1
        authorization: Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTp2YWx1ZS1vZi1UT0tFTg==
        accept: application/json
        content-type: application/x-www-form-urlencoded
        content-length: 168

        To=%2B447400123456&From=A%26B+%2B_-9&Body=%22a%22+%26+b%2Bc%3D1%3B%0D%0A%3Ci%3E%C3%A9%3C%2Fi%3E+%F0%9F%94%91+%E2%80%AE%D8%B4%D9%81%D8%B1%D8%A9+100%25&ValidityPeriod=299
        ");
    }

    #[tokio::test]
    async fn a_key_signs_in_while_the_account_stays_in_the_path() {
        let mut settings = settings();
        settings.remove("auth_token");
        let key = json!({ "sid": KEY, "secret": { "env": "SECRET" } });
        settings.insert("api_key".to_owned(), key);
        let message = message("+819012345678", "確認コード: 482913");
        insta::assert_snapshot!(wire(settings, &message).await, @r"
        POST /2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json HTTP/1.1
        authorization: Basic U0swMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMjp2YWx1ZS1vZi1TRUNSRVQ=
        accept: application/json
        content-type: application/x-www-form-urlencoded
        content-length: 153

        To=%2B819012345678&MessagingServiceSid=MG00000000000000000000000000000003&Body=%E7%A2%BA%E8%AA%8D%E3%82%B3%E3%83%BC%E3%83%89%3A+482913&ValidityPeriod=299
        ");
    }

    #[tokio::test]
    async fn a_country_without_a_sender_is_not_asked_for() {
        let mut settings = settings();
        settings["senders"] = json!({ "GB": "ACME" });
        let gate = WriteGate::default();
        let message = message("+14155552671", "x");
        let problem = build(settings)
            .unwrap()
            .send(&message, &gate)
            .await
            .unwrap_err();
        assert_eq!(
            (problem.failure, problem.code.as_str()),
            (Failure::Request, "no_sender")
        );
        assert!(!gate.written());
    }

    #[test]
    fn what_has_senders_can_be_sent() {
        let mut settings = settings();
        let check = |settings: &Map<String, Value>, channel: Channel, sender: Option<&str>| {
            let twilio = build(settings.clone()).unwrap();
            let can = twilio.capability().channels.contains(channel);
            assert_eq!(can, sender.is_some(), "{channel:?}");
            assert_eq!(twilio.sender(channel, Country::parse("GB")), sender);
        };
        check(&settings, Channel::Sms, Some("A&B +_-9"));
        check(&settings, Channel::Whatsapp, None);
        check(&settings, Channel::Voice, None);
        check(&settings, Channel::Line, None);
        settings.remove("senders");
        assert_eq!(build(settings.clone()).err().unwrap()[0].0, "");
        let session = json!({ "senders": { "default": SERVICE }, "mode": "session_text" });
        settings.insert("whatsapp".to_owned(), session);
        let calls = json!({ "senders": { "default": "+15005550006", "GB": "+15005550007" } });
        settings.insert("voice".to_owned(), calls);
        check(&settings, Channel::Sms, None);
        check(&settings, Channel::Whatsapp, Some(SERVICE));
        check(&settings, Channel::Voice, Some("+15005550007"));
    }

    #[tokio::test]
    async fn a_call_is_asked_for_at_its_own_address() {
        let mut settings = settings();
        let calls = json!({ "senders": { "default": "+15005550006" } });
        settings.insert("voice".to_owned(), calls);
        let mut message = message("+14155552671", "4, 8");
        message.channel = Channel::Voice;
        let wire = wire(settings, &message).await;
        let line = wire.lines().next().unwrap();
        let path = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Calls.json";
        assert_eq!(line, format!("POST {path} HTTP/1.1"));
        assert!(wire.contains("&Twiml=%3CResponse%3E"), "{wire}");
    }

    #[test]
    fn a_region_has_its_own_host() {
        let mut settings = settings();
        assert_eq!(
            build(settings.clone()).unwrap().messages.as_str(),
            "https://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json"
        );
        settings.insert("edge".to_owned(), "dublin".into());
        settings.insert("region".to_owned(), "ie1".into());
        let regional = build(settings).unwrap().messages;
        assert_eq!(regional.host_str(), Some("api.dublin.ie1.twilio.com"));
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let check = |changes: Value, expect: &[&str]| {
            let mut settings = settings();
            for (key, value) in changes.as_object().unwrap() {
                settings.insert(key.clone(), value.clone());
            }
            settings.retain(|_, value| !value.is_null());
            let problems = build(settings).err().unwrap_or_default();
            let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, expect, "{problems:?}");
        };
        check(json!({}), &[]);
        check(json!({ "account_sid": "AC1" }), &["account_sid"]);
        check(json!({ "auth_token": null }), &[""]);
        let key = json!({ "sid": KEY, "secret": { "env": "SECRET" } });
        check(json!({ "api_key": key }), &[""]);
        let key = json!({ "sid": "AC00", "secret": { "env": "SECRET" } });
        check(
            json!({ "auth_token": null, "api_key": key }),
            &["api_key.sid"],
        );
        check(json!({ "edge": "dublin" }), &["edge"]);
        check(json!({ "region": "ie1" }), &["region"]);
        check(
            json!({ "edge": "a.b", "region": "I/E" }),
            &["edge", "region"],
        );
        let both = json!({ "edge": "dublin", "region": "ie1", "base_url": "https://a.example" });
        check(both, &["base_url"]);
        check(json!({ "base_url": "ftp://a.example" }), &["base_url"]);
        let many = json!({
            "account_sid": "",
            "auth_token": null,
            "base_url": "x",
            "senders": { "default": "" },
            "whatsapp": { "senders": { "default": SERVICE } },
            "voice": { "senders": { "default": SERVICE } },
        });
        let expect = [
            "account_sid",
            "",
            "base_url",
            "senders.default",
            "whatsapp.templates",
            "voice.senders.default",
        ];
        check(many, &expect);
    }

    #[tokio::test]
    async fn a_new_secret_is_used_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "first").unwrap();
        let vendor =
            Vendor::start([Reply::answer(201, &[], ""), Reply::answer(201, &[], "")]).await;
        let mut settings = settings();
        settings.insert("auth_token".to_owned(), json!({ "file": file }));
        settings.insert("base_url".to_owned(), vendor.url().into());
        let house = House::default();
        let directory = house.build_one("twilio", settings).unwrap();
        let provider = Arc::clone(&directory.get("acme").unwrap().provider);
        let message = message("+14155552671", "x");
        provider
            .send(&message, &WriteGate::default())
            .await
            .unwrap();
        std::fs::write(&file, "second").unwrap();
        house.site().secrets.refresh();
        provider
            .send(&message, &WriteGate::default())
            .await
            .unwrap();
        let [first, second] = &vendor.calls()[..] else {
            panic!("two calls");
        };
        assert_ne!(
            first.header("authorization"),
            second.header("authorization")
        );
        assert_eq!(first.body, second.body);
    }
}
