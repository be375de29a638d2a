//! `meta`: WhatsApp by Meta's Cloud API, with approved authentication templates.

mod answer;
mod message_id;
mod settings;

use async_trait::async_trait;
use serde_json::json;
use url::Url;

use self::settings::Settings;
use crate::{
    channels::{
        base_url,
        bearer::Bearer,
        kind::{BuildContext, BuildError, ProviderKind},
        post,
        provider::{Accepted, Message, Provider, SendError},
        whatsapp::{Mode, Template, Wording},
    },
    clock::Clock,
    domain::{
        capability::Capability,
        channel::{Channel, Channels},
        failure::Failure,
    },
    outbound::{Outbound, Request, WriteGate},
};

/// A WhatsApp number at Meta.
pub(super) struct Meta {
    outbound: Outbound,
    clock: Clock,
    messages: Url,
    auth: Bearer,
    wording: Wording<Template>,
}

impl ProviderKind for Meta {
    const NAME: &'static str = "meta";
    type Settings = Settings;

    fn build(settings: Settings, ctx: &BuildContext<'_>) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let number = problems.keep("phone_number_id", settings.phone_number_id());
        let version = problems.keep("version", settings.version());
        let base = base_url::parse(&settings.base_url, ctx.site.allow_test_providers);
        let base = problems.keep("base_url", base);
        let token = ctx.site.secrets.resolve(&settings.access_token);
        let token = problems.keep("access_token", token);
        let auth = token.and_then(|token| problems.keep("access_token", Bearer::new(token)));
        // Free text is for answers within an open session, and no code is one.
        let wording = Wording::parse("", Mode::Template, &settings.templates, Template::parse);
        let wording = problems.merge(wording);
        let (Some(number), Some(version), Some(base), Some(auth), Some(wording)) =
            (number, version, base, auth, wording)
        else {
            return Err(problems);
        };
        Ok(Self {
            outbound: ctx.site.outbound.clone(),
            clock: ctx.site.clock.clone(),
            messages: base_url::endpoint(&base, &[version, number, "messages"]),
            auth,
            wording,
        })
    }
}

#[async_trait]
impl Provider for Meta {
    fn capability(&self) -> Capability {
        Capability {
            channels: Channels::NONE.with(Channel::Whatsapp),
            ..Capability::default()
        }
    }

    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
        let request = self.request(message)?;
        let answer = self.outbound.call(request, gate).await?;
        answer::read(&answer, self.clock.unix_ms())
    }
}

impl Meta {
    fn request(&self, message: &Message) -> Result<Request, SendError> {
        let template = self.wording.template(message)?;
        let template = template.ok_or_else(|| SendError::new(Failure::Request, "no_template"))?;
        let body = json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.to.expose_e164().trim_start_matches('+'),
            "type": "template",
            "template": template.filled(&message.code, None)?,
            // Comes back with every receipt, so that it finds its attempt.
            "biz_opaque_callback_data": message.attempt.to_string(),
        });
        let header = Some(self.auth.header());
        Ok(post::json(self.messages.clone(), header, &body))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::{
        channels::kinds::contract::fixture::{House, message as message_on},
        domain::passcode::Passcode,
        outbound::vendor::{Reply, Vendor},
    };

    fn settings() -> Map<String, Value> {
        let settings = json!({
            "phone_number_id": "106540352242922",
            "access_token": { "env": "TOKEN" },
            "templates": {
                "default": { "name": "verification_code", "language": "en_US" },
                "ja": { "name": "ninsho", "language": "ja" },
            },
        });
        serde_json::from_value(settings).unwrap()
    }

    fn build(settings: Map<String, Value>) -> Result<Meta, Vec<(String, String)>> {
        let house = House::with_environment(|name| match name {
            "TOKEN" => Some("EAAG0123".to_owned()),
            "BROKEN" => Some("EAAG\n0123".to_owned()),
            _ => None,
        });
        let ctx = BuildContext {
            name: "acme",
            site: house.site(),
        };
        let settings = serde_json::from_value(Value::Object(settings)).unwrap();
        Meta::build(settings, &ctx).map_err(BuildError::into_problems)
    }

    #[tokio::test]
    async fn a_code_on_the_wire() {
        let vendor = Vendor::start([Reply::answer(200, &[], "{}")]).await;
        let mut settings = settings();
        settings.insert("base_url".to_owned(), vendor.url().into());
        settings.insert("version".to_owned(), "v25.0".into());
        let mut message = message_on(Channel::Whatsapp, "+819012345678", "not sent");
        message.locale = "ja-JP".to_owned();
        let meta = build(settings).unwrap();
        meta.send(&message, &WriteGate::default()).await.unwrap();
        let call = vendor.calls().remove(0);
        let line = call.head.lines().next();
        assert_eq!(line, Some("POST /v25.0/106540352242922/messages HTTP/1.1"));
        assert_eq!(call.header("authorization"), Some("Bearer EAAG0123"));
        assert_eq!(call.header("content-type"), Some("application/json"));
        let body: Value = serde_json::from_str(&call.body).unwrap();
        insta::assert_snapshot!(format!("{body:#}"), @r#"
        {
          "biz_opaque_callback_data": "att_07070707070707070707070707070707-1",
          "messaging_product": "whatsapp",
          "recipient_type": "individual",
          "template": {
            "components": [
              {
                "parameters": [
                  {
                    "text": "482913",
                    "type": "text"
                  }
                ],
                "type": "body"
              },
              {
                "index": "0",
                "parameters": [
                  {
                    "text": "482913",
                    "type": "text"
                  }
                ],
                "sub_type": "url",
                "type": "button"
              }
            ],
            "language": {
              "code": "ja"
            },
            "name": "ninsho"
          },
          "to": "819012345678",
          "type": "template"
        }
        "#);
    }

    #[tokio::test]
    async fn what_no_template_carries_is_not_asked_for() {
        let check = async |code: &str, locale: &str, expect: Option<&str>| {
            let mut settings = settings();
            settings["templates"]
                .as_object_mut()
                .unwrap()
                .remove("default");
            settings.insert("base_url".to_owned(), "http://127.0.0.1:1".into());
            let mut message = message_on(Channel::Whatsapp, "+14155552671", "x");
            message.code = Passcode::parse(code).unwrap();
            message.locale = locale.to_owned();
            let gate = WriteGate::default();
            let problem = build(settings).unwrap().send(&message, &gate).await;
            let problem = problem.unwrap_err();
            let ours = expect.map(|code| SendError::new(Failure::Request, code));
            let connect = SendError::new(Failure::Transient, "connect");
            assert_eq!(problem, ours.unwrap_or(connect), "{code} {locale}");
            assert!(!gate.written());
        };
        check(&"9".repeat(15), "ja", None).await;
        check(&"9".repeat(16), "ja", Some("code_too_long")).await;
        check("482913", "de-CH", Some("no_template")).await;
        check("482913", "", Some("no_template")).await;
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let check = |changes: Value, expect: &[&str]| {
            let mut settings = settings();
            for (key, value) in changes.as_object().unwrap() {
                settings.insert(key.clone(), value.clone());
            }
            let problems = build(settings).err().unwrap_or_default();
            let paths: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, expect, "{problems:?}");
        };
        check(json!({}), &[]);
        for id in ["", "+14155552671", "1234", "1/2345", &"1".repeat(33)] {
            check(json!({ "phone_number_id": id }), &["phone_number_id"]);
        }
        for version in ["", "23.0", "v23", "v23.", "v.0", "v23.0/x", "latest"] {
            check(json!({ "version": version }), &["version"]);
        }
        check(
            json!({ "access_token": { "env": "NONE" } }),
            &["access_token"],
        );
        check(
            json!({ "access_token": { "env": "BROKEN" } }),
            &["access_token"],
        );
        check(json!({ "templates": {} }), &["templates"]);
        let nameless = json!({ "default": { "name": "", "language": "en" }, "j": { "name": "a", "language": "b" } });
        check(
            json!({ "templates": nameless }),
            &["templates.default", "templates.j"],
        );
        let many = json!({ "phone_number_id": "x", "version": "x", "base_url": "x", "access_token": { "env": "NONE" } });
        let expect = ["phone_number_id", "version", "base_url", "access_token"];
        check(many, &expect);
    }
}
