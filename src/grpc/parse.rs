//! Requests of the wire into the domain's types, naming every bad field at once.

use std::{sync::Arc, time::Duration};

use crate::{
    dispatch::request::Request,
    domain::{
        address::Address,
        attributes::Attributes,
        channel::Channel,
        delivery::State,
        id::DeliveryId,
        passcode::Passcode,
        person,
        phone::PhoneNumber,
        privacy::{PrivacyKeys, Private},
        purpose::Purpose,
    },
    error::{Reason, fault::Fault},
    pb::v1,
    store::record::Filter,
};

use super::deadline::Time;

pub(super) const MAX_KEY: usize = 256;
const MAX_TEXT: usize = 1600;
const MAX_CHANNELS: usize = 4;
const MAX_ATTRIBUTES: usize = 32;
const DEFAULT_LIFE: Duration = Duration::from_mins(5);
const LONGEST_LIFE: Duration = Duration::from_hours(1);
pub(super) const DEFAULT_PAGE: u32 = 50;
pub(super) const MAX_PAGE: u32 = 1000;

/// What is known to be wrong with a request.
#[derive(Debug, Default)]
pub(super) struct Violations(Vec<(String, String)>);

impl Violations {
    pub(super) fn add(&mut self, field: &str, problem: &str) {
        self.0.push((field.to_owned(), problem.to_owned()));
    }

    pub(super) fn at_most(&mut self, field: &str, text: &str, most: usize) {
        if text.len() > most {
            self.add(field, &format!("is longer than {most} bytes"));
        }
    }

    pub(super) fn finish(self) -> Result<(), Fault> {
        let only_the_number =
            matches!(&*self.0, [(field, _)] if field.ends_with("recipient.phone_number"));
        if self.0.is_empty() {
            return Ok(());
        }
        let mut fault = Fault::invalid(self.0);
        if only_the_number {
            fault.reason = Reason::InvalidRecipient;
        }
        Err(fault)
    }
}

/// Whether a request is to be sent, or only explained: then key and code may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intention {
    Send,
    Explain,
}

/// Reads a request to send. `prefix` stands before the names of bad fields. In a box from here on: it is large, and passed on
/// from one to the next until the message is out.
pub(super) fn send(
    wire: v1::SendOtpRequest,
    client: &Arc<str>,
    time: Time,
    intention: Intention,
    prefix: &str,
) -> Result<Box<Request>, Fault> {
    let mut bad = Violations::default();
    let recipient = wire.recipient.unwrap_or_default();
    let phone = PhoneNumber::parse(&recipient.phone_number);
    if phone.is_none() {
        bad.add(
            "recipient.phone_number",
            "must be a valid number in E.164 form with a leading +",
        );
    }
    let passcode = wire.passcode.unwrap_or_default();
    let code = match (&*passcode.code, intention) {
        // Nothing of an explanation depends on the code.
        ("", Intention::Explain) => Passcode::parse("0"),
        (text, Intention::Send | Intention::Explain) => Passcode::parse(text),
    };
    if code.is_none() {
        bad.add("passcode.code", "must be 1 to 32 letters and digits");
    }
    if wire.tenant.is_empty() {
        bad.add("tenant", "is required");
    }
    let key = &wire.idempotency_key;
    if intention == Intention::Send && !(1..=MAX_KEY).contains(&key.len()) {
        bad.add("idempotency_key", "must have 1 to 256 bytes");
    }
    bad.at_most("reference", &wire.reference, MAX_KEY);
    bad.at_most("recipient.user_id", &recipient.user_id, MAX_KEY);
    if wire.message.chars().count() > MAX_TEXT {
        bad.add("message", "is longer than 1600 characters");
    }
    if !(recipient.line_user_id.is_empty() || is_line_user(&recipient.line_user_id)) {
        bad.add("recipient.line_user_id", "must be U and 32 hex digits");
    }
    let client_ip = Address::parse(&wire.client_ip);
    if !wire.client_ip.is_empty() && client_ip.is_none() {
        bad.add("client_ip", "is no IP address");
    }
    if !is_language(&wire.locale) {
        bad.add("locale", "is no language tag");
    }
    check_attributes(&wire.attributes, &mut bad);
    let life = life(passcode.valid_for.as_ref(), &mut bad);
    let purpose = v1::Purpose::try_from(wire.purpose);
    if purpose.is_err() {
        bad.add("purpose", "is not known");
    }
    let family = v1::Family::try_from(wire.requested_family);
    if family.is_err() {
        bad.add("requested_family", "is not known");
    }
    let channels = channels("channels", &wire.channels, &mut bad);
    let profile_channels = self::channels("profile_channels", &wire.profile_channels, &mut bad);
    for (field, _) in &mut bad.0 {
        field.insert_str(0, prefix);
    }
    bad.finish()?;
    let (Some(phone), Some(code)) = (phone, code) else {
        return Err(Reason::Internal.into());
    };
    let private = |text: String| (!text.is_empty()).then(|| Private::new(text));
    Ok(Box::new(Request {
        tenant: wire.tenant,
        client: client.clone(),
        idempotency_key: Private::new(wire.idempotency_key),
        reference: wire.reference,
        phone,
        user: private(recipient.user_id),
        line_user: private(recipient.line_user_id),
        code,
        arrived: time.arrived,
        valid_until: time.arrived + life,
        text: Private::new(wire.message),
        locale: wire.locale,
        purpose: purpose
            .ok()
            .and_then(v1::Purpose::to_domain)
            .unwrap_or(Purpose::Other),
        family: family.ok().and_then(v1::Family::to_domain),
        channels,
        profile_channels,
        stored: None,
        client_ip,
        attributes: Attributes::new(wire.attributes),
    }))
}

/// Reads the id of a delivery.
pub(super) fn delivery_id(text: &str) -> Result<DeliveryId, Fault> {
    DeliveryId::parse(text).ok_or_else(|| {
        Fault::invalid(vec![(
            "delivery_id".to_owned(),
            "is no delivery's id".to_owned(),
        )])
    })
}

/// Reads which deliveries to list.
pub(super) fn filter(wire: v1::ListDeliveriesRequest, keys: &PrivacyKeys) -> Result<Filter, Fault> {
    let mut bad = Violations::default();
    let wanted = wire.filter.unwrap_or_default();
    if wire.tenant.is_empty() {
        bad.add("tenant", "is required");
    }
    if wire.page_size > MAX_PAGE {
        bad.add("page_size", "must be at most 1000");
    }
    let below = (!wire.page_token.is_empty()).then(|| DeliveryId::parse(&wire.page_token));
    if below == Some(None) {
        bad.add("page_token", "is none of ours");
    }
    let phone = (!wanted.phone_number.is_empty()).then(|| PhoneNumber::parse(&wanted.phone_number));
    if phone == Some(None) {
        bad.add(
            "filter.phone_number",
            "must be a valid number in E.164 form with a leading +",
        );
    }
    let states: Vec<Option<State>> = wanted
        .states
        .iter()
        .map(|state| v1::DeliveryState::try_from(*state).ok()?.to_domain())
        .collect();
    if states.contains(&None) {
        bad.add("filter.states", "has a state that is not known");
    }
    bad.finish()?;
    let tenant = wire.tenant;
    Ok(Filter {
        reference: Some(wanted.reference).filter(|text| !text.is_empty()),
        phone: phone
            .flatten()
            .map(|phone| person::phones(keys, &tenant, &phone)),
        user: Some(wanted.user_id)
            .filter(|text| !text.is_empty())
            .map(|user| person::users(keys, &tenant, &user)),
        states: states.into_iter().flatten().collect(),
        after_ms: wanted.created_after.map(|time| millis(&time)),
        before_ms: wanted.created_before.map(|time| millis(&time)),
        below: below.flatten(),
        limit: match wire.page_size {
            0 => DEFAULT_PAGE as usize,
            size => size as usize,
        },
        tenant,
    })
}

fn life(given: Option<&prost_types::Duration>, bad: &mut Violations) -> Duration {
    let Some(given) = given else {
        return DEFAULT_LIFE;
    };
    match Duration::try_from(*given) {
        Ok(life) if life > LONGEST_LIFE => {
            bad.add("passcode.valid_for", "must be at most an hour");
            DEFAULT_LIFE
        }
        Ok(life) => life,
        // Negative: the code has expired already.
        Err(_) => Duration::ZERO,
    }
}

pub(super) fn channels(field: &str, wire: &[i32], bad: &mut Violations) -> Vec<Channel> {
    let known: Vec<Channel> = wire
        .iter()
        .filter_map(|channel| v1::Channel::try_from(*channel).ok()?.to_domain())
        .collect();
    let twice = known
        .iter()
        .enumerate()
        .any(|(index, channel)| known[..index].contains(channel));
    if known.len() != wire.len() || twice || known.len() > MAX_CHANNELS {
        bad.add(field, "must be at most four known channels, none twice");
    }
    known
}

fn check_attributes(attributes: &std::collections::HashMap<String, String>, bad: &mut Violations) {
    if attributes.len() > MAX_ATTRIBUTES {
        bad.add("attributes", "has more than 32 entries");
    }
    let long = |(key, value): (&String, &String)| key.len() > 64 || value.len() > 1024;
    if attributes.iter().any(long) {
        bad.add(
            "attributes",
            "has a key of more than 64 or a value of more than 1024 bytes",
        );
    }
}

pub(super) fn is_line_user(text: &str) -> bool {
    let digits = text.strip_prefix('U').unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) fn is_language(text: &str) -> bool {
    let subtag = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.is_empty() || (text.len() <= 35 && text.split(['-', '_']).all(subtag))
}

pub(super) fn millis(time: &prost_types::Timestamp) -> u64 {
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    let rest = u64::try_from(time.nanos / 1_000_000).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(rest)
}
