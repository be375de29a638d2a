//! What operators ask of the guard, in the domain's types, naming every bad field at once.

use std::time::Duration;

use crate::{
    dispatch::{lists::Named, standing::Whose},
    domain::{
        address::{self, Address},
        id::{DecisionId, ListChangeId, ListEntryId},
        listed::{Effect, Tenants},
        phone::{Country, PhoneNumber},
        prefix::{self, BadPrefix},
        privacy::Private,
    },
    grpc::parse::{DEFAULT_PAGE, MAX_KEY, MAX_PAGE, Violations, millis},
    pb::v1::{self, get_standing_request::Subject, target},
    store::record::DecisionFilter,
};

pub(super) const MAX_TENANTS: usize = 16;
const MAX_TARGETS: usize = 100;
const MAX_REASON: usize = 256;
const LONGEST: Duration = Duration::from_hours(24 * 366 * 10);

const RANGE: &str = "must be all digits of a number but the last four or six, with a leading +";
const NUMBER: &str = "must be a valid number in E.164 form with a leading +";

/// Whose standing is asked for; `None` where that is not understood.
pub(super) fn whose(subject: Option<Subject>, bad: &mut Violations) -> Option<Whose> {
    let (field, problem, whose) = match subject {
        None => return Some(Whose::Tenant),
        Some(Subject::PhoneNumber(text)) => {
            let number = PhoneNumber::parse(&text).map(Whose::Number);
            ("phone_number", NUMBER, number)
        }
        Some(Subject::Range(text)) => match prefix::parse(&text) {
            Ok(digits) => return Some(Whose::Range(digits)),
            Err(BadPrefix::Form) => ("range", RANGE, None),
            Err(problem @ BadPrefix::Whole) => ("range", told(problem), None),
        },
        Some(Subject::Country(text)) => (
            "country",
            "must be an ISO 3166-1 alpha-2 country",
            Country::parse(&text).map(Whose::Country),
        ),
        Some(Subject::UserId(text)) => {
            let user = is_user(&text).then(|| Whose::User(Private::new(text)));
            ("user_id", "must have 1 to 256 bytes", user)
        }
        Some(Subject::ClientIp(text)) => (
            "client_ip",
            "is no IP address",
            Address::parse(&text).map(Whose::Client),
        ),
    };
    if whose.is_none() {
        bad.add(field, problem);
    }
    whose
}

/// Whom a request is about, as far as that is understood.
pub(super) fn targets(
    wire: &[v1::Target],
    tenants: &[Tenants],
    bad: &mut Violations,
) -> Vec<Named> {
    if wire.len() > MAX_TARGETS {
        bad.add("targets", "must be at most 100");
        return Vec::new();
    }
    let for_all = tenants.contains(&Tenants::All);
    let mut named = Vec::new();
    for (index, target) in wire.iter().enumerate() {
        match self::target(target.target.as_ref(), for_all) {
            Ok(target) => named.push(target),
            Err((field, problem)) => {
                let dot = if field.is_empty() { "" } else { "." };
                bad.add(&format!("targets[{index}]{dot}{field}"), problem);
            }
        }
    }
    named
}

fn target(
    wire: Option<&target::Target>,
    for_all: bool,
) -> Result<Named, (&'static str, &'static str)> {
    match wire {
        None => Err(("", "must say whom it is about")),
        Some(target::Target::PhoneNumber(text)) => {
            let number = PhoneNumber::parse(text).map(Named::Number);
            number.ok_or(("phone_number", NUMBER))
        }
        Some(target::Target::Prefix(text)) => match prefix::parse(text) {
            Ok(digits) => Ok(Named::Prefix(digits)),
            Err(problem) => Err(("prefix", told(problem))),
        },
        Some(target::Target::UserId(_)) if for_all => {
            Err(("user_id", "belongs to one tenant, which must be named"))
        }
        Some(target::Target::UserId(text)) => {
            let user = is_user(text).then(|| Named::User(Private::new(text.as_str())));
            user.ok_or(("user_id", "must have 1 to 256 bytes"))
        }
        Some(target::Target::Network(text)) => {
            let network = address::network(text).map(Named::Network);
            network.ok_or(("network", "is no IP address or network"))
        }
    }
}

pub(super) fn effect(wire: i32, bad: &mut Violations) -> Effect {
    let effect = v1::Effect::try_from(wire);
    if effect.is_err() {
        bad.add("effect", "is not known");
    }
    let effect = effect.ok().and_then(v1::Effect::to_domain);
    effect.unwrap_or(Effect::Block)
}

pub(super) fn expires_in(
    wire: Option<&prost_types::Duration>,
    bad: &mut Violations,
) -> Option<Duration> {
    let wire = wire?;
    let expires = Duration::try_from(*wire).ok();
    let expires = expires.filter(|after| (Duration::from_secs(1)..=LONGEST).contains(after));
    if expires.is_none() {
        bad.add("expires_in", "must be from one second to ten years");
    }
    expires
}

pub(super) fn reason(text: &str, bad: &mut Violations) {
    if !(1..=MAX_REASON).contains(&text.len()) || text.chars().any(char::is_control) {
        bad.add("reason", "must be one line of 1 to 256 bytes");
    }
}

pub(super) fn entry_ids(wire: &[String], bad: &mut Violations) -> Vec<ListEntryId> {
    if wire.len() > MAX_TARGETS {
        bad.add("entry_ids", "must be at most 100");
        return Vec::new();
    }
    let mut ids = Vec::new();
    for (index, text) in wire.iter().enumerate() {
        match ListEntryId::parse(text) {
            Some(id) => ids.push(id),
            None => bad.add(&format!("entry_ids[{index}]"), "is no entry's id"),
        }
    }
    ids
}

pub(super) fn page_size(wire: u32, bad: &mut Violations) -> usize {
    if wire > MAX_PAGE {
        bad.add("page_size", "must be at most 1000");
    }
    let size = if wire == 0 { DEFAULT_PAGE } else { wire };
    size as usize
}

pub(super) fn entry_token(text: &str, bad: &mut Violations) -> Option<ListEntryId> {
    token(text, ListEntryId::parse, bad)
}

pub(super) fn change_token(text: &str, bad: &mut Violations) -> Option<ListChangeId> {
    token(text, ListChangeId::parse, bad)
}

/// Which decisions to list.
pub(super) fn decisions(wire: v1::ListDecisionsRequest, bad: &mut Violations) -> DecisionFilter {
    DecisionFilter {
        limit: page_size(wire.page_size, bad),
        below: token(&wire.page_token, DecisionId::parse, bad),
        tenant: wire.tenant,
        rule: Some(wire.rule).filter(|rule| !rule.is_empty()),
        after_ms: wire.created_after.as_ref().map(millis),
        before_ms: wire.created_before.as_ref().map(millis),
    }
}

fn token<T>(text: &str, parse: impl Fn(&str) -> Option<T>, bad: &mut Violations) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let token = parse(text);
    if token.is_none() {
        bad.add("page_token", "is none of ours");
    }
    token
}

/// Why a text is no range.
const fn told(problem: BadPrefix) -> &'static str {
    match problem {
        BadPrefix::Form => "must be + and 1 to 11 digits, the first of them not 0",
        BadPrefix::Whole => "is a whole number, or all but a few digits of one: use phone_number",
    }
}

fn is_user(text: &str) -> bool {
    (1..=MAX_KEY).contains(&text.len())
}
