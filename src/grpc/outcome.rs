//! Reports of outcomes on the wire: every bad field named at once, and what came of a report.

use std::sync::Arc;

use crate::{
    dispatch::outcome::{About, Joined, Report},
    domain::{
        delivery::Outcome, id::DeliveryId, phone::PhoneNumber, privacy::Private, purpose::Purpose,
    },
    error::{Reason, fault::Fault},
    pb::v1,
};

use super::parse::{MAX_KEY, Violations, millis};

/// Reads a report. `is_known` says whether there is such a tenant.
pub(super) fn report(
    wire: v1::ReportOutcomeRequest,
    client: &Arc<str>,
    is_known: impl Fn(&str) -> bool,
) -> Result<Report, Fault> {
    let mut bad = Violations::default();
    if wire.tenant.is_empty() {
        bad.add("tenant", "is required");
    } else if !is_known(&wire.tenant) {
        bad.add("tenant", "is not known");
    }
    if !(1..=MAX_KEY).contains(&wire.idempotency_key.len()) {
        bad.add("idempotency_key", "must have 1 to 256 bytes");
    }
    let outcome = v1::Outcome::try_from(wire.outcome).ok();
    let outcome = outcome.and_then(v1::Outcome::to_domain);
    let outcome = outcome.filter(|outcome| *outcome != Outcome::Unknown);
    if outcome.is_none() {
        bad.add("outcome", "must be OUTCOME_VERIFIED or OUTCOME_FAILED");
    }
    let about = if wire.delivery_id.is_empty() {
        Some(person(&wire, &mut bad))
    } else {
        delivery(&wire, &mut bad)
    };
    bad.finish()?;
    let (Some(outcome), Some(about)) = (outcome, about) else {
        return Err(Reason::Internal.into());
    };
    Ok(Report {
        tenant: wire.tenant,
        client: client.clone(),
        idempotency_key: Private::new(wire.idempotency_key),
        outcome,
        about,
    })
}

/// The answer to a report.
pub(super) fn answer(joined: Option<Joined>) -> v1::ReportOutcomeResponse {
    let mut answer = v1::ReportOutcomeResponse::default();
    if let Some(joined) = joined {
        answer.delivery_id = joined.delivery.to_string();
        answer.set_outcome(joined.outcome.into());
    }
    answer
}

fn delivery(wire: &v1::ReportOutcomeRequest, bad: &mut Violations) -> Option<About> {
    let beside = [
        ("user_id", !wire.user_id.is_empty()),
        ("phone_number", !wire.phone_number.is_empty()),
        ("family", wire.family != 0),
        ("occurred_at", wire.occurred_at.is_some()),
        ("purposes", !wire.purposes.is_empty()),
    ];
    for (field, _) in beside.into_iter().filter(|(_, given)| *given) {
        bad.add(field, "must not be given beside delivery_id");
    }
    let id = DeliveryId::parse(&wire.delivery_id);
    if id.is_none() {
        bad.add("delivery_id", "is no delivery's id");
    }
    id.map(About::Delivery)
}

fn person(wire: &v1::ReportOutcomeRequest, bad: &mut Violations) -> About {
    if wire.user_id.is_empty() && wire.phone_number.is_empty() {
        bad.add(
            "delivery_id",
            "is required where neither user_id nor phone_number is given",
        );
    }
    bad.at_most("user_id", &wire.user_id, MAX_KEY);
    let phone = (!wire.phone_number.is_empty()).then(|| PhoneNumber::parse(&wire.phone_number));
    if phone == Some(None) {
        bad.add(
            "phone_number",
            "must be a valid number in E.164 form with a leading +",
        );
    }
    let family = v1::Family::try_from(wire.family);
    if family.is_err() {
        bad.add("family", "is not known");
    }
    let occurred = wire.occurred_at.as_ref();
    if occurred.is_some_and(|time| !is_time(time)) {
        bad.add("occurred_at", "is no time after 1970");
    }
    let purposes = purposes(&wire.purposes, bad);
    let user = Some(&wire.user_id).filter(|user| !user.is_empty());
    About::Person {
        user: user.map(|user| Private::new(user.as_str())),
        phone: phone.flatten(),
        family: family.ok().and_then(v1::Family::to_domain),
        purposes,
        occurred_ms: occurred.map(millis),
    }
}

/// What the code was for. One that is not known would fit codes for anything, or none: both would be wrong.
fn purposes(wire: &[i32], bad: &mut Violations) -> Vec<Purpose> {
    let known = wire.iter().take(Purpose::ALL.len());
    let known: Vec<_> = known
        .filter_map(|purpose| v1::Purpose::try_from(*purpose).ok()?.to_domain())
        .collect();
    if known.len() != wire.len() {
        bad.add("purposes", "must be at most five known purposes");
    }
    known
}

fn is_time(time: &prost_types::Timestamp) -> bool {
    time.seconds > 0 && (0..1_000_000_000).contains(&time.nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> v1::ReportOutcomeRequest {
        v1::ReportOutcomeRequest {
            tenant: "acme".to_owned(),
            idempotency_key: "key".to_owned(),
            outcome: v1::Outcome::Verified.into(),
            user_id: "00u1".to_owned(),
            ..v1::ReportOutcomeRequest::default()
        }
    }

    fn read(wire: v1::ReportOutcomeRequest) -> Result<Report, Vec<String>> {
        let read = report(wire, &"billing".into(), |name| name == "acme");
        read.map_err(|fault| {
            fault
                .violations
                .into_iter()
                .map(|(field, _)| field)
                .collect()
        })
    }

    fn bad(change: impl FnOnce(&mut v1::ReportOutcomeRequest)) -> Vec<String> {
        let mut wire = good();
        change(&mut wire);
        read(wire).err().unwrap_or_default()
    }

    #[test]
    fn a_person_or_a_delivery_is_named() {
        let report = read(good()).expect("it is right");
        assert_eq!(report.outcome, Outcome::Verified);
        assert!(matches!(
            report.about,
            About::Person {
                user: Some(_),
                phone: None,
                family: None,
                purposes,
                occurred_ms: None
            } if purposes.is_empty()
        ));
        let recovered = v1::ReportOutcomeRequest {
            purposes: vec![v1::Purpose::PasswordReset.into()],
            ..good()
        };
        let report = read(recovered).expect("it is right");
        assert!(matches!(
            report.about,
            About::Person { purposes, .. } if purposes == [Purpose::PasswordReset]
        ));
        let id = DeliveryId::from_bytes([7; 16]);
        let by_id = v1::ReportOutcomeRequest {
            user_id: String::new(),
            delivery_id: id.to_string(),
            ..good()
        };
        let report = read(by_id).expect("it is right");
        assert!(matches!(report.about, About::Delivery(found) if found == id));
    }

    #[test]
    fn every_bad_field_is_named() {
        assert_eq!(
            bad(|wire| *wire = v1::ReportOutcomeRequest::default()),
            ["tenant", "idempotency_key", "outcome", "delivery_id"]
        );
        let everything = |wire: &mut v1::ReportOutcomeRequest| {
            *wire = v1::ReportOutcomeRequest {
                tenant: "nobody".to_owned(),
                idempotency_key: "x".repeat(257),
                outcome: 9,
                delivery_id: String::new(),
                user_id: "x".repeat(257),
                phone_number: "12".to_owned(),
                family: 9,
                occurred_at: Some(prost_types::Timestamp {
                    seconds: -1,
                    nanos: 0,
                }),
                purposes: vec![9],
            };
        };
        let all = [
            "tenant",
            "idempotency_key",
            "outcome",
            "user_id",
            "phone_number",
            "family",
            "occurred_at",
            "purposes",
        ];
        assert_eq!(bad(everything), all);
        assert_eq!(bad(|wire| wire.purposes = vec![0]), ["purposes"]);
        assert_eq!(bad(|wire| wire.purposes = vec![1; 9]), ["purposes"]);
    }

    #[test]
    fn a_delivery_stands_alone() {
        assert_eq!(
            bad(|wire| wire.delivery_id = "dlv_x".to_owned()),
            ["user_id", "delivery_id"]
        );
        let unknown = v1::Outcome::Unknown;
        assert_eq!(bad(|wire| wire.outcome = unknown.into()), ["outcome"]);
    }
}
