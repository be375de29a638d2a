//! Ordinary traffic: people who sign in by the rhythm of their days, new ones who enrol a phone, some who have lost their
//! password; with typing errors, codes that do not come, and second tries.

use crate::domain::{address::Address, purpose::Purpose};

use super::{
    World,
    event::Event,
    people::Person,
    rhythm::{self, DAY, HOUR},
};

use crate::replay::row::Label;

/// How many have a phone when the trace begins.
const ESTABLISHED: u64 = 20_000;
/// How many of a thousand sign in on a working day.
const SIGN_INS: u64 = 700;
/// How many enrol on a working day.
const ENROLMENTS: u64 = 900;
/// How many have lost their password on a working day.
const RECOVERIES: u64 = 200;

/// Most codes that somebody asks for before giving up.
const TRIES: u32 = 4;

impl World {
    /// Makes up the established people, and everything that they and those who join them do until `end`.
    pub(super) fn live(&mut self, end: u64) {
        for _ in 0..self.scaled(ESTABLISHED) {
            let person = self.registry.anybody(&mut self.chance);
            self.people.push(person);
        }
        for day in 0..=end / DAY {
            self.day(day, end);
        }
    }

    fn day(&mut self, day: u64, end: u64) {
        let busy = rhythm::day(day);
        for at in 0..self.people.len() {
            if self.chance.permille(SIGN_INS * busy / 1000) {
                self.at_some_time(self.people[at], day, end, Purpose::SignIn);
            }
        }
        for _ in 0..self.scaled(RECOVERIES * busy / 1000) {
            let person = *self.chance.one(&self.people);
            let unlock = self.chance.permille(250);
            let purpose = if unlock {
                Purpose::AccountUnlock
            } else {
                Purpose::PasswordReset
            };
            self.at_some_time(person, day, end, purpose);
        }
        for _ in 0..self.scaled(ENROLMENTS * busy / 1000) {
            let person = self.registry.anybody(&mut self.chance);
            self.at_some_time(person, day, end, Purpose::Enrollment);
            self.people.push(person);
        }
    }

    fn at_some_time(&mut self, person: Person, day: u64, end: u64, purpose: Purpose) {
        let at = rhythm::moment(day, person.ahead, &mut self.chance);
        if at + HOUR / 4 < end {
            self.session(&person, at, purpose);
        }
    }

    /// Somebody asks for a code, and again where none comes, until one is used or they give up.
    pub(super) fn session(&mut self, person: &Person, at: u64, purpose: Purpose) {
        let place = person.place(&mut self.chance);
        let mut at = at;
        if purpose == Purpose::Enrollment && self.chance.permille(30) {
            let mut mistaken = *person;
            mistaken.number = person.numbers.mistyped(person.number, &mut self.chance);
            self.ask(&mistaken, (at, place), purpose, None);
            at += self.chance.between(40_000, 90_000);
        }
        for attempt in 0..TRIES {
            let arrives = if attempt == 0 { 910 } else { 780 };
            if self.chance.permille(arrives) {
                let after = self.reading();
                return self.ask(person, (at, place), purpose, Some(after));
            }
            self.ask(person, (at, place), purpose, None);
            if self.chance.permille(350) {
                return;
            }
            at += self.chance.between(30_000, 75_000);
        }
    }

    /// How long it takes from the request until the code is typed in: 5 to 60 s, mostly less than half a minute.
    pub(super) fn reading(&mut self) -> u32 {
        let share = self.chance.below(1000) * self.chance.below(1000) / 1000;
        u32::try_from(5000 + 55 * share).unwrap_or_default()
    }

    /// One request of a real person.
    pub(super) fn ask(
        &mut self,
        person: &Person,
        (at, ip): (u64, Address),
        purpose: Purpose,
        verifies_after: Option<u32>,
    ) {
        self.events.push(Event {
            at,
            number: person.number,
            user: person.user,
            ip,
            purpose,
            label: Label::Legit,
            verifies_after,
            reachable: person.reachable,
        });
    }
}
