//! The configuration under which a gateway lives in the sandbox: one tenant with a header secret, one with OAuth.

use std::{fmt::Write, net::SocketAddr};

use secrecy::ExposeSecret;

use super::{Sandbox, twilio::content::Content, whatsapp::Template};
use crate::config::{grpc::Method, variables::Variables};

/// The tenant whose Okta sends a header secret.
pub const TENANT: &str = "acme";
/// The tenant whose Okta sends OAuth tokens.
pub const OAUTH_TENANT: &str = "globex";
/// The secret of Okta's hook. Known to everybody; it opens doors on loopback only.
pub const HOOK_SECRET: &str = "sandbox-hook-secret";
/// The token of the gRPC client. Known to everybody; it opens doors on loopback only.
pub const GRPC_TOKEN: &str = "sandbox-grpc-token";

const HOOK_SECRET_ENV: &str = "TOLLGATE_SANDBOX_HOOK_SECRET";
const GRPC_TOKEN_ENV: &str = "TOLLGATE_SANDBOX_GRPC_TOKEN";
const TWILIO_TOKEN_ENV: &str = "TOLLGATE_SANDBOX_TWILIO_TOKEN";
const VONAGE_SECRET_ENV: &str = "TOLLGATE_SANDBOX_VONAGE_SECRET";
const META_TOKEN_ENV: &str = "TOLLGATE_SANDBOX_META_TOKEN";
const LINE_SECRET_ENV: &str = "TOLLGATE_SANDBOX_LINE_SECRET";
const PRIVATE_KEY_ENV: &str = "TOLLGATE_SANDBOX_PRIVATE_KEY";

/// Where the gateway's doors are; port 0 takes a free one.
#[derive(Clone, Copy, Debug)]
pub struct Doors {
    /// Okta's.
    pub public: SocketAddr,
    /// The services'.
    pub grpc: SocketAddr,
    /// The operators'.
    pub admin: SocketAddr,
}

impl Doors {
    /// On loopback, at these ports.
    pub fn at(public: u16, grpc: u16, admin: u16) -> Self {
        let [public, grpc, admin] = [public, grpc, admin].map(|port| ([127, 0, 0, 1], port).into());
        Self {
            public,
            grpc,
            admin,
        }
    }
}

impl Default for Doors {
    fn default() -> Self {
        Self::at(8080, 50051, 9090)
    }
}

/// The configuration as YAML.
pub(super) fn text(sandbox: &Sandbox) -> String {
    [doors(sandbox), providers(sandbox), tenants(sandbox)].concat()
}

fn doors(sandbox: &Sandbox) -> String {
    let doors = sandbox.doors;
    let ledger = sandbox.folder.path().join("ledger.db");
    format!(
        "\
# The sandbox: every vendor is simulated on loopback, and every secret is known.
allow_test_providers: true
public: {{ listen: {public} }}
grpc:
  listen: {grpc}
  clients:
    - name: sandbox
      token: {{ env: {GRPC_TOKEN_ENV} }}
      tenants: [\"*\"]
      methods: [{methods}]
admin: {{ listen: {admin} }}
ledger: {{ url: {ledger} }}
drain: {{ propagation_delay: 0s, deadline: 5s }}
",
        public = quoted(&doors.public.to_string()),
        grpc = quoted(&doors.grpc.to_string()),
        admin = quoted(&doors.admin.to_string()),
        methods = Method::ALL.map(Method::as_str).join(", "),
        ledger = quoted(&format!("sqlite://{}", ledger.display())),
    )
}

fn providers(sandbox: &Sandbox) -> String {
    let (twilio, vonage) = (sandbox.twilio.settings(), sandbox.vonage.settings());
    let (meta, line) = (sandbox.meta.settings(), sandbox.line.settings());
    format!(
        "\
providers:
  twilio-sim:
    kind: twilio
    base_url: {twilio_url}
    account_sid: {account_sid}
    auth_token: {{ env: {TWILIO_TOKEN_ENV} }}
    senders: {{ default: \"+15005550006\" }}
    whatsapp:
      senders: {{ default: {twilio_whatsapp} }}
      templates:{contents}
    voice: {{ senders: {{ default: \"+15005550006\" }} }}
  vonage-sim:
    kind: vonage
    base_url: {vonage_url}
    api_key: {api_key}
    api_secret: {{ env: {VONAGE_SECRET_ENV} }}
    application: {{ id: {application_id}, private_key: {{ env: {PRIVATE_KEY_ENV} }} }}
    sms: {{ senders: {{ default: Acme }} }}
    whatsapp:
      senders: {{ default: {vonage_whatsapp} }}
      templates:{templates}
    voice: {{ senders: {{ default: \"+447700900001\" }} }}
  meta-sim:
    kind: meta
    base_url: {meta_url}
    phone_number_id: {phone_number_id}
    access_token: {{ env: {META_TOKEN_ENV} }}
    templates:{templates}
  line-sim:
    kind: line
    base_url: {line_url}
    stateless: {{ channel_id: {channel_id}, channel_secret: {{ env: {LINE_SECRET_ENV} }} }}
",
        twilio_url = quoted(&sandbox.twilio.url()),
        account_sid = quoted(&twilio.account_sid),
        twilio_whatsapp = quoted(&twilio.whatsapp_sender),
        contents = by_language(&twilio.contents, |content: &Content| {
            (content.template.language.clone(), quoted(&content.sid))
        }),
        vonage_url = quoted(&sandbox.vonage.url()),
        api_key = quoted(&vonage.api_key),
        application_id = quoted(&vonage.application_id),
        vonage_whatsapp = quoted(&format!("+{}", vonage.whatsapp_sender)),
        templates = by_language(&meta.templates, template),
        meta_url = quoted(&sandbox.meta.url()),
        phone_number_id = quoted(&meta.phone_number_id),
        line_url = quoted(&sandbox.line.url()),
        channel_id = quoted(&line.channel_id),
    )
}

fn tenants(sandbox: &Sandbox) -> String {
    let okta = sandbox.okta.settings();
    format!(
        "\
tenants:
  {TENANT}:
    brand: Acme
    countries: {{ allow: [US, GB, JP, DE, FR, ES, BR, IN, MX] }}
    line: {{ user_id_from: admin_attribute }}
    okta:
      auth: {{ header: authorization, secrets: [ {{ env: {HOOK_SECRET_ENV} }} ] }}
      profile:
        org_url: {org_url}
        auth:
          service_app: {{ client_id: {service_id}, key: {{ env: {PRIVATE_KEY_ENV} }}, key_id: {key_id}, dpop: true }}
        attributes: {{ channels: otpChannels, whatsapp_opt_in: whatsappOptIn, line_user_id: lineUserId, locale: locale }}
  {OAUTH_TENANT}:
    brand: Globex
    countries: {{ allow: [US, GB, JP, DE, FR, ES, BR, IN, MX] }}
    okta: {{ auth: {{ oauth: {{ issuer: {issuer}, audience: {audience}, scope: {scope}, client_id: {client_id} }} }} }}
routes:
  - {{ channel: sms, try: [twilio-sim, vonage-sim] }}
  - {{ channel: whatsapp, try: [meta-sim, twilio-sim] }}
  - {{ channel: line, try: [line-sim] }}
  - {{ channel: voice, try: [vonage-sim, twilio-sim] }}
",
        org_url = quoted(sandbox.okta.url()),
        service_id = quoted(&okta.dpop_service_id),
        key_id = quoted(&sandbox.key_id),
        issuer = quoted(sandbox.okta.issuer()),
        audience = quoted(&okta.audience),
        scope = quoted(&okta.scope),
        client_id = quoted(&okta.client_id),
    )
}

/// A line for each language, and the first one for all others.
fn by_language<T>(list: &[T], entry: impl Fn(&T) -> (String, String)) -> String {
    let mut lines = String::new();
    let first = list
        .first()
        .map(|first| ("default".to_owned(), entry(first).1));
    for (language, value) in first.into_iter().chain(list.iter().map(entry)) {
        // Writing into a `String` cannot fail.
        let _ = write!(lines, "\n        {}: {value}", quoted(&language));
    }
    lines
}

fn template(template: &Template) -> (String, String) {
    let Template { name, language, .. } = template;
    let value = format!(
        "{{ name: {}, language: {} }}",
        quoted(name),
        quoted(language)
    );
    (language.clone(), value)
}

/// The variables to which the configuration refers, and no others.
pub(super) fn variables(sandbox: &Sandbox) -> Variables {
    let private_key = sandbox.private_key.load();
    Variables::from_iter([
        (HOOK_SECRET_ENV, HOOK_SECRET),
        (GRPC_TOKEN_ENV, GRPC_TOKEN),
        (TWILIO_TOKEN_ENV, &*sandbox.twilio.settings().auth_token),
        (VONAGE_SECRET_ENV, &*sandbox.vonage.settings().api_secret),
        (META_TOKEN_ENV, &*sandbox.meta.settings().token),
        (LINE_SECRET_ENV, &*sandbox.line.settings().channel_secret),
        (PRIVATE_KEY_ENV, private_key.expose_secret()),
    ])
}

/// A YAML string, whatever is in it: JSON strings are YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
    use secrecy::ExposeSecret;
    use serde_json::{Map, Value};

    use super::*;
    use crate::{
        clock::Clock,
        config::{Config, grpc::Method, secret::Secrets},
        sandbox::Sandbox,
    };

    /// Reads YAML without anchors, tags and several documents.
    struct Reader<'a>(Parser<'a, StrInput<'a>>);

    impl Reader<'_> {
        fn next(&mut self) -> Event<'_> {
            let next = self.0.next_event().expect("more to come");
            next.expect("YAML").0
        }

        /// The next value; `None` at the end of a list or map.
        fn value(&mut self) -> Option<Value> {
            match self.next() {
                Event::StreamStart | Event::DocumentStart(_) => self.value(),
                Event::Scalar(text, ScalarStyle::Plain, ..) if text == "true" => Some(true.into()),
                Event::Scalar(text, ..) => Some(Value::from(&*text)),
                Event::SequenceStart(..) => Some(
                    std::iter::from_fn(|| self.value())
                        .collect::<Vec<_>>()
                        .into(),
                ),
                Event::MappingStart(..) => Some(self.map().into()),
                Event::SequenceEnd | Event::MappingEnd => None,
                other @ (Event::Nothing
                | Event::StreamEnd
                | Event::DocumentEnd
                | Event::Alias(_)) => panic!("{other:?} is not expected here"),
            }
        }

        fn map(&mut self) -> Map<String, Value> {
            let mut map = Map::new();
            while let Some(key) = self.value() {
                let key = key.as_str().expect("a name").to_owned();
                map.insert(key, self.value().expect("a value"));
            }
            map
        }
    }

    #[tokio::test]
    async fn it_reads_back_as_a_configuration() {
        let sandbox = Sandbox::start(Doors::at(0, 1, 2), Clock::system()).await;
        let sandbox = sandbox.expect("free ports");
        let text = sandbox.configuration();
        let read = Reader(Parser::new_from_str(&text)).value().expect("a map");
        let config: Config = serde_json::from_value(read).expect("a configuration");

        assert!(config.allow_test_providers);
        assert_eq!(
            config.public.listen,
            "127.0.0.1:0".parse().expect("an address")
        );
        assert_eq!(config.admin.listen.port(), 2);
        assert!(config.ledger.url.starts_with("sqlite:///"));
        assert_eq!(config.grpc.clients[0].methods, Method::ALL);
        let twilio = &config.providers["twilio-sim"];
        assert_eq!(twilio.kind, "twilio");
        assert_eq!(twilio.settings["base_url"], sandbox.twilio().url());
        let kinds: Vec<_> = config.providers.values().map(|one| &*one.kind).collect();
        assert_eq!(kinds, ["line", "meta", "twilio", "vonage"]);
        assert_eq!(config.tenants.len(), 2);
        let globex = config.tenants[OAUTH_TENANT].okta.as_ref();
        let oauth = globex
            .and_then(|okta| okta.auth.oauth.as_ref())
            .expect("OAuth");
        assert_eq!(oauth.issuer, sandbox.okta().issuer());
    }

    #[tokio::test]
    async fn its_environment_has_every_secret() {
        let sandbox = Sandbox::start(Doors::default(), Clock::system()).await;
        let sandbox = sandbox.expect("free ports");
        let secrets = Secrets::new(sandbox.variables().environment());
        let text = sandbox.configuration();
        let names: Vec<_> = text.split("{ env: ").skip(1).collect();
        assert_eq!(names.len(), 8);
        for name in names {
            let name = name.split(' ').next().expect("a name").to_owned();
            let secret = secrets.resolve_of(&crate::config::secret::SecretRef::Env(name), 16);
            assert!(secret.is_ok_and(|secret| !secret.load().expose_secret().is_empty()));
        }
    }
}
