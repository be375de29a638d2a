//! The buckets of every range, network, country and tenant, and what a message does to those it falls into.

use crate::domain::{
    address::Address,
    phone::{Country, PhoneNumber},
    verdict::Refusal,
};

use super::{
    bucket::{Allowance, Bucket, Proof, Put},
    closings::Closings,
    hashing::{Hashing, Kind, Tag},
    rules::budget::{self, Asked, Found, Scope},
    table::Table,
    time::DAY_MS,
};

/// Every bucket, by scope.
#[derive(Debug)]
pub struct Budgets {
    tables: [Table<Bucket>; 5],
    closings: Closings,
}

/// The keys of the buckets that a message falls into, by scope; zero where it falls into none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys(pub [u64; 5]);

/// Where a message comes from and goes to.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The tenant.
    pub tag: Tag,
    /// The number.
    pub phone: &'a PhoneNumber,
    /// The device's address.
    pub client: Option<Address>,
}

/// Whether a check is one before a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is: ranges that are over their budget are closed.
    Closes,
    /// Somebody only wants to know; everything stays as it is.
    Only,
}

/// Where a message was put in, as bits by scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The scopes whose buckets hold it.
    pub scopes: u8,
    /// Those in which it is one of a trial.
    pub trials: u8,
}

/// A refusal by a budget.
#[derive(Debug)]
pub struct Refused {
    /// Which budget.
    pub scope: Scope,
    /// Why.
    pub refusal: Refusal,
}

impl Keys {
    /// The keys of a message.
    pub fn of(place: &Place<'_>, hashing: &Hashing) -> Self {
        let digits = place.phone.key();
        let country = place.phone.country();
        Self(Scope::ALL.map(|scope| match scope {
            Scope::Range10k => range(hashing, place.tag, scope, digits / 10_000),
            Scope::Range1m => range(hashing, place.tag, scope, digits / 1_000_000),
            Scope::Network => (place.client).map_or(0, |client| hashing.network(place.tag, client)),
            Scope::Country => country.map_or(0, |country| hashing.country(place.tag, country)),
            Scope::Tenant => tenant(hashing, place.tag),
        }))
    }

    /// The keys of what a delivery had put in, as far as they are known by its ranges and country.
    pub fn from_ranges(
        [range_10k, range_1m, network]: [u64; 3],
        country: Option<Country>,
        (hashing, tag): (&Hashing, Tag),
    ) -> Self {
        let country = country.map_or(0, |country| hashing.country(tag, country));
        Self([range_10k, network, range_1m, country, tenant(hashing, tag)])
    }

    /// The ranges and the network.
    pub fn ranges(&self) -> [u64; 3] {
        let [range_10k, network, range_1m, ..] = self.0;
        [range_10k, range_1m, network]
    }

    fn each(&self) -> impl Iterator<Item = (Scope, u64)> {
        Scope::ALL
            .into_iter()
            .zip(self.0)
            .filter(|(_, key)| *key != 0)
    }
}

/// Whether a bucket speaks for the next stranger in it before wider ones.
fn speaks(bucket: &Bucket, scope: Scope, weight: f64, by: &Allowance) -> bool {
    let least = scope.least_proof();
    least.is_some_and(|least| bucket.vouches(least, weight, by))
}

/// The key of a range by its digits.
pub fn range(hashing: &Hashing, tag: Tag, scope: Scope, digits: u64) -> u64 {
    let kind = if scope == Scope::Range1m {
        Kind::Range1m
    } else {
        Kind::Range10k
    };
    hashing.figure(kind, tag, digits)
}

fn tenant(hashing: &Hashing, tag: Tag) -> u64 {
    hashing.figure(Kind::Tenant, tag, 1)
}

impl Budgets {
    /// Empty ones. Together their tables take at most some 250 MB.
    pub fn empty() -> Self {
        let tables = Scope::ALL.map(|scope| {
            Table::new(match scope {
                Scope::Range10k => 13,
                Scope::Network => 12,
                Scope::Range1m => 11,
                Scope::Country | Scope::Tenant => 8,
            })
        });
        let closings = Closings::default();
        Self { tables, closings }
    }

    /// Whether outcomes are known for a tenant: something was verified within a day, and has been for at least this long.
    pub fn sighted(&self, tag: Tag, hashing: &Hashing, (now_ms, for_ms): (u64, u64)) -> bool {
        let key = tenant(hashing, tag);
        let sighted = self.of(Scope::Tenant).if_there(key, |bucket| {
            let last = bucket.verified_ms();
            let seen_ms = now_ms.saturating_sub(bucket.seen_from_ms());
            last > 0 && now_ms.saturating_sub(last) < DAY_MS && seen_ms >= for_ms
        });
        sighted.unwrap_or_default()
    }

    /// Checks a message against every bucket that it falls into, narrow to wide, and closes those that are over, unless this
    /// is only a look. Nothing is put in. `ends` says of a refusal whether it ends the checking, and `binds` of a closed scope
    /// whether a wider one may take it for closed: what a range in shadow would have kept out still comes in.
    pub fn check(
        &self,
        keys: &Keys,
        (weight, now_ms, look): (f64, u64, Look),
        allowance: impl Fn(Scope) -> Option<Allowance>,
        binds: impl Fn(Scope, Scope) -> bool,
        mut ends: impl FnMut(Refused) -> bool,
    ) -> bool {
        let mut asked = Asked {
            weight,
            vouched: false,
            now_ms,
        };
        let mut passed = true;
        for (scope, key) in keys.each() {
            let Some(by) = allowance(scope) else { continue };
            let found = self.ask(scope, key, look, |bucket| {
                let found = budget::check(bucket, scope, &asked, &by);
                asked.vouched |= speaks(bucket, scope, weight, &by);
                match found {
                    Found::Pass => None,
                    Found::Refuse { until_ms, explains } => {
                        let refusal = budget::refusal(scope, bucket, &by, until_ms, now_ms);
                        Some((Refused { scope, refusal }, explains))
                    }
                }
            });
            let Some((refused, explains)) = found else {
                continue;
            };
            passed = false;
            if explains.is_some() && look == Look::Closes {
                self.closings.note(scope, key);
            }
            let explains = explains.filter(|_| scope != Scope::Network && look == Look::Closes);
            if let Some(level) = explains {
                let bound = |wide| allowance(wide).filter(|_| binds(scope, wide));
                self.explain(keys, (scope, level), now_ms, &bound);
            }
            if ends(refused) {
                return false;
            }
        }
        passed
    }

    fn ask<R>(&self, scope: Scope, key: u64, look: Look, ask: impl FnOnce(&mut Bucket) -> R) -> R {
        match look {
            Look::Closes => self.of(scope).with(key, ask),
            Look::Only => {
                let bucket = self.of(scope).if_there(key, |bucket| *bucket);
                ask(&mut bucket.unwrap_or_default())
            }
        }
    }

    /// What a range or country held when it was closed, wider ones need not answer for.
    fn explain(
        &self,
        keys: &Keys,
        (closed, level): (Scope, f64),
        now_ms: u64,
        allowance: &impl Fn(Scope) -> Option<Allowance>,
    ) {
        let wider = |(scope, _): &(Scope, u64)| scope.is_wide() && *scope > closed;
        for (scope, key) in keys.each().filter(wider) {
            if let Some(by) = allowance(scope) {
                self.of(scope).if_there(key, |bucket| {
                    bucket.advance(now_ms, &by);
                    bucket.explain(level, &by);
                });
            }
        }
    }

    /// Puts a message that was checked into every bucket that it falls into, and says into which. A further attempt at the
    /// same message (`again`) is never one of a trial.
    pub fn put(
        &self,
        keys: &Keys,
        (put, again, now_ms): (&Put, bool, u64),
        allowance: impl Fn(Scope) -> Option<Allowance>,
    ) -> Places {
        let mut vouched = false;
        let mut places = Places::default();
        for (scope, key) in keys.each() {
            let Some(by) = allowance(scope) else { continue };
            let tried = self.of(scope).with(key, |bucket| {
                vouched |= speaks(bucket, scope, put.weight, &by);
                let may_try = !(again || vouched && scope.is_wide());
                bucket.put(put, may_try, now_ms, &by)
            });
            places.scopes |= 1 << scope as u8;
            places.trials |= u8::from(tried) << scope as u8;
        }
        places
    }

    /// Takes out what a message had put in that was never sent.
    pub fn take_back(
        &self,
        keys: &Keys,
        (put, places, now_ms): (&Put, Places, u64),
        allowance: impl Fn(Scope) -> Option<Allowance>,
    ) {
        let within = |bits: u8, scope: Scope| bits & 1 << scope as u8 != 0;
        let put_into = |(scope, _): &(Scope, u64)| within(places.scopes, *scope);
        for (scope, key) in keys.each().filter(put_into) {
            if let Some(by) = allowance(scope) {
                let tried = within(places.trials, scope);
                self.of(scope)
                    .if_there(key, |bucket| bucket.take_back(put, tried, now_ms, &by));
            }
        }
    }

    /// Takes out what a message had put in that was verified.
    pub fn verify(
        &self,
        keys: &Keys,
        (proof, trials): (Proof, u8),
        now_ms: u64,
        allowance: impl Fn(Scope) -> Option<Allowance>,
    ) {
        for (scope, key) in keys.each() {
            if let Some(by) = allowance(scope) {
                let proof = Proof {
                    trial: trials & 1 << scope as u8 != 0,
                    ..proof
                };
                self.of(scope)
                    .with(key, |bucket| bucket.verify(&proof, now_ms, &by));
            }
        }
    }

    /// A bucket as it is now.
    pub fn look(&self, scope: Scope, key: u64, now_ms: u64, by: &Allowance) -> Bucket {
        let bucket = self.of(scope).if_there(key, |bucket| *bucket);
        let mut bucket = bucket.unwrap_or_default();
        bucket.advance(now_ms, by);
        bucket
    }

    /// Buckets that have changed in a way that must outlive the process, at most so many.
    pub fn changed(&self, most: usize) -> Vec<(Scope, u64, Bucket)> {
        let mut changed = Vec::new();
        for scope in Scope::ALL.into_iter().rev() {
            self.of(scope).look(|key, bucket| {
                if changed.len() < most && bucket.take_changed() {
                    changed.push((scope, key, *bucket));
                }
                changed.len() < most
            });
        }
        changed
    }

    /// Ranges that have been closed and were not told yet.
    pub fn closings(&self) -> &Closings {
        &self.closings
    }

    /// Their buckets, at most so many.
    pub fn just_closed(&self, most: usize) -> Vec<(Scope, u64, Bucket)> {
        let ranges = self.closings.take(most).into_iter();
        let told = ranges.filter_map(|(scope, key)| {
            self.of(scope).if_there(key, |bucket| {
                bucket.take_changed().then_some((scope, key, *bucket))
            })
        });
        told.flatten().collect()
    }

    /// Takes in a bucket that an earlier process kept.
    pub fn restore(&self, scope: Scope, key: u64, bucket: Bucket) {
        self.of(scope).with_own(key, |place| *place = bucket);
    }

    /// Drops what says nothing any more.
    pub fn drop_idle(&self, now_ms: u64, allowance: impl Fn(Scope) -> Allowance) {
        for scope in Scope::ALL {
            let by = allowance(scope);
            self.of(scope).retain(|bucket| !bucket.is_idle(now_ms, &by));
        }
    }

    /// Drops what says little where room is scarce.
    pub fn make_room(&self) {
        for scope in Scope::ALL {
            self.of(scope).make_room(|bucket| !bucket.is_light());
        }
    }

    /// Buckets that are closed, by scope. This looks at every bucket there is.
    pub fn closed(&self, now_ms: u64) -> [usize; 5] {
        Scope::ALL.map(|scope| {
            let mut closed = 0;
            self.of(scope).look(|_, bucket| {
                let shut = bucket.closed_until_ms().is_some_and(|until| until > now_ms);
                closed += usize::from(shut);
                true
            });
            closed
        })
    }

    /// Buckets held, by scope.
    pub fn count(&self) -> [usize; 5] {
        Scope::ALL.map(|scope| self.of(scope).count())
    }

    fn of(&self, scope: Scope) -> &Table<Bucket> {
        &self.tables[scope as usize]
    }
}
