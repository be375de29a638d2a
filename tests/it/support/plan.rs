//! What a gateway under test is started with, in the words of its configuration.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate::{
    clock::Clock,
    config::{grpc::Method, variables::Variables},
    sandbox::{
        okta::Okta,
        twilio::{self, Twilio},
    },
};

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::{
    certificates::Certificates, gateway::TestGateway, http::Http, mode::Mode, users, vendor::Vendor,
};

/// The tenant that every plan has; its Okta shows a header secret.
pub(crate) const TENANT: &str = "acme";
/// A second tenant, with the same secret.
pub(crate) const OTHER_TENANT: &str = "umbrella";
/// The tenant whose Okta shows tokens, once [`Plan::with_okta`] was asked for it.
pub(crate) const OAUTH_TENANT: &str = "globex";
/// The header secret of [`TENANT`]'s Okta.
pub(crate) const HOOK_SECRET: &str = "hook-secret-0123456789";
/// The token of a client that may do everything for everybody.
pub(crate) const OPERATOR: &str = "operator-token-0123456789";
/// The token of a client that may send, list and read for [`TENANT`], and not explain.
pub(crate) const BILLING: &str = "billing-token-0123456789";
/// The token of a separate adapter.
const ADAPTER: &str = "adapter-token-0123456789";

/// A gateway that is not started yet.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    config: Value,
    world: World,
    authority: Option<String>,
}

/// What outlives a restart of the gateway: its folder, and the simulators around it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) twilio: Arc<Twilio>,
    okta: Option<Arc<Okta>>,
}

impl Plan {
    /// All providers are well, and nothing differs from the defaults that need not.
    pub(crate) async fn new(mode: Mode) -> Self {
        let settings = twilio::Settings {
            slow: Duration::from_millis(50),
            ..twilio::Settings::default()
        };
        let twilio = Twilio::start(settings, Clock::system()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ledger = format!("sqlite://{}", folder.path().join("ledger.db").display());
        let config = config(&ledger, &twilio);
        let world = World {
            folder: Arc::new(folder),
            twilio: Arc::new(twilio),
            okta: None,
        };
        Self {
            mode,
            config,
            world,
            authority: None,
        }
    }

    /// With this setting, named by its path.
    pub(crate) fn with(mut self, path: &str, value: Value) -> Self {
        self.set(path, value);
        self
    }

    /// Sets this setting, named by its path.
    pub(crate) fn set(&mut self, path: &str, value: Value) {
        let mut place = &mut self.config;
        for key in path.split('.') {
            place = &mut place[key];
        }
        *place = value;
    }

    /// With an account at this vendor, which is given up on after half a second.
    pub(crate) fn with_vendor(self, name: &str, vendor: &Vendor) -> Self {
        self.with(&format!("providers.{name}"), vendor.settings("500ms"))
    }

    /// With SMS by these providers, in this order.
    pub(crate) fn sms_by(self, providers: &[&str]) -> Self {
        let routes = json!([
            { "channel": "sms", "try": providers },
            { "channel": "voice", "try": ["voice-stub"] },
        ]);
        self.with("routes", routes)
    }

    /// With a provider for WhatsApp and one for LINE beside the others; they take every message.
    pub(crate) fn with_every_channel(mut self) -> Self {
        for channel in ["whatsapp", "line"] {
            let stub = json!({ "kind": "stub", "channels": [channel] });
            self.set(&format!("providers.{channel}-stub"), stub);
        }
        let routes = json!([
            { "channel": "sms", "try": ["twilio-sim"] },
            { "channel": "voice", "try": ["voice-stub"] },
            { "channel": "whatsapp", "try": ["whatsapp-stub"] },
            { "channel": "line", "try": ["line-stub"] },
        ]);
        self.with("routes", routes)
    }

    /// With a client `billing` that may do this.
    pub(crate) fn with_methods_of_billing(mut self, methods: Value) -> Self {
        let clients = self.config["grpc"]["clients"].as_array_mut().unwrap();
        let billing = clients.iter_mut().find(|one| one["name"] == "billing");
        billing.unwrap()["methods"] = methods;
        self
    }

    /// With a tenant whose Okta shows tokens.
    pub(crate) async fn with_okta(mut self) -> Self {
        let settings = tollgate::sandbox::okta::Settings::default();
        let okta = Okta::start(settings, Clock::system()).await.unwrap();
        let org = okta.settings();
        let oauth = json!({
            "issuer": okta.issuer(), "audience": org.audience, "scope": org.scope, "client_id": org.client_id,
        });
        self.set(
            &format!("tenants.{OAUTH_TENANT}"),
            json!({ "countries": { "allow": ["US", "JP"] }, "okta": { "auth": { "oauth": oauth } } }),
        );
        self.world.okta = Some(Arc::new(okta));
        self
    }

    /// With TLS on every door that can have it.
    pub(crate) fn with_tls(mut self) -> Self {
        let certificates = Certificates::issue(self.world.folder.path());
        self.set("public.tls", certificates.door.clone());
        self.set("grpc.tls", certificates.door);
        self.set("gateway.ca", certificates.ca);
        self.authority = Some(certificates.authority);
        self
    }

    /// Starts it.
    pub(crate) async fn start(self) -> TestGateway {
        TestGateway::start(self).await
    }

    /// The plan of the adapter whose gateway is at this port.
    pub(crate) fn of_adapter(&self, gateway: u16) -> Self {
        let mut plan = self.clone();
        let url = format!("{}://127.0.0.1:{gateway}", self.scheme());
        plan.set("gateway.url", json!(url));
        plan.set("gateway.token", json!({ "env": "ADAPTER_TOKEN" }));
        plan
    }

    /// Writes the configuration file of this name, and says where it is.
    pub(crate) fn write(&self, name: &str) -> PathBuf {
        let path = self.world.folder.path().join(name);
        // JSON is YAML. Renamed into its place, as the file is being watched.
        let draft = path.with_extension("new");
        std::fs::write(&draft, self.config.to_string()).unwrap();
        std::fs::rename(draft, &path).unwrap();
        path
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// `http`, or `https` where the doors have TLS.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.authority.is_some() {
            "https"
        } else {
            "http"
        }
    }

    /// A client for the doors.
    pub(crate) fn http(&self) -> Http {
        self.authority
            .as_deref()
            .map_or_else(Http::new, Http::trusting)
    }

    /// A connection to a gRPC door.
    pub(crate) async fn channel(&self, door: SocketAddr) -> Channel {
        let mut endpoint = Endpoint::from_shared(format!("{}://{door}", self.scheme())).unwrap();
        if let Some(authority) = &self.authority {
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
            endpoint = endpoint.tls_config(tls).unwrap();
        }
        endpoint.connect().await.unwrap()
    }
}

impl World {
    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The simulated Okta org.
    pub(crate) fn okta(&self) -> &Okta {
        self.okta.as_ref().unwrap()
    }
}

/// The variables to which a plan refers.
pub(crate) fn variables() -> Variables {
    Variables::from_iter([
        ("HOOK_SECRET", HOOK_SECRET),
        ("OPERATOR_TOKEN", OPERATOR),
        ("BILLING_TOKEN", BILLING),
        ("ADAPTER_TOKEN", ADAPTER),
        ("ORG_TOKEN", users::API_TOKEN),
        ("TWILIO_TOKEN", &*twilio::Settings::default().auth_token),
    ])
}

fn config(ledger: &str, twilio: &Twilio) -> Value {
    let any_port = json!({ "listen": "127.0.0.1:0" });
    let client = |name: &str, tenants: Value, methods: Value| {
        let token = format!("{}_TOKEN", name.to_uppercase());
        json!({ "name": name, "token": { "env": token }, "tenants": tenants, "methods": methods })
    };
    let all = json!(Method::ALL.map(Method::as_str));
    let clients = [
        client("operator", json!(["*"]), all),
        client(
            "billing",
            json!([TENANT]),
            json!(["SendOtp", "GetDelivery", "ListDeliveries"]),
        ),
        client(
            "adapter",
            json!(["*"]),
            json!(["SendOtp", "ReportOutcome", "ExplainRoute"]),
        ),
    ];
    let tenant = json!({
        "countries": { "allow": ["US", "GB", "JP"] },
        "okta": { "auth": { "secrets": [{ "env": "HOOK_SECRET" }] } },
    });
    json!({
        "allow_test_providers": true,
        "public": any_port,
        "grpc": { "listen": "127.0.0.1:0", "clients": clients },
        "admin": any_port,
        "ledger": { "url": ledger },
        "drain": { "propagation_delay": "0s", "deadline": "5s" },
        "providers": {
            "twilio-sim": {
                "kind": "twilio",
                "base_url": twilio.url(),
                "account_sid": twilio.settings().account_sid,
                "auth_token": { "env": "TWILIO_TOKEN" },
                "senders": { "default": "+15005550006" },
            },
            "voice-stub": { "kind": "stub" },
        },
        "tenants": { TENANT: tenant, OTHER_TENANT: tenant },
        "routes": [
            { "channel": "sms", "try": ["twilio-sim"] },
            { "channel": "voice", "try": ["voice-stub"] },
        ],
    })
}
