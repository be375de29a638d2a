//! Every reason for which Tollgate refuses or fails, in one table: no door chooses a status of its own.

pub mod fault;

use http::StatusCode;
use tonic::Code;

/// Declares [`Reason`] and what each door answers for it.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $wire:literal, $code:ident, $http:ident, $retry:literal, $text:literal;)*) => {
        /// Why something was refused or failed. The wire name travels in `google.rpc.ErrorInfo` and comes back as
        /// the same value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason, in table order.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// The stable name: lower snake case, never changed once released.
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $wire,)* }
            }

            /// The gRPC status code.
            pub const fn code(self) -> Code {
                match self { $(Reason::$name => Code::$code,)* }
            }

            /// The HTTP status, where a door speaks plain HTTP.
            pub const fn http(self) -> StatusCode {
                match self { $(Reason::$name => StatusCode::$http,)* }
            }

            /// Whether the same request may succeed later, as it is.
            pub const fn retryable(self) -> bool {
                match self { $(Reason::$name => $retry,)* }
            }

            /// What a caller may read: no number, provider or internal detail.
            pub const fn text(self) -> &'static str {
                match self { $(Reason::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// One or more fields of the request are wrong; the field violations name them.
    InvalidRequest = "invalid_request", InvalidArgument, BAD_REQUEST, false, "the request is not valid";
    /// The phone number does not parse or is not a valid number.
    InvalidRecipient = "invalid_recipient", InvalidArgument, BAD_REQUEST, false, "the phone number is not valid";
    /// The idempotency key was used before for another number or code, or another report.
    IdempotencyMismatch = "idempotency_mismatch", InvalidArgument, CONFLICT, false, "the idempotency key was used for something else";
    /// The body is larger than the door takes.
    BodyTooLarge = "body_too_large", InvalidArgument, PAYLOAD_TOO_LARGE, false, "the body is too large";
    /// A rate limit is exhausted; the answer says when to try again.
    RateLimited = "rate_limited", ResourceExhausted, TOO_MANY_REQUESTS, true, "too many codes were requested";
    /// The tenant does not serve the destination's country.
    CountryNotAllowed = "country_not_allowed", PermissionDenied, FORBIDDEN, false, "codes are not sent to this country";
    /// The number is of a type that may not receive codes on this channel, for example a premium-rate number.
    NumberTypeNotAllowed = "number_type_not_allowed", PermissionDenied, FORBIDDEN, false, "codes are not sent to this type of number";
    /// A list of the operator's says that nothing is sent to this number, user or network.
    Blocked = "blocked", PermissionDenied, FORBIDDEN, false, "codes are not sent to this recipient";
    /// Too many codes of a range, country, network or tenant were asked for and never used.
    BudgetExhausted = "budget_exhausted", ResourceExhausted, TOO_MANY_REQUESTS, true, "codes to such numbers are held back at the moment";
    /// The day's money for a tenant or country is spent.
    SpendingCapped = "spending_capped", ResourceExhausted, TOO_MANY_REQUESTS, true, "codes are held back until tomorrow";
    /// A provider's anti-abuse system blocked the message; it is not routed around.
    ProviderFraudBlock = "provider_fraud_block", PermissionDenied, FORBIDDEN, false, "the message was blocked";
    /// No configured route serves this request.
    NoRoute = "no_route", FailedPrecondition, UNPROCESSABLE_ENTITY, false, "no route is configured for this request";
    /// The code had expired before it could be sent.
    CodeExpired = "code_expired", FailedPrecondition, UNPROCESSABLE_ENTITY, false, "the code has expired";
    /// No channel of the route can reach this recipient.
    RecipientUnreachable = "recipient_unreachable", FailedPrecondition, UNPROCESSABLE_ENTITY, false, "the recipient cannot be reached";
    /// Every attempt failed, at least one of them by a provider's fault.
    ProvidersFailed = "providers_failed", Unavailable, SERVICE_UNAVAILABLE, true, "no provider could take the message";
    /// More requests are under way than this process or tenant may have.
    Overloaded = "overloaded", Unavailable, SERVICE_UNAVAILABLE, true, "too many requests are under way";
    /// The process is draining and takes no new work.
    ShuttingDown = "shutting_down", Unavailable, SERVICE_UNAVAILABLE, true, "the service is shutting down";
    /// The ledger is away and the configuration forbids sending without it.
    LedgerUnavailable = "ledger_unavailable", Unavailable, SERVICE_UNAVAILABLE, true, "deliveries cannot be recorded at the moment";
    /// The gateway could not be reached: certainly nothing was sent.
    GatewayUnreachable = "gateway_unreachable", Unavailable, SERVICE_UNAVAILABLE, true, "the gateway cannot be reached";
    /// The connection to the gateway was lost, or time ran out, after the request had been written: perhaps sent.
    GatewayLost = "gateway_lost", Unavailable, SERVICE_UNAVAILABLE, true, "the gateway did not answer";
    /// Time ran out before anything was sent.
    DeadlineExceeded = "deadline_exceeded", DeadlineExceeded, GATEWAY_TIMEOUT, true, "time ran out";
    /// No credential, or not a valid one.
    Unauthenticated = "unauthenticated", Unauthenticated, UNAUTHORIZED, false, "not authenticated";
    /// The client is known but may not use this tenant or method.
    NotAllowed = "not_allowed", PermissionDenied, FORBIDDEN, false, "not allowed";
    /// What was asked for does not exist for this client.
    NotFound = "not_found", NotFound, NOT_FOUND, false, "not found";
    /// Only our own requests to the providers were at fault: sender, template or parameters.
    RequestsRejected = "requests_rejected", Internal, BAD_GATEWAY, false, "the message could not be sent";
    /// A bug.
    Internal = "internal", Internal, INTERNAL_SERVER_ERROR, false, "an internal error occurred";
}

impl Reason {
    /// The reason of this wire name.
    pub fn from_wire(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn wire_names_are_unique_and_read_back() {
        let names: HashSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(Reason::from_wire(reason.as_str()), Some(*reason));
        }
        assert_eq!(Reason::from_wire("no_such_reason"), None);
    }
}
