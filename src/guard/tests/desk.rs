//! A guard with a clock of its own, and people who ask it for codes.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    clock::{Clock, Manual},
    config::Config,
    domain::{
        address::Address,
        channel::{Channel, Channels},
        person,
        phone::{Country, PhoneNumber},
        privacy::{KeyedHash, PrivacyKeys},
        purpose::Purpose,
        verdict::Verdict,
    },
    guard::{
        Admission, Charged, Guard, Older, Request, Standing, Subject as Whose, Trail, Verified,
        time::whole_ms,
    },
};

pub(super) struct Desk {
    pub(super) time: Arc<Manual>,
    pub(super) keys: PrivacyKeys,
    pub(super) config: Config,
    pub(super) guard: Arc<Guard>,
    clock: Clock,
    countries: Vec<Country>,
}

/// Somebody who asks for a code.
pub(super) struct Ask<'a> {
    pub(super) tenant: &'static str,
    pub(super) phone: PhoneNumber,
    pub(super) user: Option<&'a str>,
    pub(super) ip: Option<&'a str>,
    pub(super) purpose: Purpose,
    pub(super) channels: Channels,
    pub(super) opted_in: Channels,
}

/// A number made up.
pub(super) struct Numbered(String);

impl Numbered {
    pub(super) fn as_ask(&self) -> Ask<'_> {
        ask(&self.0)
    }
}

fn ask(number: &str) -> Ask<'_> {
    Ask {
        tenant: "acme",
        phone: PhoneNumber::parse(number).unwrap_or_else(|| panic!("{number} is a number")),
        user: None,
        ip: None,
        purpose: Purpose::Enrollment,
        channels: Channels::ALL,
        opted_in: Channels::NONE,
    }
}

impl Desk {
    pub(super) fn new(config: &Value) -> Self {
        let config: Config = serde_json::from_value(config.clone()).expect("a configuration");
        let time = Manual::at(1_700_040_000_000);
        let clock = Clock::from_source(time.clone());
        let keys = PrivacyKeys::new([&b"a key of all desks"[..]]).expect("there is a key");
        let named = config.tenants.get("acme");
        let named = named.map(|tenant| tenant.countries.allow.iter().map(|one| one.0).collect());
        let usual = || {
            ["US", "GB", "AR", "MX"]
                .iter()
                .filter_map(|c| Country::parse(c))
                .collect()
        };
        Self {
            guard: Guard::new(&config, &keys, &clock),
            countries: named.unwrap_or_else(usual),
            time,
            keys,
            config,
            clock,
        }
    }

    #[expect(clippy::unused_self, reason = "it reads as the others do")]
    pub(super) fn ask<'a>(&self, number: &'a str) -> Ask<'a> {
        ask(number)
    }

    /// Somebody of a block of 10,000.
    #[expect(clippy::unused_self, reason = "it reads as the others do")]
    pub(super) fn ask_numbered(&self, block: &str, nth: usize) -> Numbered {
        Numbered(format!("{block}{nth:04}"))
    }

    pub(super) fn request<'a>(&'a self, ask: &'a Ask<'a>) -> Request<'a> {
        Request {
            tenant: ask.tenant,
            countries: &self.countries,
            phone: &ask.phone,
            user: ask.user,
            client: ask.ip.and_then(Address::parse),
            phone_hash: self.hash(ask),
            user_hash: ask
                .user
                .map(|user| person::user(&self.keys, ask.tenant, user)),
            older: Older::default(),
            purpose: ask.purpose,
            channels: ask.channels,
            opted_in: ask.opted_in,
            charged: false,
        }
    }

    fn hash(&self, ask: &Ask<'_>) -> KeyedHash {
        person::phone(&self.keys, ask.tenant, &ask.phone)
    }

    /// Now, ms since 1970.
    pub(super) fn time_ms(&self) -> u64 {
        self.clock.unix_ms()
    }

    pub(super) fn admit(&self, ask: &Ask<'_>) -> Admission {
        self.guard.admit(&self.request(ask))
    }

    pub(super) fn charge(&self, ask: &Ask<'_>, channel: Channel) -> Charged {
        self.guard.charge(&self.request(ask), channel, None)
    }

    /// Charges for a further attempt at a message.
    pub(super) fn charge_again(&self, ask: &Ask<'_>, channel: Channel) -> Charged {
        let charged = true;
        let request = Request {
            charged,
            ..self.request(ask)
        };
        self.guard.charge(&request, channel, None)
    }

    /// How the rules stand to somebody of a tenant: rule, level and threshold.
    pub(super) fn standing(&self, tenant: &str, subject: &Whose<'_>) -> Vec<String> {
        let standing = self.guard.standing(tenant, subject);
        let line = |one: &Standing| format!("{}: {} of {}", one.rule, one.level, one.threshold);
        standing.iter().map(line).collect()
    }

    /// Sends by SMS, or by a call where no message may go, as dispatch does; says what it has put in, where it may.
    pub(super) fn send(&self, ask: &Ask<'_>) -> Option<Trail> {
        let admission = self.admit(ask);
        let Verdict::Allow { channels } = admission.verdict else {
            return None;
        };
        let calls = !channels.contains(Channel::Sms);
        let charged = self.charge(ask, if calls { Channel::Voice } else { Channel::Sms });
        charged.refusal.is_none().then_some(charged.trail)
    }

    pub(super) fn sends(&self, ask: &Ask<'_>) -> bool {
        self.send(ask).is_some()
    }

    pub(super) fn verify(&self, ask: &Ask<'_>, trail: Option<Trail>) {
        self.guard.verified(&self.used(ask, trail, Duration::ZERO));
    }

    /// The use of a code that is so old.
    pub(super) fn used<'a>(
        &self,
        ask: &Ask<'a>,
        trail: Option<Trail>,
        age: Duration,
    ) -> Verified<'a> {
        Verified {
            tenant: ask.tenant,
            phone_hash: self.hash(ask),
            country: ask.phone.country(),
            trail,
            sent_ms: self.clock.unix_ms() - whole_ms(age),
        }
    }

    /// Somebody far away has used a code, and budgets have forgotten what was sent before: outcomes are known.
    pub(super) fn outcomes_arrive(&self) {
        self.outcome_arrives();
        self.time.advance(Duration::from_hours(1));
    }

    /// Sets the wall clock back.
    pub(super) fn set_back(&self, by: Duration) {
        self.time.set_wall(self.clock.unix_ms() - whole_ms(by));
    }

    /// Somebody far away has used a code.
    pub(super) fn outcome_arrives(&self) {
        self.verify(&self.ask("+12125550100"), None);
    }

    /// So many strangers of one block, one after the other; says how many got a code.
    pub(super) fn attack(&self, block: &str, count: usize, pace: Duration) -> usize {
        let sent = (0..count).filter(|nth| {
            self.time.advance(pace);
            self.sends(&self.ask_numbered(block, 1000 + nth % 8000).as_ask())
        });
        sent.count()
    }

    /// Closes a block.
    pub(super) fn close(&self, block: &str) {
        self.attack(block, 40, Duration::from_millis(1));
        assert!(!self.sends(&self.ask_numbered(block, 999).as_ask()));
    }

    /// Ends the process and begins another one that takes up what was kept.
    pub(super) fn restart(&mut self) {
        let kept = self.guard.changed(usize::MAX);
        assert!(self.guard.changed(usize::MAX).is_empty());
        self.time.advance(Duration::from_secs(5));
        self.guard = Guard::new(&self.config, &self.keys, &self.clock);
        for piece in kept {
            self.guard.restore(&piece);
        }
        self.guard.restore(&crate::guard::Kept {
            key: [9; 16],
            value: json!(null).to_string().into_bytes(),
        });
    }
}
