//! `OtpService`: the contract's methods in front of `dispatch`.

use std::{future, sync::Arc, time::Instant};

use futures_util::future::BoxFuture;
use tonic::{Request, Response, Status};

use crate::{
    dispatch::{self, Dispatcher, explain::Explanation, outcome::ReportError},
    error::{Reason, fault::Fault},
    pb::{
        Handed,
        v1::{self, otp_service_server},
    },
    store::LedgerError,
};

use super::{
    caller::Caller,
    deadline::Time,
    outcome,
    parse::{self, Intention},
    render,
};

/// The service.
#[derive(Clone)]
pub struct OtpService {
    dispatcher: Arc<Dispatcher>,
}

impl OtpService {
    /// The service in front of a dispatcher.
    pub fn new(dispatcher: Arc<Dispatcher>) -> Self {
        Self { dispatcher }
    }

    async fn send(&self, order: Order) -> Result<Response<v1::SendOtpResponse>, Status> {
        match self.dispatcher.send(order.request, order.deadline).await {
            Ok(answer) => Ok(response(render::answer(&answer), order.is_handed)),
            Err(fault) => Err((*fault).clone().into()),
        }
    }

    async fn dry_run(
        &self,
        wire: Box<v1::SendOtpRequest>,
        caller: Arc<Caller>,
        time: Time,
    ) -> Result<Response<v1::SendOtpResponse>, Status> {
        let explanation = self.explain(*wire, &caller, time, "").await?;
        match explanation.reason {
            Some(reason) => Err(Fault::new(reason).into()),
            None => Ok(Response::new(render::dry_run(explanation.steps.first()))),
        }
    }

    async fn explain(
        &self,
        wire: v1::SendOtpRequest,
        caller: &Caller,
        time: Time,
        prefix: &str,
    ) -> Result<Explanation, Fault> {
        let mut request = parse::send(wire, &caller.name, time, Intention::Explain, prefix)?;
        permit(caller, &request.tenant)?;
        let patience = time.deadline.saturating_duration_since(time.arrived);
        let preferences = self.dispatcher.preferences();
        preferences.complete(&mut request, patience).await;
        self.dispatcher.explain(&request)
    }
}

/// What a request to send asks for.
enum Asked {
    Send(Order),
    DryRun(Box<v1::SendOtpRequest>, Arc<Caller>, Time),
}

/// One code to be sent.
struct Order {
    request: Box<dispatch::request::Request>,
    deadline: Instant,
    /// Whether it was handed over within this process; its answer will be, then.
    is_handed: bool,
}

impl Asked {
    fn read(mut request: Request<v1::SendOtpRequest>) -> Result<Self, Status> {
        let (caller, time) = context(&request)?;
        let handed = Handed::take(request.extensions_mut());
        let is_handed = handed.is_some();
        let wire = handed.unwrap_or_else(|| Box::new(request.into_inner()));
        if wire.dry_run {
            return Ok(Self::DryRun(wire, caller, time));
        }
        let request = parse::send(*wire, &caller.name, time, Intention::Send, "")?;
        permit(&caller, &request.tenant)?;
        Ok(Self::Send(Order {
            request,
            deadline: time.deadline,
            is_handed,
        }))
    }
}

#[tonic::async_trait]
impl otp_service_server::OtpService for OtpService {
    // Written out, so that the wire's request is read at once: an async function would keep it, twice, until the end.
    fn send_otp<'service, 'call>(
        &'service self,
        request: Request<v1::SendOtpRequest>,
    ) -> BoxFuture<'call, Result<Response<v1::SendOtpResponse>, Status>>
    where
        'service: 'call,
        Self: 'call,
    {
        match Asked::read(request) {
            Ok(Asked::Send(order)) => Box::pin(self.send(order)),
            Ok(Asked::DryRun(wire, caller, time)) => Box::pin(self.dry_run(wire, caller, time)),
            Err(status) => Box::pin(future::ready(Err(status))),
        }
    }

    async fn get_delivery(
        &self,
        request: Request<v1::GetDeliveryRequest>,
    ) -> Result<Response<v1::GetDeliveryResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        permit(&caller, &wire.tenant)?;
        let id = parse::delivery_id(&wire.delivery_id)?;
        let found = self.dispatcher.ledger().delivery(&wire.tenant, id).await;
        let record = found.map_err(|problem| ledger_away(&problem))?;
        let record = record.ok_or(Reason::NotFound).map_err(Fault::new)?;
        Ok(Response::new(v1::GetDeliveryResponse {
            delivery: Some(render::delivery(&record)),
        }))
    }

    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Result<Response<v1::ListDeliveriesResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        permit(&caller, &wire.tenant)?;
        let filter = parse::filter(wire, self.dispatcher.keys())?;
        let page = self.dispatcher.ledger().deliveries(filter).await;
        let page = page.map_err(|problem| ledger_away(&problem))?;
        Ok(Response::new(v1::ListDeliveriesResponse {
            deliveries: page.deliveries.iter().map(render::delivery).collect(),
            next_page_token: page.next.map(|id| id.to_string()).unwrap_or_default(),
        }))
    }

    async fn report_outcome(
        &self,
        request: Request<v1::ReportOutcomeRequest>,
    ) -> Result<Response<v1::ReportOutcomeResponse>, Status> {
        let (caller, _) = context(&request)?;
        let wire = request.into_inner();
        permit(&caller, &wire.tenant)?;
        let policy = self.dispatcher.policy();
        let report = outcome::report(wire, &caller.name, |name| policy.tenants.contains_key(name))?;
        match self.dispatcher.report_outcome(&report).await {
            Ok(joined) => Ok(Response::new(outcome::answer(joined))),
            Err(ReportError::NotFound) => Err(Fault::new(Reason::NotFound).into()),
            Err(ReportError::KeyReused) => Err(Fault::new(Reason::IdempotencyMismatch).into()),
            Err(ReportError::Ledger(problem)) => Err(ledger_away(&problem)),
        }
    }

    async fn explain_route(
        &self,
        request: Request<v1::ExplainRouteRequest>,
    ) -> Result<Response<v1::ExplainRouteResponse>, Status> {
        let (caller, time) = context(&request)?;
        let wire = request.into_inner().request.unwrap_or_default();
        let explanation = self.explain(wire, &caller, time, "request.").await?;
        Ok(Response::new(render::explanation(explanation)))
    }
}

/// An answer, handed over to whoever handed the request over.
fn response(answer: v1::SendOtpResponse, is_handed: bool) -> Response<v1::SendOtpResponse> {
    if !is_handed {
        return Response::new(answer);
    }
    let mut empty = Response::new(v1::SendOtpResponse::default());
    Handed::put(Box::new(answer), empty.extensions_mut());
    empty
}

/// Who calls, and how long they wait: put there by the layers before.
pub(super) fn context<T>(request: &Request<T>) -> Result<(Arc<Caller>, Time), Status> {
    let extensions = request.extensions();
    match (extensions.get::<Arc<Caller>>(), extensions.get::<Time>()) {
        (Some(caller), Some(time)) => Ok((caller.clone(), *time)),
        (_, _) => Err(Fault::new(Reason::Internal).into()),
    }
}

/// A tenant that the caller may not use is refused before anything is said of it.
pub(super) fn permit(caller: &Caller, tenant: &str) -> Result<(), Fault> {
    if tenant.is_empty() || caller.may_use(tenant) {
        Ok(())
    } else {
        Err(Reason::NotAllowed.into())
    }
}

pub(super) fn ledger_away(problem: &LedgerError) -> Status {
    tracing::error!(error = %problem, "the ledger could not be read");
    Fault::new(Reason::LedgerUnavailable).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    /// A request with this on the wire, and that beside it.
    fn request(
        wire: v1::SendOtpRequest,
        handed: Option<v1::SendOtpRequest>,
    ) -> Request<v1::SendOtpRequest> {
        let now = Clock::system().now();
        let mut request = Request::new(wire);
        request.extensions_mut().insert(Arc::new(Caller::adapter()));
        request.extensions_mut().insert(Time {
            arrived: now,
            deadline: now,
        });
        if let Some(message) = handed {
            Handed::put(Box::new(message), request.extensions_mut());
        }
        request
    }

    #[test]
    fn what_is_handed_over_stands_for_what_is_on_the_wire() {
        let message = v1::SendOtpRequest {
            tenant: "acme".to_owned(),
            idempotency_key: "k".to_owned(),
            recipient: Some(v1::Recipient {
                phone_number: "+447911123456".to_owned(),
                ..Default::default()
            }),
            passcode: Some(v1::Passcode {
                code: "482913".to_owned(),
                valid_for: None,
            }),
            ..Default::default()
        };
        let none = v1::SendOtpRequest::default();
        for (request, here) in [
            (request(none.clone(), Some(message.clone())), true),
            (request(message, None), false),
        ] {
            let Ok(Asked::Send(order)) = Asked::read(request) else {
                panic!("it is a request to send");
            };
            assert_eq!((&*order.request.tenant, order.is_handed), ("acme", here));
        }
        assert!(Asked::read(request(none, None)).is_err());
    }

    #[test]
    fn who_hands_a_request_over_is_handed_the_answer() {
        let answer = v1::SendOtpResponse {
            delivery_id: "dlv_1".to_owned(),
            ..Default::default()
        };
        for is_handed in [true, false] {
            let mut response = response(answer.clone(), is_handed);
            let handed = Handed::take(response.extensions_mut());
            let (handed, written) = (handed.map(|handed| *handed), response.into_inner());
            let expect = if is_handed {
                (Some(answer.clone()), v1::SendOtpResponse::default())
            } else {
                (None, answer.clone())
            };
            assert_eq!((handed, written), expect);
        }
    }
}
