//! What a provider is to the rest of the house: it can send one message and says what came of it. It never retries,
//! waits, counts or logs a body; that is decided elsewhere.

use std::{any::Any, time::Duration};

use async_trait::async_trait;
use http::StatusCode;

use crate::{
    domain::{
        capability::Capability, channel::Channel, failure::Failure, id::AttemptId,
        passcode::Passcode, phone::PhoneNumber, privacy::Private,
    },
    outbound::{CallError, WriteGate},
};

/// One message for one person on one channel.
#[derive(Clone, Debug)]
pub struct Message {
    /// Our id of the attempt, for vendors that echo one.
    pub attempt: AttemptId,
    /// The channel.
    pub channel: Channel,
    /// Who gets it.
    pub to: PhoneNumber,
    /// The code, for vendors that word the message themselves.
    pub code: Passcode,
    /// The text for message channels, or what is spoken on a call.
    pub text: Private,
    /// BCP 47 language tag; empty where unknown.
    pub locale: String,
    /// How much longer the code lives.
    pub valid_for: Duration,
}

/// A provider took responsibility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id of the message, where it gave one.
    pub message_id: Option<String>,
}

/// A provider did not, or we do not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// What it says about the next attempt.
    pub failure: Failure,
    /// The provider's own code, or a short word of ours (`http_503`, `connect`), for the ledger.
    pub code: String,
}

impl SendError {
    /// What an HTTP status says where the vendor said nothing more. `delay` is how long it asked us to wait.
    pub fn by_status(status: StatusCode, delay: Option<Duration>) -> Self {
        let failure = match status.as_u16() {
            401..=403 => Failure::Account,
            408 => Failure::Transient,
            429 => Failure::Throttled { delay },
            // The fault may have come after the message was taken.
            500.. => Failure::Ambiguous,
            // A redirect of an API is a wrong address: ours to mend, like any other 4xx.
            _ => Failure::Request,
        };
        let code = format!("http_{}", status.as_u16());
        Self { failure, code }
    }
}

impl From<CallError> for SendError {
    fn from(problem: CallError) -> Self {
        let (failure, word) = match problem {
            CallError::NotWritten(word) => (Failure::Transient, word),
            CallError::Unanswered(word) => (Failure::Ambiguous, word),
        };
        let code = word.to_owned();
        Self { failure, code }
    }
}

/// An account at a vendor, ready to send. A test may ask which kind it is (`Any`); nobody else does.
#[async_trait]
pub trait Provider: Any + Send + Sync {
    /// What it can do.
    fn capability(&self) -> Capability;

    /// Makes one request, for a message on one of its channels. The gate tells whoever waits whether the request was written; once the gate is shut, nothing
    /// is written any more.
    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError>;
}
