//! `vonage`: SMS by Vonage's SMS API or Messages API, WhatsApp by its Messages API, and calls by its Voice API.

mod answer;
mod application;
mod senders;
mod settings;
mod sms;
mod voice;
mod whatsapp;

use async_trait::async_trait;
use http::HeaderValue;
use url::Url;

use self::{
    answer::Api,
    application::{Application, Pass},
    settings::{Key, Settings},
    sms::SmsApi,
    voice::Voice,
    whatsapp::Whatsapp,
};
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

/// An account at Vonage.
pub(super) struct Vonage {
    outbound: Outbound,
    clock: Clock,
    places: Places,
    key: Option<Key>,
    basic: Option<BasicAuth>,
    application: Option<Application>,
    sms: Option<(ByCountry<String>, SmsApi)>,
    whatsapp: Option<Whatsapp>,
    voice: Option<Voice>,
}

/// Where each API is.
struct Places {
    sms: Url,
    messages: Url,
    calls: Url,
}

impl ProviderKind for Vonage {
    const NAME: &'static str = "vonage";
    type Settings = Settings;

    fn build(settings: Settings, ctx: &BuildContext<'_>) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let key = problems.merge(settings.key(ctx));
        let application = problems.merge(settings.application(ctx));
        let bases = problems.merge(settings.bases(ctx.site.allow_test_providers));
        let sms = settings.sms.as_ref().and_then(|told| {
            let senders = ByCountry::parse("sms.senders", &told.senders, senders::any);
            Some((problems.merge(senders)?, told.api))
        });
        let whatsapp = settings.whatsapp.as_ref().map(Whatsapp::parse);
        let whatsapp = whatsapp.and_then(|whatsapp| problems.merge(whatsapp));
        let voice = settings.voice.as_ref().map(Voice::parse);
        let voice = voice.and_then(|voice| problems.merge(voice));
        for (path, text) in missing(&settings) {
            problems.keep(path, Err::<(), _>(text));
        }
        let (Some(key), Some(application), Some((base, sms_base)), true) =
            (key, application, bases, problems.is_empty())
        else {
            return Err(problems);
        };
        let basic = |key: &Key| BasicAuth::new(key.key.clone(), key.secret.clone());
        Ok(Self {
            outbound: ctx.site.outbound.clone(),
            clock: ctx.site.clock.clone(),
            places: Places {
                sms: base_url::endpoint(&sms_base, &["sms", "json"]),
                messages: base_url::endpoint(&base, &["v1", "messages"]),
                calls: base_url::endpoint(&base, &["v1", "calls"]),
            },
            basic: key.as_ref().map(basic),
            key,
            application,
            sms,
            whatsapp,
            voice,
        })
    }
}

/// What the channels need and was not given.
fn missing(settings: &Settings) -> Vec<(&'static str, &'static str)> {
    let (sms, whatsapp, voice) = (&settings.sms, &settings.whatsapp, &settings.voice);
    let has_key = settings.api_key.is_some() || settings.api_secret.is_some();
    let has_application = settings.application.is_some();
    let by_messages = sms.as_ref().is_some_and(|sms| sms.api == SmsApi::Messages);
    let mut missing = Vec::new();
    if sms.is_none() && whatsapp.is_none() && voice.is_none() {
        missing.push(("", "needs `sms`, `whatsapp` or `voice`"));
    }
    if sms.is_some() && !by_messages && !has_key {
        missing.push((
            "sms",
            "needs `api_key` and `api_secret`, or `api: messages`",
        ));
    }
    let text = "needs `application`, or `api_key` and `api_secret`";
    for (path, told) in [("sms", by_messages), ("whatsapp", whatsapp.is_some())] {
        if told && !has_key && !has_application {
            missing.push((path, text));
        }
    }
    if voice.is_some() && !has_application {
        missing.push(("voice", "needs `application`"));
    }
    missing
}

#[async_trait]
impl Provider for Vonage {
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
        self.senders(channel)?.of(country).map(String::as_str)
    }

    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        let Call { api, request, pass } = self.request(message)?;
        let answer = self.outbound.call(request, gate).await?;
        let result = answer::read(api, &answer, self.clock.unix_ms());
        result.map_err(|problem| match (&self.application, &pass) {
            (Some(application), Some(pass)) if answer::blames_token(&answer, &problem) => {
                SendError {
                    failure: application.refused(pass),
                    ..problem
                }
            }
            (_, _) => problem,
        })
    }
}

/// A request, and what is needed to understand its answer.
struct Call {
    api: Api,
    request: Request,
    pass: Option<Pass>,
}

impl Vonage {
    /// Who messages on a channel come from; `None` for one that is not configured.
    fn senders(&self, channel: Channel) -> Option<&ByCountry<String>> {
        match channel {
            Channel::Sms => self.sms.as_ref().map(|(senders, _)| senders),
            Channel::Whatsapp => self.whatsapp.as_ref().map(|whatsapp| &whatsapp.senders),
            Channel::Voice => self.voice.as_ref().map(|voice| &voice.senders),
            Channel::Line => None,
        }
    }

    fn request(&self, message: &Message) -> Result<Call, SendError> {
        let ours = |code| SendError::new(Failure::Request, code);
        let senders = self.senders(message.channel);
        let sender = senders.and_then(|senders| senders.of(message.to.country()));
        let sender = sender.ok_or_else(|| ours("no_sender"))?;
        if let (Channel::Sms, Some((_, SmsApi::Sms)), Some(key)) =
            (message.channel, &self.sms, &self.key)
        {
            let form = sms::form(message, sender, (&key.key, &key.secret.load()));
            return Ok(Call {
                api: Api::Sms,
                request: post::form(self.places.sms.clone(), None, form),
                pass: None,
            });
        }
        let (api, url, body) = match (message.channel, &self.whatsapp, &self.voice) {
            (Channel::Whatsapp, Some(whatsapp), _) => {
                let body = whatsapp.body(message, sender)?;
                (Api::Messages, &self.places.messages, body)
            }
            (Channel::Voice, _, Some(voice)) => {
                (Api::Calls, &self.places.calls, voice.body(message, sender))
            }
            (_, _, _) => (
                Api::Messages,
                &self.places.messages,
                sms::body(message, sender),
            ),
        };
        let (authorization, pass) = self.authorization()?;
        Ok(Call {
            api,
            request: post::json(url.clone(), authorization, &body),
            pass,
        })
    }

    /// As the application, or else with the account's key and secret.
    fn authorization(&self) -> Result<(Option<HeaderValue>, Option<Pass>), SendError> {
        let Some(application) = &self.application else {
            return Ok((self.basic.as_ref().map(BasicAuth::header), None));
        };
        let pass = application.pass()?;
        Ok((Some(pass.header.clone()), Some(pass)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::{
        channels::kinds::contract::fixture::{House, message as message_on},
        outbound::vendor::{Reply, Vendor},
    };

    fn settings() -> Map<String, Value> {
        let settings = json!({
            "api_key": "abcd1234",
            "api_secret": { "env": "SECRET" },
            "application": { "id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab", "private_key": { "env": "PRIVATE_KEY" } },
            "sms": { "senders": { "default": "ACME", "US": "+15005550006" } },
            "whatsapp": {
                "senders": { "default": "+447700900001" },
                "templates": { "default": { "name": "verification_code", "language": "en" } },
            },
            "voice": { "senders": { "default": "+447700900002" } },
        });
        serde_json::from_value(settings).unwrap()
    }

    fn build(settings: Map<String, Value>) -> Result<Vonage, Vec<(String, String)>> {
        let house = House::default();
        let ctx = BuildContext {
            name: "acme",
            site: house.site(),
        };
        let settings = serde_json::from_value(Value::Object(settings)).unwrap();
        Vonage::build(settings, &ctx).map_err(BuildError::into_problems)
    }

    fn changed(changes: &Value) -> Map<String, Value> {
        let mut settings = settings();
        for (key, value) in changes.as_object().unwrap() {
            settings.insert(key.clone(), value.clone());
        }
        settings.retain(|_, value| !value.is_null());
        settings
    }

    #[tokio::test]
    async fn each_channel_has_its_api_and_its_way_to_sign_in() {
        let check = async |changes: Value, channel: Channel, path: &str, scheme: Option<&str>| {
            let mut settings = changed(&changes);
            let answer = r#"{"messages":[{"status":"0"}]}"#;
            let vendor = Vendor::start([Reply::answer(200, &[], answer)]).await;
            settings.insert("base_url".to_owned(), vendor.url().into());
            let message = message_on(channel, "+447400123456", "x");
            let vonage = build(settings).unwrap();
            vonage.send(&message, &WriteGate::default()).await.unwrap();
            let call = vendor.calls().remove(0);
            let line = format!("POST {path} HTTP/1.1");
            assert_eq!(call.head.lines().next(), Some(line.as_str()));
            let sent = call.header("authorization");
            assert_eq!(
                sent.and_then(|sent| sent.split(' ').next()),
                scheme,
                "{path}"
            );
        };
        let none = json!({});
        check(none.clone(), Channel::Sms, "/sms/json", None).await;
        check(
            none.clone(),
            Channel::Whatsapp,
            "/v1/messages",
            Some("Bearer"),
        )
        .await;
        check(none, Channel::Voice, "/v1/calls", Some("Bearer")).await;
        let by_messages = json!({ "senders": { "default": "ACME" }, "api": "messages" });
        let application = json!({ "sms": by_messages });
        check(application, Channel::Sms, "/v1/messages", Some("Bearer")).await;
        let basic = json!({ "sms": by_messages, "application": null, "voice": null });
        check(basic.clone(), Channel::Sms, "/v1/messages", Some("Basic")).await;
        check(basic, Channel::Whatsapp, "/v1/messages", Some("Basic")).await;
    }

    #[test]
    fn each_api_has_its_host() {
        let check = |changes: Value, base: &str, sms: &str| {
            let places = build(changed(&changes)).unwrap().places;
            assert_eq!(places.messages.as_str(), format!("{base}/v1/messages"));
            assert_eq!(places.calls.as_str(), format!("{base}/v1/calls"));
            assert_eq!(places.sms.as_str(), format!("{sms}/sms/json"));
        };
        check(json!({}), "https://api.nexmo.com", "https://rest.nexmo.com");
        let proxy = json!({ "base_url": "https://proxy.example/v" });
        check(proxy, "https://proxy.example/v", "https://proxy.example/v");
        let two = json!({ "base_url": "https://a.example", "sms_base_url": "https://b.example" });
        check(two, "https://a.example", "https://b.example");
    }

    #[test]
    fn what_has_senders_can_be_sent() {
        let vonage = build(settings()).unwrap();
        let of = |channel, country| vonage.sender(channel, Country::parse(country));
        assert_eq!(of(Channel::Sms, "US"), Some("15005550006"));
        assert_eq!(of(Channel::Sms, "GB"), Some("ACME"));
        assert_eq!(of(Channel::Whatsapp, "GB"), Some("447700900001"));
        assert_eq!(of(Channel::Voice, "GB"), Some("447700900002"));
        assert_eq!(of(Channel::Line, "GB"), None);
        let only = json!({ "whatsapp": null, "voice": null, "application": null });
        let channels = build(changed(&only)).unwrap().capability().channels;
        assert_eq!(channels, [Channel::Sms].into_iter().collect());
    }

    #[tokio::test]
    async fn what_cannot_be_sent_is_not_asked_for() {
        let check = async |changes: Value, channel: Channel, code: &str, expect: &str| {
            let mut message = message_on(channel, "+447400123456", "x");
            message.code = crate::domain::passcode::Passcode::parse(code).unwrap();
            let gate = WriteGate::default();
            let vonage = build(changed(&changes)).unwrap();
            let problem = vonage.send(&message, &gate).await.unwrap_err();
            assert_eq!(problem, SendError::new(Failure::Request, expect));
            assert!(!gate.written());
        };
        let us = json!({ "sms": { "senders": { "US": "ACME" } } });
        check(us, Channel::Sms, "482913", "no_sender").await;
        let long = "0123456789abcdef";
        check(json!({}), Channel::Whatsapp, long, "code_too_long").await;
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let check = |changes: Value, expect: &[&str]| {
            let problems = build(changed(&changes)).err().unwrap_or_default();
            let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, expect, "{problems:?}");
        };
        check(json!({}), &[]);
        check(json!({ "api_key": null }), &["api_key"]);
        check(json!({ "api_secret": null }), &["api_secret"]);
        check(json!({ "api_key": "a:b" }), &["api_key"]);
        let no_key = json!({ "api_key": null, "api_secret": null });
        check(no_key, &["sms"]);
        check(json!({ "application": null }), &["voice"]);
        let nothing = json!({ "api_key": null, "api_secret": null, "application": null });
        check(nothing, &["sms", "whatsapp", "voice"]);
        check(
            json!({ "sms": null, "whatsapp": null, "voice": null }),
            &[""],
        );
        let secret = json!({ "id": "", "private_key": { "env": "PRIVATE_KEY" } });
        check(json!({ "application": secret }), &["application.id"]);
        let secret = json!({ "id": "a", "private_key": { "env": "NO_KEY" } });
        check(
            json!({ "application": secret }),
            &["application.private_key"],
        );
        let many = json!({
            "base_url": "x",
            "sms_base_url": "y",
            "sms": { "senders": { "default": "" } },
            "voice": { "senders": {} },
        });
        let expect = [
            "base_url",
            "sms_base_url",
            "sms.senders.default",
            "voice.senders",
        ];
        check(many, &expect);
    }
}
