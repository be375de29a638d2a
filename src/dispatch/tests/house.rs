//! A dispatcher in its house: a tenant, its routes, its providers, and what they were sent.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{
    moody::Moody,
    scripted::{Act, Scripted, Seen},
};
use crate::{
    channels::{
        directory::{Configured, Directory},
        provider::Provider,
    },
    clock::Clock,
    config::{self, Config, ledger::OnUnavailable, tenants::Line},
    dispatch::{
        Dispatcher, Settings,
        answer::Outcome,
        policy::{Policy, Tenant},
        request::Request,
    },
    domain::{
        attributes::Attributes,
        channel::Channel,
        id::DeliveryId,
        passcode::Passcode,
        phone::{Country, PhoneNumber},
        price::Prices,
        privacy::{PrivacyKeys, Private},
        purpose::Purpose,
    },
    error::{
        Reason,
        fault::{self, Fault},
    },
    guard::Guard,
    messages::catalog::Catalog,
    routing::{
        pick::Pick,
        plan::{Candidate, Rule},
    },
    store::{
        Ledger,
        memory::MemoryLedger,
        record::{DeliveryRecord, Filter},
    },
    telemetry::metrics::Metrics,
};

pub(super) const TENANT: &str = "acme";

/// How long a caller waits where a test does not say.
pub(super) const PATIENCE: Duration = Duration::from_millis(2300);

/// How long an attempt waits for its provider.
pub(super) const TIMEOUT: Duration = Duration::from_millis(1500);

/// How long a request may live.
pub(super) const LINGER: Duration = Duration::from_secs(10);

/// A channel, and what each of its providers does.
type Route = (Channel, Vec<(&'static str, Vec<Act>)>);

/// What a house is built from.
pub(super) struct Plan {
    /// In the order in which they match.
    pub(super) routes: Vec<Route>,
    pub(super) next_when_ambiguous: bool,
    pub(super) line: Line,
    pub(super) on_unavailable: OnUnavailable,
    /// How many requests each provider takes at once.
    pub(super) slots: usize,
    pub(super) idempotent: bool,
    pub(super) ledger: Arc<MemoryLedger>,
    pub(super) guard: config::guard::Guard,
    /// The privacy keys, the present one first.
    pub(super) keys: Vec<&'static [u8]>,
}

impl Plan {
    /// SMS by these providers.
    pub(super) fn sms(providers: &[(&'static str, &[Act])]) -> Self {
        let clock = Clock::system();
        let plan = Self {
            routes: Vec::new(),
            next_when_ambiguous: true,
            line: Line::default(),
            on_unavailable: OnUnavailable::Refuse,
            slots: 64,
            idempotent: false,
            ledger: Arc::new(MemoryLedger::new(clock)),
            guard: config::guard::Guard::default(),
            keys: vec![b"a key of all houses"],
        };
        plan.and(Channel::Sms, providers)
    }

    /// And another channel by those.
    pub(super) fn and(mut self, channel: Channel, providers: &[(&'static str, &[Act])]) -> Self {
        let providers = providers.iter();
        let providers = providers.map(|(name, script)| (*name, script.to_vec()));
        self.routes.push((channel, providers.collect()));
        self
    }
}

/// The house.
pub(super) struct House {
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) ledger: Arc<Moody>,
    pub(super) clock: Clock,
    metrics: Arc<Metrics>,
    providers: HashMap<&'static str, Arc<Scripted>>,
}

impl House {
    pub(super) fn build(plan: &Plan) -> Self {
        let providers = plan.routes.iter().flat_map(|(_, providers)| providers);
        let providers: HashMap<_, _> = providers
            .map(|(name, script)| {
                let provider = Scripted::new(script, plan.idempotent, plan.ledger.clone());
                (*name, provider)
            })
            .collect();
        let configured: Vec<_> = providers
            .iter()
            .map(|(name, provider)| configured_as(name, provider.clone(), plan.slots))
            .collect();
        Self::with(plan, providers, configured)
    }

    /// SMS by providers of a test's own making, in this order.
    pub(super) fn of(providers: &[(&'static str, Arc<dyn Provider>)]) -> Self {
        let route: Vec<_> = providers.iter().map(|(name, _)| (*name, &[][..])).collect();
        let configured = providers.iter();
        let configured = configured.map(|(name, one)| configured_as(name, one.clone(), 64));
        Self::with(&Plan::sms(&route), HashMap::new(), configured.collect())
    }

    fn with(
        plan: &Plan,
        providers: HashMap<&'static str, Arc<Scripted>>,
        configured: Vec<Configured>,
    ) -> Self {
        let clock = Clock::system();
        let metrics = Arc::new(Metrics::new());
        let ledger = Moody::over(plan.ledger.clone());
        let place = (ledger.clone() as Arc<dyn Ledger>, clock.clone());
        let dispatcher = dispatcher(plan, configured, place, metrics.clone());
        Self {
            dispatcher,
            ledger,
            clock,
            metrics,
            providers,
        }
    }

    pub(super) fn sms(providers: &[(&'static str, &[Act])]) -> Self {
        Self::build(&Plan::sms(providers))
    }

    /// A code for a person, under this key.
    pub(super) fn request(&self, key: &str) -> Request {
        request_at(self.clock.now(), key)
    }

    /// A request for all channels of the house, in the order of its routes.
    pub(super) fn request_on(&self, key: &str, channels: &[Channel]) -> Request {
        Request {
            channels: channels.to_vec(),
            ..self.request(key)
        }
    }

    pub(super) fn within(&self, patience: Duration) -> Instant {
        self.clock.now() + patience
    }

    pub(super) async fn send(&self, request: Request) -> Outcome {
        self.send_within(request, PATIENCE).await
    }

    pub(super) async fn send_within(&self, request: Request, patience: Duration) -> Outcome {
        self.dispatcher
            .send(Box::new(request), self.within(patience))
            .await
    }

    /// What a provider was sent.
    pub(super) fn seen(&self, provider: &str) -> Vec<Seen> {
        self.providers[provider].seen()
    }

    /// How many messages all providers have.
    pub(super) fn messages(&self) -> usize {
        let providers = self.providers.values();
        providers.map(|provider| provider.seen().len()).sum()
    }

    /// How many further requests a provider would take.
    pub(super) fn free_slots(&self, provider: &str) -> usize {
        let policy = self.dispatcher.policy();
        let configured = policy.directory.get(provider).expect("it is configured");
        configured.slots.available_permits()
    }

    pub(super) async fn record(&self, id: DeliveryId) -> DeliveryRecord {
        let record = self.ledger.delivery(TENANT, id).await;
        record
            .expect("a ledger in memory answers")
            .expect("it was recorded")
    }

    /// Every delivery, newest first.
    pub(super) async fn records(&self) -> Vec<DeliveryRecord> {
        // What is written behind is written by now.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let filter = Filter {
            tenant: TENANT.to_owned(),
            reference: None,
            phone: None,
            user: None,
            states: Vec::new(),
            after_ms: None,
            before_ms: None,
            below: None,
            limit: 100,
        };
        let page = self.ledger.deliveries(filter).await;
        page.expect("a ledger in memory answers").deliveries
    }

    /// The value of a counter, over all its labels.
    pub(super) fn counted(&self, name: &str) -> u64 {
        let text = self.metrics.render();
        let lines = text.lines().filter(|line| line.starts_with(name));
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        values.sum()
    }
}

/// A code for a person, under this key, that arrives now.
pub(super) fn request_at(now: Instant, key: &str) -> Request {
    Request {
        tenant: TENANT.to_owned(),
        client: "okta".into(),
        idempotency_key: Private::new(key),
        reference: String::new(),
        phone: PhoneNumber::parse("+14155550123").expect("a number"),
        user: None,
        line_user: None,
        code: Passcode::parse("482913").expect("a code"),
        arrived: now,
        valid_until: now + Duration::from_mins(5),
        text: Private::new("482913 is your code"),
        locale: String::new(),
        purpose: Purpose::SignIn,
        family: None,
        channels: Vec::new(),
        profile_channels: Vec::new(),
        stored: None,
        client_ip: None,
        attributes: Attributes::default(),
    }
}

/// A dispatcher as a plan has it, on this ledger and clock.
pub(super) fn dispatcher(
    plan: &Plan,
    configured: Vec<Configured>,
    (ledger, clock): (Arc<dyn Ledger>, Clock),
    metrics: Arc<Metrics>,
) -> Arc<Dispatcher> {
    let keys = PrivacyKeys::new(plan.keys.iter().copied()).expect("there is a key");
    let config = Config {
        guard: plan.guard.clone(),
        ..Config::default()
    };
    let policy = Policy {
        tenants: HashMap::from([(TENANT.to_owned(), tenant(plan))]),
        directory: Directory::of(configured),
        guard: Guard::new(&config, &keys, &clock),
        verified_days: 180,
    };
    let settings = Settings {
        intent_within: Duration::from_millis(100),
        on_unavailable: plan.on_unavailable,
        linger: LINGER,
    };
    let tasks = TaskTracker::new();
    Dispatcher::new(settings, policy, ledger, keys, clock, metrics, tasks)
}

pub(super) fn configured_as(name: &str, provider: Arc<dyn Provider>, slots: usize) -> Configured {
    Configured {
        name: name.into(),
        kind: "scripted",
        provider,
        timeout: TIMEOUT,
        slots: Arc::new(Semaphore::new(slots)),
        per_second: None,
        prices: Vec::new(),
    }
}

fn tenant(plan: &Plan) -> Tenant {
    let rule = |(channel, providers): &Route| Rule {
        channel: *channel,
        countries: Vec::new(),
        purposes: Vec::new(),
        candidates: providers
            .iter()
            .map(|(name, _)| candidate(name, *channel))
            .collect(),
        pick: Pick::Order,
    };
    let settings = json!({ "countries": { "allow": ["US"] }, "brand": "Acme" });
    let settings = serde_json::from_value(settings).expect("they are right");
    Tenant {
        countries: ["US", "CA", "AR"]
            .iter()
            .filter_map(|name| Country::parse(name))
            .collect(),
        channels: vec![Channel::Sms],
        last_resort_sms: false,
        unreachable_for: Duration::from_hours(1),
        line: plan.line.clone(),
        messages: Catalog::new(&settings),
        next_when_ambiguous: plan.next_when_ambiguous,
        rules: plan.routes.iter().map(rule).collect(),
    }
}

/// LINE is by user id here.
fn candidate(name: &str, channel: Channel) -> Candidate {
    Candidate {
        provider: name.into(),
        weight: 1,
        prices: Prices::default(),
        by_line_user: channel == Channel::Line,
        countries: Vec::new(),
    }
}

/// The fault of an outcome that must be one.
pub(super) fn fault(outcome: &Outcome) -> &Fault {
    outcome.as_ref().expect_err("it must not be sent")
}

/// Why a send came to nothing; `None` when it did not.
pub(super) fn reason(outcome: &Outcome) -> Option<Reason> {
    outcome.as_ref().err().map(|fault| fault.reason)
}

/// The delivery that an outcome names.
pub(super) fn delivery(outcome: &Outcome) -> DeliveryId {
    match outcome {
        Ok(answer) => answer.delivery,
        Err(fault) => {
            let id = fault.metadata.get(fault::DELIVERY_ID);
            let id = id.and_then(|id| DeliveryId::parse(id));
            id.expect("the fault names its delivery")
        }
    }
}
