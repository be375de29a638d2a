//! Look-ups over real HTTP, against an org that does as it is told.

mod credentials;
mod limits;
mod lookups;
mod org;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::org::Org;
use super::{Around, Lookup, Profiles, attributes::Profile, settings::Settings};
use crate::{
    adapters::okta::{answer::Class, events::Became, observer::Observer},
    clock::{Clock, Manual},
    config::{
        self,
        secret::{Environment, Secrets},
        tenants::Answer,
    },
    outbound::Outbound,
    pb::v1::{self, Recipient, SendOtpRequest},
};

const NOW_MS: u64 = 1_700_000_000_000;
const API_TOKEN: &str = "00-api-token-of-the-tests";
const KEEP: Duration = Duration::from_mins(5);

/// Time enough for a look-up, on any machine.
const PLENTY: Duration = Duration::from_mins(1);

/// Profiles of one org, and the time that is ours.
struct Desk {
    profiles: Arc<Profiles>,
    time: Arc<Manual>,
    tally: Arc<Tally>,
    cancel: CancellationToken,
    tracker: TaskTracker,
}

impl Desk {
    /// Profiles of this org, asked for by API token.
    fn open(org: &Org, change: &Value) -> Self {
        Self::open_with(org, &by_token(), change, HashMap::new())
    }

    fn open_with(
        org: &Org,
        auth: &Value,
        change: &Value,
        variables: HashMap<&'static str, String>,
    ) -> Self {
        let settings = settings(org, auth, change, variables);
        let time = Manual::at(NOW_MS);
        let tally = Arc::new(Tally::default());
        let (cancel, tracker) = (CancellationToken::new(), TaskTracker::new());
        let outbound = config::outbound::Outbound::default();
        let around = Around {
            outbound: Outbound::new(&outbound, None).expect("a client"),
            clock: Clock::from_source(time.clone()),
            observer: tally.clone(),
            cancel: cancel.clone(),
            tracker: tracker.clone(),
        };
        Self {
            profiles: Profiles::start("acme", settings, around),
            time,
            tally,
            cancel,
            tracker,
        }
    }

    /// What a hook gets that has time enough.
    async fn find(&self, user: &str) -> Option<Arc<Profile>> {
        self.find_within(user, PLENTY).await
    }

    /// What a hook gets that must be answered this soon.
    async fn find_within(&self, user: &str, left: Duration) -> Option<Arc<Profile>> {
        let deadline = self.profiles.around.clock.now() + left;
        self.profiles.find(user, deadline).await
    }

    /// What a hook gets in the end, of those that come one after the other.
    async fn find_at_last(&self, user: &str) -> Arc<Profile> {
        let asking = async {
            loop {
                if let Some(found) = self.find(user).await {
                    return found;
                }
                // One that is turned away at once would leave the others no time.
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(PLENTY, asking).await;
        found.expect("it is found in time")
    }

    /// What was counted since the last question, in order.
    fn counted(&self) -> Vec<&'static str> {
        let mut counted = self.tally.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut counted)
    }

    /// Goes on by other settings, if these may; whether they may.
    fn adopt(&self, org: &Org, change: &Value) -> bool {
        let settings = settings(org, &by_token(), change, HashMap::new());
        self.profiles.adopt(&settings)
    }

    /// Ends every task, and waits for the end.
    async fn close(self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        assert!(self.profiles.flights().is_empty());
    }
}

fn by_token() -> Value {
    json!({ "api_token": { "env": "API_TOKEN" } })
}

fn settings(
    org: &Org,
    auth: &Value,
    change: &Value,
    variables: HashMap<&'static str, String>,
) -> Settings {
    let mut configured = json!({
        "org_url": org.url,
        "auth": auth,
        "attributes": { "whatsapp_opt_in": "whatsappOptIn", "channels": "otpChannels" },
    });
    let (Value::Object(all), Value::Object(change)) = (&mut configured, change) else {
        panic!("settings are an object");
    };
    all.extend(change.clone());
    let configured = serde_json::from_value(configured).expect("settings");
    let read: Environment = Arc::new(move |name| match name {
        "API_TOKEN" => Some(API_TOKEN.to_owned()),
        other => variables.get(other).cloned(),
    });
    Settings::new(&configured, &Secrets::new(read)).expect("no problem")
}

/// The channels that a profile asks for, by their numbers on the wire.
fn channels(profile: &Profile) -> Vec<v1::Channel> {
    let mut request = SendOtpRequest {
        recipient: Some(Recipient::default()),
        ..SendOtpRequest::default()
    };
    profile.fill(&mut request);
    request.profile_channels().collect()
}

fn wants_whatsapp() -> Value {
    json!({ "whatsappOptIn": true, "mobilePhone": "+14155550199" })
}

#[derive(Default)]
struct Tally(Mutex<Vec<&'static str>>);

impl Observer for Tally {
    fn profile(&self, tenant: &str, lookup: Lookup) {
        assert_eq!(tenant, "acme");
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.push(lookup.as_str());
    }

    fn answered(&self, _: &str, _: Class, _: Answer, _: f64) {}
    fn previewed(&self, _: &str) {}
    fn unknown_channel(&self, _: &str) {}
    fn unknown_request_type(&self, _: &str) {}
    fn events(&self, _: &str, _: Became, _: u64) {}
    fn events_waiting(&self, _: usize) {}
    fn unauthenticated(&self) {}
    fn shed(&self, _: &str) {}
    fn unreadable(&self, _: &str) {}
}
