//! A leaky bucket of unverified messages, with what its range has verified: the counter of every budget.

mod form;

use super::time::DAY_MS;

const HOUR_MS: u64 = 3_600_000;
const WEEK_MS: u64 = 7 * DAY_MS;

/// For how many strangers at once the history of a range speaks who are not verified yet, beside as many as were lately.
const SPOKEN_FOR: f64 = 2.0;

/// What one range, country, network or tenant holds. 72 bytes, as there are many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// When the figures were right, ms since 1970.
    at_ms: u64,
    /// Messages that were not verified, as they leak.
    level: f32,
    /// Messages that were verified lately: a third of them is left after an hour.
    verified: f32,
    /// What closed ranges in it have taken out lately: a third of it is left after a day.
    explained: f32,
    /// Messages in the present hour.
    hour_sent: f32,
    /// This week and the last.
    weeks: [Week; 2],
    /// When it may be tried again, seconds since 1970; zero where it is open.
    closed_until_s: u32,
    /// When the present or last trial began, seconds since 1970.
    trial_from_s: u32,
    /// When something was verified last, seconds since 1970.
    verified_s: u32,
    /// Since when something has been verified each day, seconds since 1970.
    seen_from_s: u32,
    /// The week that is counted first in `weeks`, since 1970.
    week: u16,
    /// How often it was closed, one after the other.
    trips: u8,
    /// Messages that the present trial still allows.
    trial: u8,
    /// Messages of the present or last trial that were verified.
    proven: u8,
    /// Whether something that must outlive the process has changed.
    changed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Week {
    best_sent: f32,
    best_verified: f32,
    sent: u16,
    verified: u16,
}

/// By what a bucket goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Allowance {
    /// What it may hold of which nothing else is known.
    pub floor: f64,
    /// How much more for each message that was verified.
    pub share: f64,
    /// In how long all but a third leaks, ms.
    pub leak_ms: u64,
    /// How long it is closed the first time, ms.
    pub first_pause_ms: u64,
    /// How long it is closed at most, ms.
    pub longest_pause_ms: u64,
    /// Whether outcomes are known at all. Without them volume is judged, against the range's own history.
    pub sighted: bool,
}

impl Allowance {
    /// Messages of a trial, after which the range must have proven itself.
    fn trickle(&self) -> u8 {
        whole(self.floor / 10.0).clamp(1, 100)
    }

    fn pause_s(&self, trips: u8) -> u32 {
        let doubled = self.first_pause_ms.saturating_mul(1 << trips.min(20));
        seconds(doubled.min(self.longest_pause_ms))
    }
}

/// A message that is put in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Put {
    /// How much it weighs: one for a person's first message, less for another.
    pub weight: f64,
    /// Whether it is a person's first one.
    pub first: bool,
}

/// What a bucket says to one more message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judged {
    /// There is room.
    Room,
    /// It was closed before, until then, ms since 1970.
    Closed(u64),
    /// There is no room: it should be closed.
    Over,
}

/// A message that was verified.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proof {
    /// What it and those before it to the same person had put in.
    pub weight: f64,
    /// Whether it had been put in at all: one that was exempt shows that people live here, and makes no room.
    pub counted: bool,
    /// Whether it was one of a trial.
    pub trial: bool,
    /// When it was sent, ms since 1970.
    pub sent_ms: u64,
}

impl Bucket {
    /// Brings the figures up to date. A time before the last one changes nothing.
    pub fn advance(&mut self, now_ms: u64, by: &Allowance) {
        let passed = now_ms.saturating_sub(self.at_ms);
        if passed == 0 {
            return;
        }
        self.level = left(self.level, passed, by.leak_ms);
        self.verified = left(self.verified, passed, HOUR_MS);
        self.explained = left(self.explained, passed, DAY_MS);
        if now_ms / HOUR_MS != self.at_ms / HOUR_MS {
            self.end_hour(by);
        }
        let this = week(now_ms);
        match this.checked_sub(self.week) {
            None | Some(0) => {}
            Some(1) => self.weeks = [Week::default(), self.weeks[0]],
            Some(_) => self.weeks = [Week::default(); 2],
        }
        self.week = self.week.max(this);
        self.at_ms = now_ms;
    }

    /// An hour's messages are history once it is over. One in which the range was closed counts little, or an attack
    /// would make room for itself.
    fn end_hour(&mut self, by: &Allowance) {
        let usual = self.best_sent() * 1.25 + by.floor / 4.0;
        let sent = f64::from(std::mem::take(&mut self.hour_sent));
        let sent = if self.trips > 0 {
            sent.min(usual)
        } else {
            sent
        };
        let best = &mut self.weeks[0].best_sent;
        *best = best.max(short(sent));
    }

    /// What it may hold. The figures must be up to date.
    pub fn allowed(&self, by: &Allowance) -> f64 {
        if by.sighted {
            let verified = f64::from(self.verified).max(self.best_verified());
            return by.floor + by.share * verified;
        }
        2.0 * (by.floor + by.share * self.best_sent())
    }

    /// Whether one more message of this weight has room. The figures must be up to date.
    pub fn judge(&self, weight: f64, now_ms: u64, by: &Allowance) -> Judged {
        if self.closed_until_s == 0 {
            let fits = f64::from(self.level) + weight <= self.allowed(by);
            return if fits { Judged::Room } else { Judged::Over };
        }
        let until_ms = u64::from(self.closed_until_s) * 1000;
        if now_ms < until_ms {
            return Judged::Closed(until_ms);
        }
        // Its pause is over: it is open, or on trial, from the message that asks.
        Judged::Room
    }

    /// Ends a pause that is over. With outcomes only a trial follows, until enough of it is verified; a range that nobody
    /// asked for during a whole longest pause is forgiven.
    pub fn reopen(&mut self, now_ms: u64, by: &Allowance) {
        let until_ms = u64::from(self.closed_until_s) * 1000;
        if self.closed_until_s == 0 || now_ms < until_ms || self.trial > 0 {
            return;
        }
        if !by.sighted || now_ms - until_ms >= by.longest_pause_ms {
            (self.closed_until_s, self.trips) = (0, 0);
            self.level = self.level.min(short(self.allowed(by) * 0.9));
        } else {
            self.trial = by.trickle();
            self.trial_from_s = seconds(now_ms);
            self.proven = 0;
        }
        self.changed = true;
    }

    /// Closes it, twice as long each time. Says until when, ms since 1970.
    pub fn close(&mut self, now_ms: u64, by: &Allowance) -> u64 {
        let pause = if by.sighted {
            by.pause_s(self.trips)
        } else {
            by.pause_s(0)
        };
        self.closed_until_s = seconds(now_ms).saturating_add(pause).max(1);
        self.trips = self.trips.saturating_add(1);
        self.trial = 0;
        self.changed = true;
        u64::from(self.closed_until_s) * 1000
    }

    /// Puts a message in; `trial` where it may be one of a trial. Says whether it was: the last one of a trial closes the
    /// range again, until it has proven itself.
    pub fn put(&mut self, put: &Put, trial: bool, now_ms: u64, by: &Allowance) -> bool {
        self.advance(now_ms, by);
        self.level = short(f64::from(self.level) + put.weight);
        if put.first {
            self.hour_sent += 1.0;
            self.weeks[0].count(|week| &mut week.sent);
        }
        let tried = trial && self.trial > 0;
        if tried {
            self.trial -= 1;
            if self.trial == 0 {
                self.close(now_ms, by);
            }
        }
        self.changed |= self.closed_until_s > 0 || self.has_verified();
        tried
    }

    /// Takes out what a message had put in that was verified.
    pub fn verify(&mut self, proof: &Proof, now_ms: u64, by: &Allowance) {
        self.advance(now_ms, by);
        self.weeks[0].count(|week| &mut week.verified);
        if now_ms.saturating_sub(self.verified_ms()) >= DAY_MS {
            self.seen_from_s = seconds(now_ms);
        }
        self.verified_s = seconds(now_ms);
        self.changed = true;
        if !proof.counted {
            self.weeks[0].count(|week| &mut week.sent);
            return;
        }
        self.level = short((f64::from(self.level) - proof.weight).max(0.0));
        self.verified += 1.0;
        let best = &mut self.weeks[0].best_verified;
        *best = best.max(self.verified);
        let in_trial = proof.trial && seconds(proof.sent_ms) >= self.trial_from_s;
        if in_trial && self.closed_until_s > 0 {
            self.proven = self.proven.saturating_add(1);
            if u32::from(self.proven) * 2 >= u32::from(by.trickle()) {
                self.open();
            }
        }
    }

    /// Takes out a message that was put in and never sent.
    pub fn take_back(&mut self, put: &Put, tried: bool, now_ms: u64, by: &Allowance) {
        self.advance(now_ms, by);
        self.level = short((f64::from(self.level) - put.weight).max(0.0));
        if put.first {
            self.hour_sent = (self.hour_sent - 1.0).max(0.0);
            let sent = &mut self.weeks[0].sent;
            *sent = sent.saturating_sub(1);
        }
        if tried && self.closed_until_s > 0 {
            if self.trial == 0 {
                // It was the last of its trial, which closed the range.
                self.trips = self.trips.saturating_sub(1);
                self.closed_until_s = seconds(now_ms).max(1);
            }
            self.trial = self.trial.saturating_add(1).min(by.trickle());
        }
        self.changed = true;
    }

    fn open(&mut self) {
        self.closed_until_s = 0;
        self.trial = 0;
        self.trial_from_s = 0;
        self.level = 0.0;
        self.trips = self.trips.saturating_sub(1);
    }

    /// Takes out what a closed range in it explains, as far as that goes: attackers on many ranges must not be explained
    /// away. Says how much it was.
    pub fn explain(&mut self, level: f64, by: &Allowance) -> f64 {
        let room = (self.allowed(by) - f64::from(self.explained)).max(0.0);
        let taken = level.min(room).min(f64::from(self.level));
        self.level = short(f64::from(self.level) - taken);
        self.explained = short(f64::from(self.explained) + taken);
        taken
    }

    /// Whether its own history speaks for the next stranger in it: at least so many people of two weeks were verified, and
    /// half of all, or, where outcomes are not known, it has no more than it usually has. It is used up by those for whom
    /// it spoke and who were not verified, or whoever shares a network with real people would have their word. The
    /// figures must be up to date.
    pub fn vouches(&self, least: u32, weight: f64, by: &Allowance) -> bool {
        let [sent, verified] = self.two_weeks();
        if by.sighted {
            let word = SPOKEN_FOR + f64::from(self.verified);
            let left = f64::from(self.level) + weight <= word;
            return left && verified >= least && 2 * verified > sent;
        }
        self.best_sent() >= 1.0 && f64::from(self.hour_sent) <= self.best_sent()
    }

    /// Messages that were not verified, as of the last time.
    pub fn level(&self) -> f64 {
        f64::from(self.level)
    }

    /// Messages that were verified lately, as of the last time.
    pub fn verified(&self) -> f64 {
        f64::from(self.verified)
    }

    /// When something was verified last, ms since 1970.
    pub fn verified_ms(&self) -> u64 {
        u64::from(self.verified_s) * 1000
    }

    /// Since when something has been verified each day, ms since 1970.
    pub fn seen_from_ms(&self) -> u64 {
        u64::from(self.seen_from_s) * 1000
    }

    /// Until when it is closed, ms since 1970.
    pub fn closed_until_ms(&self) -> Option<u64> {
        (self.closed_until_s > 0).then(|| u64::from(self.closed_until_s) * 1000)
    }

    /// People who were sent something, and who verified it, in this week and the last.
    pub fn two_weeks(&self) -> [u32; 2] {
        let [one, other] = self.weeks;
        [
            u32::from(one.sent) + u32::from(other.sent),
            u32::from(one.verified) + u32::from(other.verified),
        ]
    }

    /// The most messages of an hour in this week and the last.
    pub fn best_sent(&self) -> f64 {
        let [one, other] = self.weeks;
        f64::from(one.best_sent.max(other.best_sent))
    }

    /// The most verified messages of about an hour in this week and the last.
    pub fn best_verified(&self) -> f64 {
        let [one, other] = self.weeks;
        f64::from(one.best_verified.max(other.best_verified))
    }

    /// Whether it says anything that matters later.
    pub fn is_idle(&self, now_ms: u64, by: &Allowance) -> bool {
        let mut later = *self;
        later.advance(now_ms, by);
        let forgiven = match later.closed_until_ms() {
            Some(until) => now_ms >= until.saturating_add(by.longest_pause_ms),
            None => true,
        };
        forgiven && later.level < 0.05 && later.two_weeks()[1] == 0 && later.best_sent() < 2.0
    }

    /// Whether it says so little that it may go where room is scarce.
    pub fn is_light(&self) -> bool {
        self.closed_until_s == 0 && self.level < 1.5 && !self.has_verified()
    }

    fn has_verified(&self) -> bool {
        self.two_weeks()[1] > 0
    }

    /// The bucket of an earlier process. A clock that was ahead then neither keeps it closed for longer than a pause, nor
    /// stops it from leaking and forgetting, nor keeps a trial from being proven.
    #[must_use]
    pub fn restored(mut self, now_ms: u64, by: &Allowance) -> Self {
        let present = seconds(now_ms);
        self.at_ms = self.at_ms.min(now_ms);
        self.week = self.week.min(week(now_ms));
        self.verified_s = self.verified_s.min(present);
        self.seen_from_s = self.seen_from_s.min(present);
        self.trial_from_s = self.trial_from_s.min(present);
        let latest = seconds(now_ms.saturating_add(by.longest_pause_ms));
        self.closed_until_s = self.closed_until_s.min(latest);
        self
    }

    /// Whether it has changed since this was last asked in a way that must outlive the process.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

impl Week {
    /// Counts one more. The two counts are halved together when one is full, as only their ratio matters by then.
    fn count(&mut self, which: fn(&mut Self) -> &mut u16) {
        if *which(self) == u16::MAX {
            self.sent /= 2;
            self.verified /= 2;
        }
        *which(self) += 1;
    }
}

/// What is left of a figure of which a third is left after `life`.
fn left(figure: f32, passed_ms: u64, life_ms: u64) -> f32 {
    if figure == 0.0 {
        return 0.0;
    }
    let passed = f64::from(u32::try_from(passed_ms).unwrap_or(u32::MAX));
    let life = f64::from(u32::try_from(life_ms).unwrap_or(u32::MAX).max(1));
    short(f64::from(figure) * (-passed / life).exp())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "figures of this size lose nothing that matters"
)]
fn short(figure: f64) -> f32 {
    figure as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "beyond the ends it is the end"
)]
fn whole(figure: f64) -> u8 {
    figure as u8
}

fn week(ms: u64) -> u16 {
    u16::try_from(ms / WEEK_MS).unwrap_or(u16::MAX)
}

fn seconds(ms: u64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(u32::MAX)
}
