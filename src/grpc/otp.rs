//! `OtpService`: the contract's methods in front of `dispatch`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::{
    dispatch::{Dispatcher, explain::Explanation, outcome::ReportError},
    error::{Reason, fault::Fault},
    pb::v1::{self, otp_service_server},
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

#[tonic::async_trait]
impl otp_service_server::OtpService for OtpService {
    async fn send_otp(
        &self,
        request: Request<v1::SendOtpRequest>,
    ) -> Result<Response<v1::SendOtpResponse>, Status> {
        let (caller, time) = context(&request)?;
        let wire = request.into_inner();
        if wire.dry_run {
            let explanation = Box::pin(self.explain(wire, &caller, time, "")).await?;
            return match explanation.reason {
                Some(reason) => Err(Fault::new(reason).into()),
                None => Ok(Response::new(render::dry_run(explanation.steps.first()))),
            };
        }
        let request = parse::send(wire, &caller.name, time, Intention::Send, "")?;
        permit(&caller, &request.tenant)?;
        match self.dispatcher.send(request, time.deadline).await {
            Ok(answer) => Ok(Response::new(render::answer(&answer))),
            Err(fault) => Err((*fault).clone().into()),
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
