//! One question to the gateway, and what its answer, its silence or its absence means for the code.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::time;
use tonic::{Code, Request, Response, Status};

use super::ending::Ending;
use crate::{
    adapters::Gateway,
    clock::Clock,
    error::{Reason, fault::Fault},
    outbound::WriteGate,
    pb::{
        Handed,
        v1::{SendOtpRequest, SendOtpResponse},
    },
};

/// Asks the gateway to send, and returns by `deadline` whatever happens there.
pub async fn send(
    gateway: &Gateway,
    request: Box<SendOtpRequest>,
    deadline: Instant,
    clock: &Clock,
) -> Ending {
    let left = deadline.saturating_duration_since(clock.now());
    if left.is_zero() {
        return Reason::DeadlineExceeded.into();
    }
    let gate = WriteGate::default();
    let mut client = gateway.client.clone();
    // In a box, as it is large and would be moved with everything around it.
    let call = Box::pin(client.send_otp(asking(gateway.is_here, left, &gate, request)));
    // In one process the gateway runs inside this call: a bug there must not take the answer away.
    let call = AssertUnwindSafe(call).catch_unwind();
    match time::timeout_at(deadline.into(), call).await {
        Ok(Ok(Ok(response))) => taken(response),
        Ok(Ok(Err(status))) => judge(&status, &gate),
        Ok(Err(_panic)) => unless_written(&gate, Reason::Internal),
        Err(_elapsed) => unless_written(&gate, Reason::DeadlineExceeded),
    }
}

/// The call's request: it says how much time is left, and carries the gate. What is to be written is taken out of its box
/// here, so that the box is not kept while the gateway works.
fn asking(
    is_here: bool,
    left: Duration,
    gate: &WriteGate,
    message: Box<SendOtpRequest>,
) -> Request<SendOtpRequest> {
    let mut request = if is_here {
        let mut empty = Request::new(SendOtpRequest::default());
        Handed::put(message, empty.extensions_mut());
        empty
    } else {
        Request::new(*message)
    };
    request.set_timeout(left);
    request.extensions_mut().insert(gate.clone());
    request
}

/// What the gateway answered, handed over or read.
fn taken(mut response: Response<SendOtpResponse>) -> Ending {
    let handed = Handed::take(response.extensions_mut());
    Ending::Taken(handed.unwrap_or_else(|| Box::new(response.into_inner())))
}

/// A status of the gateway's own says what it means. One without our details comes from what lies between, or from a
/// gateway that does not know us.
fn judge(status: &Status, gate: &WriteGate) -> Ending {
    if let Some(fault) = Fault::from_status(status) {
        return Ending::Fault(fault);
    }
    let code = status.code();
    if code == Code::Unauthenticated {
        Reason::Unauthenticated.into()
    } else if matches!(code, Code::PermissionDenied | Code::Unimplemented) {
        Reason::NotAllowed.into()
    } else {
        unless_written(gate, Reason::GatewayUnreachable)
    }
}

/// This reason, which says that nothing was sent; unless the request had been written, for then nobody knows.
fn unless_written(gate: &WriteGate, reason: Reason) -> Ending {
    if gate.shut() {
        reason.into()
    } else {
        Reason::GatewayLost.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_one_process_the_message_is_handed_over_and_not_written() {
        let message = SendOtpRequest {
            tenant: "acme".to_owned(),
            ..Default::default()
        };
        for is_here in [true, false] {
            let gate = WriteGate::default();
            let asked = Box::new(message.clone());
            let mut request = asking(is_here, Duration::from_secs(2), &gate, asked);
            assert!(request.extensions().get::<WriteGate>().is_some());
            let timeout = request.metadata().get("grpc-timeout");
            assert_eq!(timeout.unwrap(), "2000000u");
            let handed = Handed::<SendOtpRequest>::take(request.extensions_mut());
            let (written, none) = (request.into_inner(), SendOtpRequest::default());
            if is_here {
                assert!(handed.is_some_and(|handed| *handed == message) && written == none);
            } else {
                assert!(handed.is_none() && written == message);
            }
        }
    }

    #[test]
    fn an_answer_is_handed_over_or_read() {
        let answer = SendOtpResponse {
            delivery_id: "dlv_1".to_owned(),
            ..Default::default()
        };
        let mut handed = Response::new(SendOtpResponse::default());
        Handed::put(Box::new(answer.clone()), handed.extensions_mut());
        for response in [handed, Response::new(answer)] {
            let ending = taken(response);
            assert!(matches!(ending, Ending::Taken(answer) if answer.delivery_id == "dlv_1"));
        }
    }
}
