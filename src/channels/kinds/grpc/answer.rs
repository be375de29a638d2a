//! What a plugin's answers, and its statuses, mean.

use std::{error::Error, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    channels::{
        provider::{Accepted, Message, SendError},
        vendor_word,
    },
    domain::failure::{Failure, Scope},
    outbound::WriteGate,
    pb::plugin::{FailureClass, FailureScope, SendResponse, send_response},
};

/// Classes that a plugin may name. What is not here may have been sent.
const CLASSES: &[(FailureClass, Failure)] = &[
    (FailureClass::Throttled, Failure::Throttled { delay: None }),
    (FailureClass::Transient, Failure::Transient),
    (FailureClass::Ambiguous, Failure::Ambiguous),
    (FailureClass::Recipient, Failure::Recipient),
    (FailureClass::Request, Failure::Request),
    (FailureClass::Account, Failure::Account),
    (FailureClass::CredentialStale, Failure::CredentialStale),
    (FailureClass::FraudBlock, Failure::FraudBlock),
];

/// Scopes that a plugin may name.
const SCOPES: &[(FailureScope, Scope)] = &[
    (FailureScope::Provider, Scope::Provider),
    (FailureScope::Country, Scope::Country),
    (FailureScope::Sender, Scope::Sender),
    (FailureScope::Recipient, Scope::Recipient),
];

/// Statuses that say that nothing was sent. All others leave it open once the request was written.
const STATUSES: &[(Code, Failure, &str)] = &[
    (Code::Unauthenticated, Failure::Account, "unauthenticated"),
    (
        Code::PermissionDenied,
        Failure::Account,
        "permission_denied",
    ),
    (Code::Unimplemented, Failure::Account, "unimplemented"),
    (
        Code::ResourceExhausted,
        Failure::Throttled { delay: None },
        "resource_exhausted",
    ),
    (Code::InvalidArgument, Failure::Request, "invalid_argument"),
];

/// What an answer to this message means.
pub(super) fn read(response: SendResponse, message: &Message) -> Result<Accepted, SendError> {
    match response.result {
        Some(send_response::Result::Accepted(accepted)) => {
            let id = vendor_word::id(&accepted.message_id, message);
            Ok(Accepted {
                message_id: id.map(str::to_owned),
            })
        }
        Some(send_response::Result::Failed(failed)) => {
            let class = FailureClass::try_from(failed.class).ok();
            let class = CLASSES.iter().find(|(named, _)| Some(*named) == class);
            let (failure, word) = class
                .map_or((Failure::Ambiguous, "unknown_class"), |(_, class)| {
                    (*class, class.as_str())
                });
            let code = vendor_word::code(&failed.code, message).unwrap_or(word);
            let scope = FailureScope::try_from(failed.scope).ok();
            let scope = SCOPES.iter().find(|(named, _)| Some(*named) == scope);
            let delay = failed.retry_after.and_then(|delay| delay.try_into().ok());
            let error = SendError::new(with_delay(failure, delay), code);
            Err(error.within(scope.map_or(Scope::Provider, |(_, scope)| *scope)))
        }
        None => Err(SendError::new(Failure::Ambiguous, "no_result")),
    }
}

/// What a status means that came in place of an answer, from the plugin or from the way to it.
pub(super) fn judge(status: &Status, gate: &WriteGate) -> SendError {
    // What has a cause was made here, of a broken connection: the plugin said nothing, and may have sent the message.
    let told = status.source().is_none();
    let mut known = STATUSES.iter().filter(|_| told);
    let known = known.find(|(code, ..)| *code == status.code());
    if let Some((_, failure, word)) = known {
        let delay = status.get_details_retry_info();
        let delay = delay.and_then(|info| info.retry_delay);
        return SendError::new(with_delay(*failure, delay), *word);
    }
    let word = if matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled) {
        "timeout"
    } else if !gate.written() {
        "connect"
    } else if status.code() == Code::Unavailable {
        "unavailable"
    } else {
        "status"
    };
    gate.unanswered(status, word).into()
}

fn with_delay(failure: Failure, delay: Option<Duration>) -> Failure {
    if matches!(failure, Failure::Throttled { .. }) {
        Failure::Throttled { delay }
    } else {
        failure
    }
}
