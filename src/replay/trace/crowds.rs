//! Real people who come all at once: on a launch day, when codes are slow, and from one office.

use crate::domain::purpose::Purpose;

use super::{World, networks, people::NEW_COUNTRY, rhythm::HOUR};

/// What comes on top of an ordinary working day from nine to five, so that it is ten times that.
const LAUNCH: u64 = 76_000;
/// For how long.
const LAUNCH_LENGTH: u64 = 8 * HOUR;

/// People who get impatient.
const IMPATIENT: u64 = 3000;
/// For how long codes are slow.
const SLOW: u64 = 2 * HOUR;

/// People behind one address.
const COLLEAGUES: u64 = 501;

impl World {
    /// Ten times the ordinary traffic: most of it people who are new, some of them in a country that is new too.
    pub(super) fn launch(&mut self, begins: u64) {
        let regulars = self.people.len();
        for _ in 0..self.scaled(LAUNCH) {
            // The first hour is the busiest.
            let share = self.chance.below(1000) * self.chance.below(1000) / 1000;
            let at = begins + LAUNCH_LENGTH / 1000 * share + self.chance.below(HOUR / 60);
            if self.chance.permille(400) {
                let person = *self.chance.one(&self.people[..regulars]);
                self.session(&person, at, Purpose::SignIn);
                continue;
            }
            let person = if self.chance.permille(80) {
                self.registry.somebody(NEW_COUNTRY, &mut self.chance)
            } else {
                self.registry.anybody(&mut self.chance)
            };
            self.session(&person, at, Purpose::Enrollment);
        }
    }

    /// Codes take a minute or two, and people press the button again: as often as Okta lets them, five times in five
    /// minutes, no two of them within 30 s. Each press makes the code before it worthless.
    pub(super) fn storm(&mut self, begins: u64) {
        let regulars = self.people.len();
        for _ in 0..self.scaled(IMPATIENT) {
            let (person, purpose) = if self.chance.permille(700) {
                (*self.chance.one(&self.people[..regulars]), Purpose::SignIn)
            } else {
                (self.registry.anybody(&mut self.chance), Purpose::Enrollment)
            };
            let place = person.place(&mut self.chance);
            let mut at = begins + self.chance.below(SLOW);
            let presses = self.chance.between(2, 5);
            for press in 1..=presses {
                let last = press == presses;
                let verifies = (last && self.chance.permille(850)).then(|| 30_000 + self.reading());
                self.ask(&person, (at, place), purpose, verifies);
                at += self.chance.between(30_000, 60_000);
            }
        }
    }

    /// A company of five hundred begins its morning behind one address: four of ten enrol a phone, the others sign in, and
    /// everybody signs in again later.
    pub(super) fn office(&mut self, begins: u64) {
        let office = networks::version_four(&mut self.chance);
        for _ in 0..self.scaled(COLLEAGUES) {
            let person = self.registry.somebody("US", &mut self.chance);
            let person = person.only_at(office);
            let purpose = if self.chance.permille(400) {
                Purpose::Enrollment
            } else {
                Purpose::SignIn
            };
            let at = begins + self.chance.below(HOUR);
            self.session(&person, at, purpose);
            let later = at + HOUR + self.chance.below(5 * HOUR);
            self.session(&person, later, Purpose::SignIn);
        }
    }
}
