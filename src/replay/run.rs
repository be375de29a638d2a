//! A trace from its first row to its last, with everything that happens in between at its time.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, BufRead},
    sync::Arc,
    time::Duration,
};

use crate::{
    clock::{Clock, Manual},
    config::Config,
    dispatch::lasting,
    domain::{
        person,
        phone::PhoneNumber,
        privacy::{KeyedHash, PrivacyKeys},
    },
    guard::{self, Guard, Kept, Verified},
};

use super::{
    gate::{self, Passed},
    outcomes::{Outcomes, Use},
    reading::Reading,
    report::{Counted, Fate, Report, Tally},
    route::Routes,
    row::{Row, Unreadable},
};

/// What is replayed, and how.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// By what settings.
    pub config: &'a Config,
    /// For which tenant.
    pub tenant: &'a str,
    /// When the process dies and begins anew, after the trace began.
    pub restart_at: Option<Duration>,
    /// From when on requests are counted; what comes before only teaches the guard.
    pub count_from: Duration,
    /// Who was verified before the trace begins: numbers hashed under [`keys`], and how many days ago.
    pub verified: &'a [(KeyedHash, u32)],
}

/// The keys of every replay: it meets nobody's number, and needs no secret.
pub fn keys() -> PrivacyKeys {
    let keys = PrivacyKeys::new([&b"a replay meets nobody's number"[..]]);
    keys.expect("there is a key")
}

/// Why a replay ended before its trace.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// There is no such tenant.
    #[error("there is no tenant of this name in the configuration")]
    Tenant,
    /// The trace is over before the process should have died.
    #[error("the trace ends before the restart")]
    NoRestart,
    /// Something is wrong with the providers' prices.
    #[error("{}", lines(.0))]
    Settings(Vec<(String, String)>),
    /// The first line is not the names of the columns.
    #[error("line 1: the first line is not {}", super::row::HEADER)]
    Header,
    /// A row cannot be read.
    #[error("line {line}: {problem}")]
    Row {
        /// Its line.
        line: u64,
        /// What is wrong.
        problem: Unreadable,
    },
    /// A row is out of order.
    #[error("line {line}: it is earlier than the row before it")]
    Order {
        /// Its line.
        line: u64,
    },
    /// A line that no row could fill.
    #[error("line {line}: it has more than 4096 bytes")]
    TooLong {
        /// Which.
        line: u64,
    },
    /// A line that is no text.
    #[error("line {line}: it is no UTF-8")]
    NotText {
        /// Which.
        line: u64,
    },
    /// The trace cannot be read on.
    #[error("line {line}: {problem}")]
    Input {
        /// Where.
        line: u64,
        /// What the system said.
        problem: io::Error,
    },
}

fn lines(problems: &[(String, String)]) -> String {
    let lines: Vec<_> = problems
        .iter()
        .map(|(path, text)| format!("{path}: {text}"))
        .collect();
    lines.join("\n")
}

/// Midnight UTC of the Thursday on which all traces begin.
const EPOCH_MS: u64 = 1_767_225_600_000;

/// For how long before a restart that is done. What changed before is long written down by then, and so comes with the first.
const SNAPSHOTS_FOR: u64 = 3_600_000;
/// How often room is made for keys and idle ones are dropped. When it serves both are done more often; which keys there
/// are in between decides nothing.
const UPKEEP_EVERY: u64 = 600_000;

const DAY_MS: u64 = 86_400_000;

/// Replays a trace.
pub fn run(trace: impl BufRead, order: &Order<'_>) -> Result<Report, Stopped> {
    let mut stage = Stage::new(order)?;
    let mut reading = Reading::begin(trace)?;
    while reading.next(|row| stage.row(&row))?.is_some() {}
    if stage.restart_at.is_some() {
        return Err(Stopped::NoRestart);
    }
    Ok(stage.tally.report())
}

/// The guard, and the world around it as far as it matters to it.
struct Stage<'a> {
    order: Order<'a>,
    time: Arc<Manual>,
    clock: Clock,
    keys: PrivacyKeys,
    guard: Arc<Guard>,
    routes: Routes,
    outcomes: Outcomes,
    /// What a ledger would hold: the guard's state as last written down, and the destinations seen verified.
    kept: HashMap<[u8; 16], Vec<u8>>,
    verified: HashMap<KeyedHash, u32>,
    known: HashSet<u64>,
    tally: Tally,
    now: u64,
    next_snapshot: u64,
    /// Whether everything that had changed was written down once.
    caught_up: bool,
    /// When ranges that were just closed are written down.
    next_closed: Option<u64>,
    next_upkeep: u64,
    restart_at: Option<u64>,
}

impl<'a> Stage<'a> {
    fn new(order: &Order<'a>) -> Result<Self, Stopped> {
        let time = Manual::at(EPOCH_MS);
        let clock = Clock::from_source(time.clone());
        let restart_at = order.restart_at.map(millis);
        let keys = keys();
        let guard = Guard::new(order.config, &keys, &clock);
        let routes = Routes::of(order.config, order.tenant, guard.clone());
        let routes = routes.map_err(Stopped::Settings)?.ok_or(Stopped::Tenant)?;
        let mut stage = Self {
            order: *order,
            time,
            clock,
            keys,
            guard,
            routes,
            outcomes: Outcomes::default(),
            kept: HashMap::new(),
            verified: HashMap::new(),
            known: HashSet::new(),
            tally: Tally::default(),
            now: 0,
            next_snapshot: first_snapshot(restart_at),
            caught_up: false,
            next_closed: None,
            next_upkeep: UPKEEP_EVERY,
            restart_at,
        };
        stage.remember();
        Ok(stage)
    }

    /// Takes in whom it is told of beforehand.
    fn remember(&mut self) {
        let today = self.today();
        let told = self.order.verified.iter();
        let told = told.map(|(hash, ago)| (*hash, today.saturating_sub(*ago)));
        self.guard.remember(told.clone());
        self.known
            .extend(told.clone().map(|(hash, _)| hash.short()));
        if self.restart_at.is_some() {
            self.verified.extend(told);
        }
    }

    /// Takes one request, after everything that happened before it.
    fn row(&mut self, row: &Row<'_>) {
        self.advance(row.offset_ms);
        let phone = PhoneNumber::parse(row.phone);
        let hash = phone.map(|phone| person::phone(&self.keys, self.order.tenant, &phone));
        let verified = hash.is_some_and(|hash| self.known.contains(&hash.short()));
        let passed = match (&phone, hash) {
            (Some(phone), Some(hash)) => self.pass(row, phone, hash),
            (Some(_) | None, _) => Passed::invalid(),
        };
        if let (Some(phone), Some(hash)) = (phone, hash) {
            self.expect(row, &phone, hash, &passed);
        }
        if self.restart_at.is_some() && self.guard.has_just_closed() {
            let soon = self.now + millis(lasting::SOON);
            self.next_closed.get_or_insert(soon);
        }
        if row.offset_ms >= millis(self.order.count_from) {
            let country = phone.and_then(|phone| phone.country());
            for (country, price) in country.into_iter().cycle().zip(&passed.prices) {
                self.tally.spend(country, *price);
            }
            self.tally.count(&Counted {
                label: row.label,
                at: row.offset_ms,
                user: person(row),
                verified,
                fate: &passed.fate,
            });
        }
    }

    fn pass(&self, row: &Row<'_>, phone: &PhoneNumber, hash: KeyedHash) -> Passed {
        let channels = self.routes.channels(row.reachable);
        let request = guard::Request {
            tenant: self.order.tenant,
            countries: &self.routes.tenant.countries,
            phone,
            user: row.user,
            client: row.ip,
            phone_hash: hash,
            user_hash: (row.user).map(|user| person::user(&self.keys, self.order.tenant, user)),
            older: guard::Older::default(),
            purpose: row.purpose,
            channels: channels.iter().copied().collect(),
            opted_in: row.reachable,
            charged: false,
        };
        let chance = low(self.clock.random());
        gate::pass((&self.guard, &self.routes), &request, &channels, chance)
    }

    /// Notes that the code will be used, if it arrived.
    fn expect(&mut self, row: &Row<'_>, phone: &PhoneNumber, hash: KeyedHash, passed: &Passed) {
        let arrived = matches!(passed.fate, Fate::Sent | Fate::Deflected(_));
        if let Some(after) = row.verifies_after_ms.filter(|_| arrived) {
            self.outcomes.add(Use {
                at: row.offset_ms + after,
                sent_ms: self.clock.unix_ms(),
                phone: hash,
                country: phone.country(),
                trail: passed.trail,
            });
        }
    }

    /// Lets time pass until `until`, with everything that happens by then.
    fn advance(&mut self, until: u64) {
        loop {
            let due = [
                self.outcomes.next_at(),
                Some(self.next_upkeep),
                self.restart_at.map(|_| self.next_snapshot),
                self.next_closed,
                self.restart_at,
            ];
            let next = due.into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                return self.go(until);
            };
            self.go(next);
            if self.outcomes.next_at() == Some(next) {
                self.verify();
            } else if self.next_upkeep == next {
                self.upkeep();
            } else if self.restart_at == Some(next) {
                self.restart();
            } else if self.next_closed == Some(next) {
                self.next_closed = None;
                self.keep(self.guard.just_closed(lasting::ROUND));
            } else {
                self.next_snapshot += millis(lasting::EVERY);
                self.snapshot();
            }
        }
    }

    fn go(&mut self, to: u64) {
        self.time.advance(Duration::from_millis(to - self.now));
        self.now = to;
    }

    fn verify(&mut self) {
        let Some(used) = self.outcomes.next() else {
            return;
        };
        self.known.insert(used.phone.short());
        if self.restart_at.is_some() {
            self.verified.insert(used.phone, self.today());
        }
        self.guard.verified(&Verified {
            tenant: self.order.tenant,
            phone_hash: used.phone,
            country: used.country,
            trail: used.trail,
            sent_ms: used.sent_ms,
        });
    }

    fn upkeep(&mut self) {
        self.guard.upkeep();
        self.guard.drop_idle();
        self.next_upkeep += UPKEEP_EVERY;
    }

    fn snapshot(&mut self) {
        loop {
            let changed = self.guard.changed(lasting::ROUND);
            let more = !self.caught_up && !changed.is_empty();
            self.keep(changed);
            if !more {
                break;
            }
        }
        self.caught_up = true;
    }

    fn keep(&mut self, pieces: Vec<Kept>) {
        let pieces = pieces.into_iter();
        self.kept.extend(pieces.map(|kept| (kept.key, kept.value)));
    }

    /// The process dies, without a last word, and another begins with what was written down.
    fn restart(&mut self) {
        self.restart_at = None;
        self.next_closed = None;
        self.guard = Guard::new(self.order.config, &self.keys, &self.clock);
        for (key, value) in self.kept.drain() {
            self.guard.restore(&Kept { key, value });
        }
        self.guard.remember(self.verified.drain());
    }

    fn today(&self) -> u32 {
        u32::try_from(self.clock.unix_ms() / DAY_MS).unwrap_or(u32::MAX)
    }
}

/// The first moment at which state is written down.
fn first_snapshot(restart_at: Option<u64>) -> u64 {
    let from = restart_at.unwrap_or_default().saturating_sub(SNAPSHOTS_FOR);
    let every = millis(lasting::EVERY);
    (from / every + 1) * every
}

/// Who it was: the user, or where nobody is named, the number.
fn person(row: &Row<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.user.unwrap_or(row.phone).hash(&mut hasher);
    hasher.finish()
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_possible_truncation, reason = "64 of the random bits do")]
const fn low(random: u128) -> u64 {
    random as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        channels::kinds,
        config::{load::Source, variables::Variables},
        replay::row::HEADER,
    };

    const CONFIG: &str = "
allow_test_providers: true
providers:
  one: { kind: stub, channels: [sms, whatsapp], prices: { sms: { default: 0.01, US: 0.5 } } }
routes: [{ channel: sms, try: [one] }, { channel: whatsapp, try: [one] }]
tenants:
  acme: { countries: { allow: [US, GB] } }
guard:
  limits: [{ name: two_an_hour, key: destination, count: 2, per: 1h }]
";

    fn config(text: &str) -> Config {
        let config = Config::load(&Source {
            name: "test",
            text,
            variables: &Variables::default(),
            kinds: &kinds::schemas(),
            sandbox: false,
        });
        config.unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn replay(rows: &str, change: impl FnOnce(&mut Order<'_>)) -> Result<Report, Stopped> {
        replay_by(CONFIG, rows, change)
    }

    fn replay_by(
        text: &str,
        rows: &str,
        change: impl FnOnce(&mut Order<'_>),
    ) -> Result<Report, Stopped> {
        let config = config(text);
        let mut order = Order {
            config: &config,
            tenant: "acme",
            restart_at: None,
            count_from: Duration::ZERO,
            verified: &[],
        };
        change(&mut order);
        run(format!("{HEADER}\n{rows}").as_bytes(), &order)
    }

    #[test]
    fn everybody_is_counted_once_and_every_rule_by_its_name() {
        let report = replay(
            "0,+14155550123,u1,,sign_in,legit,8000,\n\
             1,+14155550123,u1,,sign_in,legit,,\n\
             2,+14155550123,u1,,sign_in,legit,,\n\
             3,+447400123456,u2,,sign_in,legit,,whatsapp\n\
             4,+4740612345,u3,,enrollment,attack,,\n\
             5,+1999,u4,,enrollment,attack,,\n\
             9000,+14155550123,u5,,sign_in,legit,,\n",
            |_| {},
        );
        let report = report.unwrap();
        let legit = &report.labels.legit;
        assert_eq!((legit.requests, legit.sent, legit.refused), (5, 3, 2));
        // The first of them was verified only after the second was refused.
        assert_eq!(legit.refused_unverified, 1);
        assert_eq!((legit.users, legit.users_refused), (3, 2));
        let attack = &report.labels.attack;
        assert_eq!((attack.requests, attack.refused), (2, 2));
        let rules: Vec<_> = report
            .rules
            .iter()
            .map(|(name, acts)| (&**name, acts.refused))
            .collect();
        assert_eq!(
            rules,
            [("country", 1), ("invalid_recipient", 1), ("two_an_hour", 2)]
        );
        let spend: Vec<_> = report.spend.iter().map(|(c, s)| (&**c, &**s)).collect();
        assert_eq!(spend, [("GB", "0.01"), ("US", "1.00")]);
        assert_eq!(report.first_refusal_ms.legit, Some(2));
        assert_eq!(report.first_refusal_ms.attack, Some(4));
    }

    #[test]
    fn virtual_time_passes_as_the_trace_says() {
        let row = "+14155550123,,,sign_in,legit,,";
        let report = replay(
            &format!("0,{row}\n0,{row}\n1799999,{row}\n1800000,{row}\n"),
            |_| {},
        );
        let legit = report.unwrap().labels.legit;
        assert_eq!((legit.sent, legit.refused), (3, 1));
    }

    #[test]
    fn what_comes_before_is_not_counted_and_still_happens() {
        let row = "+14155550123,,,sign_in,legit,,";
        let report = replay(&format!("0,{row}\n1,{row}\n1000,{row}\n"), |order| {
            order.count_from = Duration::from_secs(1);
        });
        let report = report.unwrap();
        let legit = &report.labels.legit;
        assert_eq!((legit.requests, legit.refused, legit.users), (1, 1, 1));
        assert!(report.spend.is_empty());
    }

    #[test]
    fn what_pays_by_the_message_got_out_whatever_was_refused_before() {
        let dear = "
allow_test_providers: true
providers:
  one: { kind: stub, channels: [sms, whatsapp], prices: { sms: { default: 0.01 }, whatsapp: { default: 2 } } }
routes: [{ channel: whatsapp, try: [one] }, { channel: sms, try: [one] }]
tenants:
  acme: { countries: { allow: [US] }, channels: { default: [whatsapp, sms] } }
guard:
  money: { per_day: 1 }
";
        let row = "0,+14155550123,u1,,sign_in,attack,,whatsapp\n";
        let report = replay_by(dear, row, |_| {}).unwrap();
        let attack = &report.labels.attack;
        assert_eq!((attack.sent, attack.deflected, attack.refused), (1, 0, 0));
        // The other way round it is a deflection: nobody is paid by a message on WhatsApp.
        let dear = dear
            .replace("0.01", "5")
            .replace("default: 2", "default: 0.5");
        let dear = dear.replace("[whatsapp, sms]", "[sms, whatsapp]");
        let report = replay_by(&dear, row, |_| {}).unwrap();
        let attack = &report.labels.attack;
        assert_eq!((attack.sent, attack.deflected, attack.refused), (0, 1, 0));
        assert_eq!(report.rules["tenant_money"].deflected, 1);
    }

    /// Somebody uses a code: outcomes are known.
    const OUTCOME: &str = "0,+14155550123,,,enrollment,legit,0,\n";

    /// In how long budgets go by outcomes.
    const SETTLED: u64 = 3_600_000;

    /// Nine strangers in one block, whose floor is six, so long after that.
    fn strangers(from: u64) -> String {
        let row = |nth: u64| {
            let at = SETTLED + from + nth;
            format!("{at},+4474001200{:02},,,enrollment,attack,,\n", at % 89)
        };
        (0..9).map(row).collect()
    }

    #[test]
    fn a_range_that_was_just_closed_stays_so_over_a_restart() {
        let sent = |restart_at: u64| {
            let rows = [OUTCOME, &strangers(0), &strangers(20_000)].concat();
            let report = replay_by(CONFIG, &rows, |order| {
                order.restart_at = Some(Duration::from_millis(SETTLED + restart_at));
            });
            report.unwrap().labels.attack.sent
        };
        let soon = millis(lasting::SOON);
        // The seventh closed it, at 6 ms.
        assert_eq!(sent(6 + soon - 1), 12, "nothing of it was written down");
        assert_eq!(sent(6 + soon + 1), 6);
        assert_eq!(sent(15_000), 6);
    }

    #[test]
    fn a_restart_that_never_came_is_no_result() {
        let at = |ms| {
            replay("7,+14155550123,,,sign_in,legit,,\n", |order| {
                order.restart_at = Some(Duration::from_millis(ms));
            })
        };
        assert!(matches!(at(8), Err(Stopped::NoRestart)));
        assert!(at(7).is_ok());
    }

    #[test]
    fn who_is_told_of_beforehand_is_known_also_after_a_restart() {
        let phone = "+447400120099";
        let late = format!("{},{phone},,,enrollment,legit,,\n", SETTLED + 30_000);
        let rows = [OUTCOME, &strangers(0), &late].concat();
        let number = PhoneNumber::parse(phone).expect("a number");
        let hash = person::phone(&keys(), "acme", &number);
        for restart_at in [None, Some(Duration::from_millis(SETTLED + 15_000))] {
            let legit = |verified: &[(KeyedHash, u32)]| {
                let config = config(CONFIG);
                let order = Order {
                    config: &config,
                    tenant: "acme",
                    restart_at,
                    count_from: Duration::ZERO,
                    verified,
                };
                let report = run(format!("{HEADER}\n{rows}").as_bytes(), &order);
                report.unwrap().labels.legit
            };
            let known = legit(&[(hash, 30)]);
            assert_eq!((known.sent, known.refused), (2, 0), "{restart_at:?}");
            // What is older than `verified_days` is forgotten.
            for verified in [&[(hash, 300)][..], &[]] {
                assert_eq!(legit(verified).refused, 1, "{restart_at:?}");
            }
        }
    }

    #[test]
    fn a_mistake_ends_it_with_the_line() {
        let problem = replay("0,+14155550123,,,sign_in,legit,,\n0,,,,,,,\n", |_| {});
        assert_eq!(
            problem.unwrap_err().to_string(),
            "line 3: phone is not + and digits"
        );
        let problem = replay("", |order| order.tenant = "nobody").unwrap_err();
        assert!(matches!(problem, Stopped::Tenant));
    }
}
