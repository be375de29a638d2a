//! A refusal or failure on its way to a caller: its reason with what the caller may know, as a gRPC status and back.

use std::{collections::HashMap, fmt, time::Duration};

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::Reason;

/// `google.rpc.ErrorInfo.domain` of everything we answer.
pub const DOMAIN: &str = "tollgate";

/// Metadata key of the delivery that failed.
pub const DELIVERY_ID: &str = "delivery_id";
/// Metadata key of the decision that refused.
pub const DECISION_ID: &str = "decision_id";
/// Metadata key of the guard rule that refused.
pub const RULE: &str = "rule";

/// What a caller learns of a refusal or failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Why.
    pub reason: Reason,
    /// When the same request may be tried again, where that is known.
    pub retry_after: Option<Duration>,
    /// `(field path, what is wrong)` of each bad field.
    pub violations: Vec<(String, String)>,
    /// Ids and names the caller may quote; never a number or a code.
    pub metadata: HashMap<String, String>,
}

impl Fault {
    /// A fault with nothing but its reason.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            retry_after: None,
            violations: Vec::new(),
            metadata: HashMap::new(),
        }
    }

    /// A bad request that names each bad field.
    pub fn invalid(violations: Vec<(String, String)>) -> Self {
        Self {
            violations,
            ..Self::new(Reason::InvalidRequest)
        }
    }

    /// Adds an id or name the caller may quote.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    /// Reads a fault back from a status; `None` when the status did not come from Tollgate.
    pub fn from_status(status: &Status) -> Option<Self> {
        let details = status.get_error_details();
        let info = details.error_info()?;
        if info.domain != DOMAIN {
            return None;
        }
        let violations = details.bad_request().map(|bad| {
            let fields = bad.field_violations.iter();
            fields
                .map(|one| (one.field.clone(), one.description.clone()))
                .collect()
        });
        Some(Self {
            reason: Reason::from_wire(&info.reason)?,
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
            violations: violations.unwrap_or_default(),
            metadata: info.metadata.clone(),
        })
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let reason = fault.reason;
        let mut details = ErrorDetails::with_error_info(reason.as_str(), DOMAIN, fault.metadata);
        if let Some(after) = fault.retry_after {
            details.set_retry_info(Some(after));
        }
        if !fault.violations.is_empty() {
            let fields = fault.violations.into_iter();
            let fields = fields.map(|(field, text)| FieldViolation::new(field, text));
            details.set_bad_request(fields.collect::<Vec<_>>());
        }
        Status::with_error_details(reason.code(), reason.text(), details)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.text())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_the_wire() {
        for reason in Reason::ALL {
            let fault = Fault {
                violations: vec![("passcode.code".to_owned(), "is empty".to_owned())],
                ..Fault::new(*reason)
            }
            .with(DELIVERY_ID, "dlv_1")
            .retry_after(Some(Duration::from_millis(1500)));
            let status = Status::from(fault.clone());
            assert_eq!(status.code(), reason.code());
            assert_eq!(status.message(), reason.text());
            assert_eq!(Fault::from_status(&status), Some(fault));
        }
    }

    #[test]
    fn a_strangers_status_is_no_fault() {
        assert_eq!(Fault::from_status(&Status::unavailable("tcp")), None);
        let foreign = ErrorDetails::with_error_info("internal", "example.com", HashMap::new());
        let status = Status::with_error_details(tonic::Code::Internal, "no", foreign);
        assert_eq!(Fault::from_status(&status), None);
    }
}
