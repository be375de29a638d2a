//! What came of a trace, as one JSON object.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::{
    domain::{phone::Country, price::Price},
    replay::row::Label,
};

/// What came of a trace.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Who asked, and what they got.
    pub labels: ByLabel<Counts>,
    /// What each rule did, by its name.
    pub rules: BTreeMap<String, Acts>,
    /// What the messages cost, by country.
    pub spend: BTreeMap<String, String>,
    /// When the first request was refused, in milliseconds since the trace began.
    pub first_refusal_ms: ByLabel<Option<u64>>,
}

/// Something about real people, and about attackers.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct ByLabel<T> {
    /// About real people.
    pub legit: T,
    /// About attackers.
    pub attack: T,
}

/// What those of one label got. `requests` is the sum of the next three.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// Those that got a message.
    pub sent: u64,
    /// Those that got one on a channel that pays an attacker nothing, because the others were closed.
    pub deflected: u64,
    /// Those that got none.
    pub refused: u64,
    /// Those of them whose number had not been verified before.
    pub refused_unverified: u64,
    /// Different people.
    pub users: u64,
    /// Those of them of whom a request was refused.
    pub users_refused: u64,
}

/// What a rule did.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Acts {
    /// Requests that got no message because of it.
    pub refused: u64,
    /// Requests that got one elsewhere because of it.
    pub deflected: u64,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A message went out.
    Sent,
    /// It went out on a free channel, because this rule closed the others.
    Deflected(String),
    /// None went out, because of this rule.
    Refused(String),
}

/// A request that is counted.
pub(super) struct Counted<'a> {
    pub(super) label: Label,
    pub(super) at: u64,
    /// Who it was, as a hash.
    pub(super) user: u64,
    /// Whether the number was verified before.
    pub(super) verified: bool,
    pub(super) fate: &'a Fate,
}

/// A report in the making. It holds one hash for each person, and another for each who was refused.
#[derive(Default)]
pub(super) struct Tally {
    report: Report,
    people: HashSet<(Label, u64)>,
    refused: HashSet<(Label, u64)>,
    spent: BTreeMap<Country, u64>,
}

impl Tally {
    pub(super) fn count(&mut self, one: &Counted<'_>) {
        let new = self.people.insert((one.label, one.user));
        let newly_refused =
            matches!(one.fate, Fate::Refused(_)) && self.refused.insert((one.label, one.user));
        let counts = self.report.labels.of(one.label);
        counts.requests += 1;
        counts.users += u64::from(new);
        counts.users_refused += u64::from(newly_refused);
        match one.fate {
            Fate::Sent => counts.sent += 1,
            Fate::Deflected(rule) => {
                counts.deflected += 1;
                self.rule(rule).deflected += 1;
            }
            Fate::Refused(rule) => {
                counts.refused += 1;
                counts.refused_unverified += u64::from(!one.verified);
                self.rule(rule).refused += 1;
                let first = self.report.first_refusal_ms.of(one.label);
                first.get_or_insert(one.at);
            }
        }
    }

    /// Adds what an attempt cost.
    pub(super) fn spend(&mut self, country: Country, price: Option<Price>) {
        let spent = self.spent.entry(country).or_default();
        *spent += price.map_or(0, Price::millionths);
    }

    pub(super) fn report(self) -> Report {
        let mut report = self.report;
        let spent = self.spent.into_iter();
        report.spend = spent
            .map(|(country, millionths)| (country.to_string(), amount(millionths)))
            .collect();
        report
    }

    fn rule(&mut self, name: &str) -> &mut Acts {
        if !self.report.rules.contains_key(name) {
            self.report.rules.insert(name.to_owned(), Acts::default());
        }
        self.report
            .rules
            .get_mut(name)
            .expect("it was just put there")
    }
}

impl<T> ByLabel<T> {
    fn of(&mut self, label: Label) -> &mut T {
        match label {
            Label::Legit => &mut self.legit,
            Label::Attack => &mut self.attack,
        }
    }
}

/// An amount with at least two places.
fn amount(millionths: u64) -> String {
    let part = format!("{:06}", millionths % 1_000_000);
    let kept = part.trim_end_matches('0');
    format!("{}.{kept:0<2}", millionths / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(tally: &mut Tally, label: Label, user: u64, verified: bool, fate: &Fate) {
        let at = tally.people.len() as u64 * 10;
        tally.count(&Counted {
            label,
            at,
            user,
            verified,
            fate,
        });
    }

    #[test]
    fn the_report_has_the_documented_form() {
        let mut tally = Tally::default();
        let refused = Fate::Refused("range_10k".to_owned());
        let deflected = Fate::Deflected("range_10k".to_owned());
        count(&mut tally, Label::Legit, 1, false, &Fate::Sent);
        count(&mut tally, Label::Legit, 1, true, &refused);
        count(&mut tally, Label::Legit, 1, false, &refused);
        count(&mut tally, Label::Legit, 2, false, &deflected);
        count(&mut tally, Label::Attack, 1, false, &refused);
        let us = Country::parse("US").expect("a country");
        tally.spend(us, Price::parse("0.0079"));
        tally.spend(us, Price::parse("1"));
        tally.spend(Country::parse("GB").expect("a country"), None);
        let json = serde_json::to_string(&tally.report()).expect("it has no odd keys");
        assert_eq!(
            json,
            "{\"labels\":{\"legit\":{\"requests\":4,\"sent\":1,\"deflected\":1,\"refused\":2,\
             \"refused_unverified\":1,\"users\":2,\"users_refused\":1},\"attack\":{\"requests\":1,\
             \"sent\":0,\"deflected\":0,\"refused\":1,\"refused_unverified\":1,\"users\":1,\
             \"users_refused\":1}},\"rules\":{\"range_10k\":{\"refused\":3,\"deflected\":1}},\
             \"spend\":{\"GB\":\"0.00\",\"US\":\"1.0079\"},\
             \"first_refusal_ms\":{\"legit\":10,\"attack\":20}}"
        );
    }
}
