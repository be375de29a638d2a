//! One question to the gateway, and what its answer, its silence or its absence means for the code.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::time;
use tonic::{Code, Request, Status};

use super::ending::Ending;
use crate::{
    adapters::Gateway,
    clock::Clock,
    error::{Reason, fault::Fault},
    outbound::WriteGate,
    pb::v1::SendOtpRequest,
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
    let mut gateway = gateway.clone();
    // In a box, as it is large and would be moved with everything around it.
    let call = Box::pin(gateway.send_otp(within(left, &gate, request)));
    // In one process the gateway runs inside this call: a bug there must not take the answer away.
    let call = AssertUnwindSafe(call).catch_unwind();
    match time::timeout_at(deadline.into(), call).await {
        Ok(Ok(Ok(response))) => Ending::Taken(Box::new(response.into_inner())),
        Ok(Ok(Err(status))) => judge(&status, &gate),
        Ok(Err(_panic)) => unless_written(&gate, Reason::Internal),
        Err(_elapsed) => unless_written(&gate, Reason::DeadlineExceeded),
    }
}

/// The call's request: it says how much time is left, and carries the gate. Out of its box here, so that neither is kept
/// while the gateway works.
fn within(
    left: Duration,
    gate: &WriteGate,
    request: Box<SendOtpRequest>,
) -> Request<SendOtpRequest> {
    let mut request = Request::new(*request);
    request.set_timeout(left);
    request.extensions_mut().insert(gate.clone());
    request
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
