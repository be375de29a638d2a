//! What a provider is to the rest of the house: it can send one message and says what came of it. It never retries,
//! waits, counts or logs a body; that is decided elsewhere.

use std::{any::Any, time::Duration};

use async_trait::async_trait;
use http::StatusCode;

use crate::{
    domain::{
        capability::Capability,
        channel::Channel,
        failure::{Failure, Scope},
        id::AttemptId,
        passcode::Passcode,
        phone::{Country, PhoneNumber},
        privacy::Private,
    },
    outbound::{CallError, WriteGate},
};

/// One message for one person on one channel.
#[derive(Clone, Debug)]
pub struct Message {
    /// Our id of the attempt, for vendors that echo one.
    pub attempt: AttemptId,
    /// The first attempt at this same step: where a request is repeated, what tells a vendor that it has it already.
    pub first_attempt: AttemptId,
    /// The channel.
    pub channel: Channel,
    /// Who gets it.
    pub to: PhoneNumber,
    /// Their LINE user id, where it is known and may be used.
    pub line_user: Option<Private>,
    /// The code, for vendors that word the message themselves.
    pub code: Passcode,
    /// The text for message channels, or what is spoken on a call.
    pub text: Private,
    /// The BCP 47 tag of the recipient's language, for vendors that have a wording for each; empty where unknown.
    pub locale: String,
    /// The BCP 47 tag of the text's own language, for what speaks it.
    pub language: String,
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
    /// Who else would meet it.
    pub scope: Scope,
}

impl SendError {
    /// A failure that everything meets which this provider sends.
    pub fn new(failure: Failure, code: impl Into<String>) -> Self {
        let (code, scope) = (code.into(), Scope::Provider);
        Self {
            failure,
            code,
            scope,
        }
    }

    /// The same failure, known to reach less or further.
    #[must_use]
    pub fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// The same failure, told by a code inside an answer of this status. What a vendor calls a fault of its own may have
    /// come after it took the message, where the status is that of a fault too.
    #[must_use]
    pub fn inside(self, status: StatusCode) -> Self {
        let doubt = self.failure == Failure::Transient && status.is_server_error();
        let failure = if doubt {
            Failure::Ambiguous
        } else {
            self.failure
        };
        Self { failure, ..self }
    }

    /// What an HTTP status says where the vendor said nothing more. `delay` is how long it asked us to wait.
    pub fn by_status(status: StatusCode, delay: Option<Duration>) -> Self {
        let failure = match status.as_u16() {
            401..=403 => Failure::Account,
            408 => Failure::Transient,
            429 => Failure::Throttled { delay },
            // A fault may have come after the message was taken, and a success that is not understood is one all the same.
            ..=299 | 500.. => Failure::Ambiguous,
            // A redirect of an API is a wrong address: ours to mend, like any other 4xx.
            _ => Failure::Request,
        };
        let code = format!("http_{}", status.as_u16());
        Self::new(failure, code)
    }
}

impl From<CallError> for SendError {
    fn from(problem: CallError) -> Self {
        let (failure, word) = match problem {
            CallError::NotWritten(word) => (Failure::Transient, word),
            CallError::Unanswered(word) => (Failure::Ambiguous, word),
        };
        Self::new(failure, word)
    }
}

/// An account at a vendor, ready to send. A test may ask which kind it is (`Any`); nobody else does.
#[async_trait]
pub trait Provider: Any + Send + Sync {
    /// What it can do.
    fn capability(&self) -> Capability;

    /// Who a message to this country comes from, where that is one of several; `None` where failures of senders are not
    /// told apart.
    fn sender(&self, channel: Channel, country: Option<Country>) -> Option<&str> {
        let _ = (channel, country);
        None
    }

    /// Makes one request, for a message on one of its channels. The gate tells whoever waits whether the request was written; once the gate is shut, nothing
    /// is written any more.
    async fn send(&self, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError>;
}
