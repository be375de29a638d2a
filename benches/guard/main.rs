//! What the guard costs with ten million live destinations, each with a user and a device of its own: memory, and time per
//! message. `make bench-guard` runs it; it takes about a minute and is bounded in time.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::json;
use tollgate::{
    clock::Clock,
    config::Config,
    domain::{
        address::Address,
        channel::{Channel, Channels},
        phone::{Country, PhoneNumber},
        price::Price,
        privacy::{KeyedHash, PrivacyKeys},
        purpose::Purpose,
        verdict::Verdict,
    },
    guard::{Guard, Older, Request, Trail, Verified},
};

/// The product's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many destinations are live.
const DESTINATIONS: u64 = 10_000_000;

/// Messages of one round of measuring, and the most rounds.
const ROUND: u64 = 500_000;
const ROUNDS: u64 = 6;

/// After this time no further round begins, and no further destination is made up.
const LONGEST: Duration = Duration::from_mins(3);

fn main() -> Result<()> {
    let crowd = Crowd::new()?;
    let before = resident()?;
    let begun = now();
    let mut live = 0;
    while live < DESTINATIONS && begun.elapsed() < LONGEST {
        let trail = crowd.message(live, Purpose::Enrollment)?;
        if !is_stranger(live) {
            crowd.verify(live, trail);
        }
        live += 1;
    }
    let grown = resident()?.saturating_sub(before);
    println!(
        "{live} live destinations in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    println!("memory: {} MiB, of which 1024 are allowed", grown / 1024);
    for (rule, keys) in crowd.guard.limit_keys() {
        println!("  {rule}: {keys} keys");
    }
    crowd.measure("strangers only", is_stranger, live, begun)?;
    crowd.measure("everybody", |_| true, live, begun)?;
    let sweep = now();
    crowd.guard.drop_idle();
    println!(
        "a look at every key: {:.2} s, in the background",
        sweep.elapsed().as_secs_f64()
    );
    Ok(())
}

/// One of four is verified, and remembered; the others fill the budgets.
fn is_stranger(nth: u64) -> bool {
    !nth.is_multiple_of(4)
}

/// People made up by their place.
struct Crowd {
    guard: std::sync::Arc<Guard>,
    clock: Clock,
    numbers: Vec<PhoneNumber>,
    countries: Vec<Country>,
    price: Option<Price>,
}

impl Crowd {
    fn new() -> Result<Self> {
        // Every layer is on and looked at, and nothing is ever over: the pass is what is measured. Budgets go by outcomes
        // once those have been seen for as long as they take to leak, and that is soon.
        let roomy = json!({ "floor": 10_000_000, "share": 100 });
        let limit = |name: &str, key: &str, count: u32, per: &str| json!({ "name": name, "key": key, "count": count, "per": per });
        let config: Config = serde_json::from_value(json!({
            "guard": {
                "limits": [
                    limit("destination_10m", "destination", 600, "10m"),
                    limit("destination_day", "destination", 20_000, "1day"),
                    limit("user_10m", "user", 800, "10m"),
                ],
                "budgets": {
                    "range_10k": roomy, "range_1m": roomy, "country": roomy, "network": roomy, "tenant": roomy,
                    "exempt_sign_in": false, "leak": "10s",
                },
                "money": { "per_day": 900_000_000, "per_country_day": 900_000_000 },
            },
            "tenants": { "acme": { "countries": { "allow": ["DE"] } } },
        }))?;
        let keys = PrivacyKeys::new([&b"the key of a bench"[..]]).context("a key")?;
        let clock = Clock::system();
        let numbers = (0..DESTINATIONS).map(|nth| {
            let text = format!("+49151{:08}", 20_000_000 + nth * 7);
            PhoneNumber::parse(&text).with_context(|| text.clone())
        });
        Ok(Self {
            guard: Guard::new(&config, &keys, &clock),
            clock,
            numbers: numbers.collect::<Result<_>>()?,
            countries: Country::parse("DE").into_iter().collect(),
            price: Price::parse("0.08"),
        })
    }

    /// One message, as dispatch would ask for it: admitted once, charged once.
    fn message(&self, nth: u64, purpose: Purpose) -> Result<Trail> {
        let mut text = [0; 20];
        let user = digits(nth, &mut text);
        let address = Address::from(std::net::Ipv4Addr::from_bits(
            u32::try_from(nth)? | 0x0b00_0000,
        ));
        let request = Request {
            tenant: "acme",
            countries: &self.countries,
            phone: &self.numbers[usize::try_from(nth)?],
            user: Some(user),
            client: Some(address),
            phone_hash: hash(nth),
            user_hash: Some(hash(!nth)),
            older: Older::default(),
            purpose,
            channels: Channels::ALL,
            opted_in: Channels::NONE,
            charged: false,
        };
        let admission = self.guard.admit(&request);
        anyhow::ensure!(
            matches!(admission.verdict, Verdict::Allow { .. }),
            "{admission:?}"
        );
        let charged = self.guard.charge(&request, Channel::Sms, self.price);
        anyhow::ensure!(charged.refusal.is_none(), "{charged:?}");
        Ok(charged.trail)
    }

    fn verify(&self, nth: u64, trail: Trail) {
        self.guard.verified(&Verified {
            tenant: "acme",
            phone_hash: hash(nth),
            country: self.countries.first().copied(),
            trail: Some(trail),
            sent_ms: self.clock.unix_ms(),
        });
    }

    fn measure(&self, what: &str, which: fn(u64) -> bool, live: u64, begun: Instant) -> Result<()> {
        let round_size = usize::try_from(ROUND)?;
        let mut best = Duration::MAX;
        for round in 0..ROUNDS {
            if round > 0 && begun.elapsed() > LONGEST {
                break;
            }
            let crowd = (round * ROUND * 2..).map(|nth| mixed(nth) % live);
            let messages: Vec<_> = crowd.filter(|nth| which(*nth)).take(round_size).collect();
            let start = now();
            for nth in messages {
                black_box(self.message(nth, Purpose::Enrollment)?);
            }
            best = best.min(start.elapsed());
        }
        let micros = best.as_secs_f64() * 1e6 / f64::from(u32::try_from(ROUND)?);
        println!("{what}: {micros:.2} µs per message, at random over all, of which 5 are allowed");
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// A figure's digits, made without allocating.
fn digits(mut figure: u64, text: &mut [u8; 20]) -> &str {
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + u8::try_from(figure % 10).unwrap_or(0);
        figure /= 10;
        if figure == 0 {
            break;
        }
    }
    std::str::from_utf8(&text[at..]).unwrap_or("0")
}

/// A hash as the ledger's would be, of which a bench need not be the judge.
fn hash(nth: u64) -> KeyedHash {
    let halves = [mixed(nth).to_be_bytes(), mixed(nth ^ 0x5555).to_be_bytes()];
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&halves[0]);
    bytes[8..].copy_from_slice(&halves[1]);
    KeyedHash(bytes)
}

/// Every figure once, in no order.
fn mixed(figure: u64) -> u64 {
    let mut bits = figure.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// This process's memory, in KiB.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("this needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    Ok(figure.context("no memory is told")?.parse()?)
}
