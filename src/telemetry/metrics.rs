//! Every metric's name, kind and labels, in one table. Labels have few values: never a number, an id or free text.

use std::fmt;

use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::series::Series;

/// Bounds of the time histograms, in seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Seconds, in buckets.
    Seconds,
}

/// Declares [`Metric`].
macro_rules! metrics_table {
    ($($(#[doc = $doc:literal])* $name:ident = $wire:literal, $shape:ident;)*) => {
        /// A metric that the process exposes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Metric {
            $($(#[doc = $doc])* $name,)*
        }

        impl Metric {
            /// Every metric.
            pub const ALL: &'static [Metric] = &[$(Metric::$name),*];

            /// The name as it is scraped.
            pub const fn name(self) -> &'static str {
                match self { $(Metric::$name => $wire,)* }
            }

            /// What it is.
            pub const fn shape(self) -> Shape {
                match self { $(Metric::$name => Shape::$shape,)* }
            }

            /// What it says.
            pub const fn help(self) -> &'static str {
                match self { $(Metric::$name => concat!($($doc),*),)* }
            }
        }
    };
}

metrics_table! {
    /// Sends by how they ended. Labels: channel, outcome.
    Requests = "otp_requests_total", Counter;
    /// Time from a send's arrival to its result. Labels: outcome.
    SendSeconds = "otp_send_duration_seconds", Seconds;
    /// Attempts by provider and how they ended. Labels: provider, channel, outcome.
    Attempts = "otp_provider_attempts_total", Counter;
    /// Time a provider took to answer. Labels: provider.
    AttemptSeconds = "otp_provider_attempt_duration_seconds", Seconds;
    /// Attempts whose answer came after dispatch had moved on. Labels: provider, outcome.
    LateAnswers = "otp_provider_late_answers_total", Counter;
    /// Circuit breakers that are open. Labels: provider.
    OpenBreakers = "otp_provider_open_breakers", Gauge;
    /// Refusals by the guard. Labels: rule, mode.
    Refusals = "otp_guard_refusals_total", Counter;
    /// Codes that a provider took or may have taken. Labels: tenant, family.
    CodesSent = "otp_codes_sent_total", Counter;
    /// Reports on whether codes were used. Labels: tenant, outcome, match.
    Outcomes = "otp_outcomes_total", Counter;
    /// The guard's verdicts on requests. Labels: tenant, verdict.
    Verdicts = "otp_guard_verdicts_total", Counter;
    /// Requests that the guard sent another way instead of refusing them. Labels: rule.
    Deflections = "otp_guard_deflections_total", Counter;
    /// Ranges that the guard has closed. Labels: rule.
    ClosedRanges = "otp_guard_closed_ranges", Gauge;
    /// Entries on the guard's lists.
    ListEntries = "otp_guard_list_entries", Gauge;
    /// Values of the guard's that could not be kept in the ledger; they are kept by the next try.
    GuardUnkept = "otp_guard_unkept_total", Counter;
    /// Repeated idempotency keys that got the first answer.
    Replays = "otp_idempotent_replays_total", Counter;
    /// Stored preferences that were read from the ledger, as they were not in memory. Labels: outcome.
    PreferenceReads = "otp_preference_reads_total", Counter;
    /// Answers to Okta's hooks. Labels: tenant, class, answer.
    HookAnswers = "otp_okta_hook_answers_total", Counter;
    /// Time from a hook's head to its answer. Labels: tenant.
    HookSeconds = "otp_okta_hook_duration_seconds", Seconds;
    /// Hooks refused for want of a valid credential.
    HookUnauthenticated = "otp_okta_hook_unauthenticated_total", Counter;
    /// Hooks turned away because too many were under way. Labels: tenant.
    HookShed = "otp_okta_hook_shed_total", Counter;
    /// Previews from the Admin Console that were answered without a send. Labels: tenant.
    HookPreviews = "otp_okta_hook_previews_total", Counter;
    /// Authenticated hooks whose body was too large, too slow or not readable. Labels: tenant.
    HookUnreadable = "otp_okta_hook_unreadable_total", Counter;
    /// Events from Okta's event hooks. Labels: tenant, outcome.
    Events = "otp_okta_events_total", Counter;
    /// Events that wait to be handed to the gateway.
    EventsWaiting = "otp_okta_events_waiting", Gauge;
    /// People's profiles that hooks asked for, by what came of it. Labels: tenant, outcome.
    ProfileLookups = "otp_okta_profile_lookups_total", Counter;
    /// Hooks whose delivery channel or request type is not one we know. Labels: tenant, field.
    HookUnknown = "otp_okta_hook_unknown_value_total", Counter;
    /// Attempts by SMS whose text takes more than one segment. Labels: encoding.
    LongMessages = "otp_sms_multi_segment_total", Counter;
    /// Attempts whose template failed, so that they carried our own words. Labels: tenant.
    TemplateFailures = "otp_template_failures_total", Counter;
    /// Sends that went out before they could be recorded (`ledger.on_unavailable: send`).
    LedgerUnrecorded = "otp_ledger_unrecorded_sends_total", Counter;
    /// Rows kept in memory until the ledger is back.
    LedgerSpooled = "otp_ledger_spooled_rows", Gauge;
    /// Rows dropped because the spool was full.
    LedgerDropped = "otp_ledger_dropped_rows", Gauge;
    /// Deliveries that a dead process left open and that were closed as unconfirmed.
    LedgerSwept = "otp_ledger_swept_deliveries_total", Counter;
    /// Reloads of the configuration. Labels: outcome.
    Reloads = "otp_config_reloads_total", Counter;
    /// Claims held in process.
    Claims = "otp_claims", Gauge;
    /// Keys held by the rate limits. Labels: rule.
    LimitKeys = "otp_guard_limit_keys", Gauge;
    /// Always 1. Labels: version.
    BuildInfo = "otp_build_info", Gauge;
}

/// A label's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// A tenant's name.
    Tenant,
    /// `sms`, `voice` …
    Channel,
    /// `accepted`, or the reason or failure class.
    Outcome,
    /// A provider's configured name.
    Provider,
    /// A guard rule's name.
    Rule,
    /// `enforce` or `shadow`.
    Mode,
    /// `allow`, `deflect` or `refuse`.
    Verdict,
    /// The class of a hook's result.
    Class,
    /// What Okta was told.
    Answer,
    /// The field of a hook's body.
    Field,
    /// `gsm7` or `ucs2`.
    Encoding,
    /// `message` or `voice`.
    Family,
    /// Whether a report found its delivery.
    Match,
    /// The version of this build.
    Version,
}

impl Label {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Channel => "channel",
            Self::Outcome => "outcome",
            Self::Provider => "provider",
            Self::Rule => "rule",
            Self::Mode => "mode",
            Self::Verdict => "verdict",
            Self::Class => "class",
            Self::Answer => "answer",
            Self::Field => "field",
            Self::Encoding => "encoding",
            Self::Family => "family",
            Self::Match => "match",
            Self::Version => "version",
        }
    }
}

/// The process's metrics.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    counters: Series<Counter>,
    gauges: Series<Gauge>,
    histograms: Series<Histogram>,
}

impl Metrics {
    /// An empty set, every metric described.
    pub fn new() -> Self {
        let builder = PrometheusBuilder::new();
        let recorder = builder
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
            .expect("the list of buckets is not empty")
            .build_recorder();
        for metric in Metric::ALL {
            let name = metric.name().into();
            let help = SharedString::const_str(metric.help().trim_ascii());
            match metric.shape() {
                Shape::Counter => recorder.describe_counter(name, None, help),
                Shape::Gauge => recorder.describe_gauge(name, None, help),
                Shape::Seconds => recorder.describe_histogram(name, Some(Unit::Seconds), help),
            }
        }
        let handle = recorder.handle();
        let metrics = Self {
            recorder,
            handle,
            counters: Series::default(),
            gauges: Series::default(),
            histograms: Series::default(),
        };
        let version = [(Label::Version, env!("CARGO_PKG_VERSION"))];
        metrics.gauge(Metric::BuildInfo, &version).set(1.0);
        metrics
    }

    /// A counter's handle.
    pub fn counter(&self, metric: Metric, labels: &[(Label, &str)]) -> Counter {
        debug_assert_eq!(metric.shape(), Shape::Counter);
        let make = || self.recorder.register_counter(&key(metric, labels), &META);
        self.counters.get(metric, labels, make)
    }

    /// A gauge's handle.
    pub fn gauge(&self, metric: Metric, labels: &[(Label, &str)]) -> Gauge {
        debug_assert_eq!(metric.shape(), Shape::Gauge);
        let make = || self.recorder.register_gauge(&key(metric, labels), &META);
        self.gauges.get(metric, labels, make)
    }

    /// A histogram's handle; it is fed seconds.
    pub fn seconds(&self, metric: Metric, labels: &[(Label, &str)]) -> Histogram {
        debug_assert_eq!(metric.shape(), Shape::Seconds);
        let make = || {
            let key = key(metric, labels);
            self.recorder.register_histogram(&key, &META)
        };
        self.histograms.get(metric, labels, make)
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Moves what histograms collected into their buckets; due every few seconds, or their memory grows.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

static META: Metadata<'static> = Metadata::new("tollgate", Level::INFO, None);

fn key(metric: Metric, labels: &[(Label, &str)]) -> Key {
    let labels = labels
        .iter()
        .map(|(name, value)| metrics::Label::new(name.as_str(), (*value).to_owned()));
    Key::from_parts(metric.name(), labels.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_show_up_with_their_help() {
        let metrics = Metrics::new();
        let labels = [(Label::Channel, "sms"), (Label::Outcome, "accepted")];
        metrics.counter(Metric::Requests, &labels).increment(2);
        metrics.seconds(Metric::HookSeconds, &[]).record(0.02);
        metrics.upkeep();
        let text = metrics.render();
        assert!(
            text.contains(r#"otp_requests_total{channel="sms",outcome="accepted"} 2"#),
            "{text}"
        );
        assert!(
            text.contains("# HELP otp_requests_total Sends by how"),
            "{text}"
        );
        assert!(
            text.contains("otp_okta_hook_duration_seconds_bucket"),
            "{text}"
        );
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::HashSet<_> = Metric::ALL.iter().map(|m| m.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
    }
}
