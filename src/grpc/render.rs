//! What the domain says, in the words of the wire.

use std::time::Duration;

use crate::{
    dispatch::{answer::Answer, explain::Explanation},
    pb::v1,
    routing::plan::Step,
    store::record::{AttemptRow, DeliveryRecord},
};

pub(super) fn answer(answer: &Answer) -> v1::SendOtpResponse {
    let best = answer.best();
    v1::SendOtpResponse {
        delivery_id: answer.delivery.to_string(),
        state: v1::DeliveryState::from(answer.state).into(),
        channel: best
            .map_or(v1::Channel::Unspecified, |one| one.channel.into())
            .into(),
        provider: best.map(|one| one.provider.clone()).unwrap_or_default(),
        provider_message_id: best
            .map(|one| one.result.message_id.clone())
            .unwrap_or_default(),
        attempts: answer.attempts.iter().map(attempt).collect(),
    }
}

/// The answer to a dry run that would have sent.
pub(super) fn dry_run(step: Option<&Step>) -> v1::SendOtpResponse {
    v1::SendOtpResponse {
        channel: step
            .map_or(v1::Channel::Unspecified, |step| step.channel.into())
            .into(),
        provider: step
            .map(|step| step.provider.to_string())
            .unwrap_or_default(),
        ..v1::SendOtpResponse::default()
    }
}

pub(super) fn delivery(record: &DeliveryRecord) -> v1::Delivery {
    let row = &record.row;
    v1::Delivery {
        delivery_id: row.id.to_string(),
        tenant: row.tenant.clone(),
        reference: row.reference.clone(),
        masked_phone_number: row.masked.clone(),
        country: row
            .country
            .map(|country| country.to_string())
            .unwrap_or_default(),
        purpose: v1::Purpose::from(row.purpose).into(),
        requested_family: v1::Family::from(row.family).into(),
        state: v1::DeliveryState::from(row.state).into(),
        reason: row
            .reason
            .map(|reason| reason.as_str().to_owned())
            .unwrap_or_default(),
        decision_id: row.decision.map(|id| id.to_string()).unwrap_or_default(),
        outcome: v1::Outcome::from(row.outcome).into(),
        attempts: record.attempts.iter().map(attempt).collect(),
        created_at: Some(timestamp(row.created_ms)),
        updated_at: Some(timestamp(row.updated_ms)),
    }
}

pub(super) fn explanation(explanation: Explanation) -> v1::ExplainRouteResponse {
    let step = |step: &Step| v1::RouteStep {
        channel: v1::Channel::from(step.channel).into(),
        provider: step.provider.to_string(),
    };
    v1::ExplainRouteResponse {
        would_send: explanation.reason.is_none(),
        reason: explanation
            .reason
            .map(|reason| reason.as_str().to_owned())
            .unwrap_or_default(),
        route: explanation.steps.iter().map(step).collect(),
        explanation: explanation.lines,
    }
}

fn attempt(row: &AttemptRow) -> v1::Attempt {
    let result = &row.result;
    v1::Attempt {
        attempt_id: row.id.to_string(),
        ordinal: row.id.ordinal.into(),
        channel: v1::Channel::from(row.channel).into(),
        provider: row.provider.clone(),
        state: v1::DeliveryState::from(result.state).into(),
        failure: result.failure.to_owned(),
        provider_code: result.provider_code.clone(),
        provider_message_id: result.message_id.clone(),
        started_at: Some(timestamp(row.started_ms)),
        took: Some(duration(result.took)),
    }
}

pub(super) fn timestamp(unix_ms: u64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(unix_ms % 1000 * 1_000_000).unwrap_or(0),
    }
}

fn duration(time: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(time.subsec_nanos()).unwrap_or(0),
    }
}
