//! From a vendor's answers to our words, by the rules that were told.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use http::{HeaderName, StatusCode};
use regex::Regex;
use serde_json::Value;

use super::{
    meaning::Meaning,
    pointer::Pointer,
    settings::{DelayPlace, Errors, IdPlace, Said, Settings, Unit},
};
use crate::{
    channels::{
        kind::BuildError,
        provider::{Accepted, Message, SendError},
        vendor_word,
    },
    domain::failure::Failure,
    outbound::Answer,
};

/// What answers mean.
#[derive(Debug)]
pub(super) struct Rules {
    /// Statuses that say success; every 2xx when there is none.
    successes: Vec<u16>,
    said: Option<Expected>,
    duplicates: Vec<u16>,
    ids: Vec<IdSource>,
    code_places: Vec<Pointer>,
    codes: BTreeMap<String, Meaning>,
    /// What a code begins with, the longest first.
    families: Vec<(String, Meaning)>,
    statuses: BTreeMap<u16, Meaning>,
    delay: Option<Delay>,
}

/// What a body must say of every part of a message.
#[derive(Debug)]
struct Expected {
    at: Pointer,
    one_of: Vec<String>,
}

#[derive(Debug)]
enum IdSource {
    Body(Pointer),
    Header(HeaderName),
}

#[derive(Debug)]
struct Delay {
    at: Pointer,
    pattern: Regex,
    unit: Unit,
}

/// Whether an answer says that the message was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
    /// Some parts of it were, and the code may be in them.
    Partly,
    /// The status says so, and the body does not say what it should.
    Unclear,
}

impl Rules {
    /// Reads `success`, `message_id` and `errors`. Names every problem at once.
    pub(super) fn parse(settings: &Settings) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let (success, errors) = (&settings.success, &settings.errors);
        for (path, told) in [
            ("success.statuses", &success.statuses),
            ("success.duplicates", &success.duplicates),
        ] {
            for told in told {
                problems.keep(path, status(*told));
            }
        }
        let said = success.body.as_ref().map(Expected::parse);
        let said = said.and_then(|said| problems.keep("success.body.pointer", said));
        let code_places = errors.code.iter().map(|told| Pointer::parse(told));
        let code_places: Result<_, _> = code_places.collect();
        let code_places = problems.keep("errors.code", code_places);
        let mut ids = Vec::new();
        for place in &settings.message_id {
            ids.extend(problems.keep("message_id", id_source(place)));
        }
        let statuses = problems.merge(statuses(errors));
        let delay = errors.delay.as_ref().map(Delay::parse);
        let delay = delay.and_then(|delay| problems.merge(delay));
        if !problems.is_empty() {
            return Err(problems);
        }
        let (codes, families) = codes(errors);
        Ok(Self {
            successes: success.statuses.clone(),
            said,
            duplicates: success.duplicates.clone(),
            ids,
            code_places: code_places.unwrap_or_default(),
            codes,
            families,
            statuses: statuses.unwrap_or_default(),
            delay,
        })
    }

    /// What became of a message; `expirable` where its credential was a token minted for an earlier one.
    pub(super) fn read(
        &self,
        answer: &Answer,
        message: &Message,
        expirable: bool,
        now_ms: u64,
    ) -> Result<Accepted, SendError> {
        // What is no JSON says nothing: then the status alone speaks.
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let taken = self.taken(answer.status, &body);
        if taken == Taken::Yes {
            return Ok(Accepted {
                message_id: self.id(answer, &body, message),
            });
        }
        let codes = self.codes_in(&body);
        let mut problem = self.problem(answer.status, &codes, message);
        match taken {
            Taken::Partly => {
                problem.failure = Failure::Ambiguous;
                problem.code.insert_str(0, "partial_");
            }
            _ if expirable && answer.status == StatusCode::UNAUTHORIZED => {
                problem.failure = Failure::CredentialStale;
            }
            Taken::Unclear if self.meaning(answer.status, &codes).is_none() => {
                problem = SendError::new(Failure::Ambiguous, "no_status");
            }
            Taken::Yes | Taken::No | Taken::Unclear => {}
        }
        if let Failure::Throttled { delay } = &mut problem.failure {
            let told = self.delay.as_ref().and_then(|told| told.read(&body));
            *delay = told.or_else(|| answer.retry_after(now_ms));
        }
        Err(problem)
    }

    fn taken(&self, status: StatusCode, body: &Value) -> Taken {
        let code = status.as_u16();
        if self.duplicates.contains(&code) {
            return Taken::Yes;
        }
        let every = self.successes.is_empty() && status.is_success();
        if !every && !self.successes.contains(&code) {
            return Taken::No;
        }
        let Some(said) = &self.said else {
            return Taken::Yes;
        };
        let found = said.at.texts(body);
        let good = found.iter().filter(|text| said.is_good(text)).count();
        match good {
            _ if found.is_empty() => Taken::Unclear,
            0 => Taken::No,
            _ if good == found.len() => Taken::Yes,
            _ => Taken::Partly,
        }
    }

    /// The vendor's codes, without those that say success.
    fn codes_in<'a>(&self, body: &'a Value) -> Vec<Cow<'a, str>> {
        let found = self.code_places.iter().flat_map(|place| place.texts(body));
        let success = |text: &str| self.said.as_ref().is_some_and(|said| said.is_good(text));
        found.filter(|text| !success(text)).collect()
    }

    /// What code or status means; `None` where neither was told of.
    fn meaning(&self, status: StatusCode, codes: &[Cow<'_, str>]) -> Option<&Meaning> {
        let exact = codes.iter().find_map(|code| self.codes.get(code.as_ref()));
        let by_status = || self.statuses.get(&status.as_u16());
        let family = |code: &Cow<'_, str>| {
            let of = |(begins, _): &&(String, Meaning)| code.starts_with(begins.as_str());
            self.families.iter().find(of).map(|(_, meaning)| meaning)
        };
        exact
            .or_else(by_status)
            .or_else(|| codes.iter().find_map(family))
    }

    fn problem(&self, status: StatusCode, codes: &[Cow<'_, str>], message: &Message) -> SendError {
        let by_status = SendError::by_status(status, None);
        let known = codes
            .iter()
            .find(|code| self.codes.contains_key(code.as_ref()));
        let mut told = known.into_iter().chain(codes);
        let told = told.find_map(|code| vendor_word::code(code, message));
        let meaning = self.meaning(status, codes);
        let word = meaning.and_then(|meaning| meaning.word.as_deref());
        let code = word.or(told).map_or(by_status.code, str::to_owned);
        match meaning {
            Some(meaning) => SendError::new(meaning.failure, code).within(meaning.scope),
            None => SendError::new(by_status.failure, code),
        }
    }

    fn id(&self, answer: &Answer, body: &Value, message: &Message) -> Option<String> {
        let mut ids = self.ids.iter().filter_map(|source| {
            let found = match source {
                IdSource::Body(at) => at.text(body)?,
                IdSource::Header(name) => answer.headers.get(name)?.to_str().ok()?.into(),
            };
            vendor_word::id(&found, message).map(str::to_owned)
        });
        ids.next()
    }
}

impl Expected {
    fn parse(told: &Said) -> Result<Self, &'static str> {
        Ok(Self {
            at: Pointer::parse(&told.pointer)?,
            one_of: told.one_of.clone(),
        })
    }

    fn is_good(&self, text: &str) -> bool {
        self.one_of.iter().any(|one| one == text)
    }
}

impl Delay {
    fn parse(told: &DelayPlace) -> Result<Self, BuildError> {
        let mut problems = BuildError::default();
        let at = problems.keep("errors.delay.pointer", Pointer::parse(&told.pointer));
        let pattern = Regex::new(&told.pattern).map_err(|_| "is no regular expression");
        let pattern = pattern.and_then(|pattern| {
            let has_group = pattern.captures_len() > 1;
            let text = "has no group for the number";
            has_group.then_some(pattern).ok_or(text)
        });
        let pattern = problems.keep("errors.delay.pattern", pattern);
        let unit = told.unit;
        let delay = at
            .zip(pattern)
            .map(|(at, pattern)| Self { at, pattern, unit });
        delay.ok_or(problems)
    }

    fn read(&self, body: &Value) -> Option<Duration> {
        let texts = self.at.texts(body);
        let mut numbers = texts.iter().filter_map(|text| {
            let number = self.pattern.captures(text)?.get(1)?;
            number.as_str().parse().ok()
        });
        let number = numbers.next()?;
        Some(match self.unit {
            Unit::Milliseconds => Duration::from_millis(number),
            Unit::Seconds => Duration::from_secs(number),
        })
    }
}

fn status(told: u16) -> Result<u16, &'static str> {
    let known = (200..600).contains(&told);
    known.then_some(told).ok_or("is no HTTP status")
}

fn id_source(place: &IdPlace) -> Result<IdSource, &'static str> {
    match place {
        IdPlace::Pointer(at) => Pointer::parse(at).map(IdSource::Body),
        IdPlace::Header(name) => {
            let name = name.parse().map_err(|_| "is no name of a header");
            name.map(IdSource::Header)
        }
    }
}

fn statuses(errors: &Errors) -> Result<BTreeMap<u16, Meaning>, BuildError> {
    let mut problems = BuildError::default();
    let mut known = BTreeMap::new();
    for (told, meaning) in &errors.statuses {
        let path = format!("errors.statuses.{told}");
        let number = told.parse().unwrap_or(0);
        if let Some(status) = problems.keep(&path, status(number)) {
            known.insert(status, meaning.clone());
        }
    }
    problems.is_empty().then_some(known).ok_or(problems)
}

/// The codes that are listed, and what others may begin with.
fn codes(errors: &Errors) -> (BTreeMap<String, Meaning>, Vec<(String, Meaning)>) {
    let (mut codes, mut families) = (BTreeMap::new(), Vec::new());
    for (code, meaning) in &errors.codes {
        match code.strip_suffix('*') {
            Some(begins) => families.push((begins.to_owned(), meaning.clone())),
            None => drop(codes.insert(code.clone(), meaning.clone())),
        }
    }
    families.sort_by_key(|(begins, _)| std::cmp::Reverse(begins.len()));
    (codes, families)
}
