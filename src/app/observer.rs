//! What the Okta door reports, as metrics.

use std::sync::Arc;

use crate::{
    adapters::okta::{answer::Class, events::Became, observer::Observer, profile::Lookup},
    config::tenants::Answer,
    telemetry::metrics::{Label, Metric, Metrics},
};

/// Counts for the Okta door.
pub(super) struct Counting(pub(super) Arc<Metrics>);

impl Counting {
    fn one(&self, metric: Metric, labels: &[(Label, &str)]) {
        self.0.counter(metric, labels).increment(1);
    }
}

impl Observer for Counting {
    fn answered(&self, tenant: &str, class: Class, answer: Answer, seconds: f64) {
        let labels = [
            (Label::Tenant, tenant),
            (Label::Class, class.as_str()),
            (Label::Answer, answer_word(answer)),
        ];
        self.one(Metric::HookAnswers, &labels);
        let labels = [(Label::Tenant, tenant)];
        self.0.seconds(Metric::HookSeconds, &labels).record(seconds);
    }

    fn previewed(&self, tenant: &str) {
        self.one(Metric::HookPreviews, &[(Label::Tenant, tenant)]);
    }

    fn unknown_channel(&self, tenant: &str) {
        let labels = [(Label::Tenant, tenant), (Label::Field, "deliveryChannel")];
        self.one(Metric::HookUnknown, &labels);
    }

    fn unknown_request_type(&self, tenant: &str) {
        let labels = [(Label::Tenant, tenant), (Label::Field, "requestType")];
        self.one(Metric::HookUnknown, &labels);
    }

    fn profile(&self, tenant: &str, lookup: Lookup) {
        let labels = [(Label::Tenant, tenant), (Label::Outcome, lookup.as_str())];
        self.one(Metric::ProfileLookups, &labels);
    }

    fn events(&self, tenant: &str, became: Became, count: u64) {
        let labels = [(Label::Tenant, tenant), (Label::Outcome, became.as_str())];
        self.0.counter(Metric::Events, &labels).increment(count);
    }

    fn events_waiting(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.0
            .gauge(Metric::EventsWaiting, &[])
            .set(f64::from(count));
    }

    fn unauthenticated(&self) {
        self.one(Metric::HookUnauthenticated, &[]);
    }

    fn shed(&self, tenant: &str) {
        self.one(Metric::HookShed, &[(Label::Tenant, tenant)]);
    }

    fn unreadable(&self, tenant: &str) {
        self.one(Metric::HookUnreadable, &[(Label::Tenant, tenant)]);
    }
}

const fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Successful => "successful",
        Answer::Pending => "pending",
        Answer::Failed => "failed",
        Answer::Error => "error",
    }
}
