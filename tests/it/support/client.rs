//! A gRPC client as another service has one.

use std::time::Duration;

use tollgate::{
    clock::Clock,
    error::fault::Fault,
    pb::v1::{
        BlockRequest, Decision, DeletePreferenceRequest, Delivery, DeliveryFilter,
        ExplainRouteRequest, ExplainRouteResponse, GetDeliveryRequest, GetPreferenceRequest,
        GetStandingRequest, GetStandingResponse, ListBlocksRequest, ListBlocksResponse,
        ListDecisionsRequest, ListDeliveriesRequest, ListDeliveriesResponse, ListEntry, Passcode,
        Preference, Recipient, ReportOutcomeRequest, ReportOutcomeResponse, SendOtpRequest,
        SendOtpResponse, SetPreferenceRequest, UnblockRequest,
        guard_service_client::GuardServiceClient, otp_service_client::OtpServiceClient,
        preference_service_client::PreferenceServiceClient,
    },
};
use tonic::{Code, Request, Status, transport::Channel};

use super::plan::TENANT;

/// The client.
#[derive(Clone)]
pub(crate) struct Client {
    service: OtpServiceClient<Channel>,
    preferences: PreferenceServiceClient<Channel>,
    guard: GuardServiceClient<Channel>,
    token: String,
}

impl Client {
    /// A client that shows this token; an empty one is not shown.
    pub(crate) fn new(channel: Channel, token: &str) -> Self {
        Self {
            service: OtpServiceClient::new(channel.clone()),
            preferences: PreferenceServiceClient::new(channel.clone()),
            guard: GuardServiceClient::new(channel),
            token: token.to_owned(),
        }
    }

    pub(crate) async fn send(&self, order: SendOtpRequest) -> Result<SendOtpResponse, Status> {
        let answer = self.service.clone().send_otp(self.request(order)).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Sends with `grpc-timeout`. The client itself waits longer, so that the answer is the gateway's own.
    pub(crate) async fn send_within(
        &self,
        order: SendOtpRequest,
        time: Duration,
    ) -> Result<SendOtpResponse, Status> {
        let mut request = self.request(order);
        let time = format!("{}m", time.as_millis());
        request
            .metadata_mut()
            .insert("grpc-timeout", time.parse().unwrap());
        let answer = self.service.clone().send_otp(request).await;
        answer.map(tonic::Response::into_inner)
    }

    pub(crate) async fn report(
        &self,
        report: ReportOutcomeRequest,
    ) -> Result<ReportOutcomeResponse, Status> {
        let mut service = self.service.clone();
        let answer = service.report_outcome(self.request(report)).await;
        answer.map(tonic::Response::into_inner)
    }

    pub(crate) async fn delivery(&self, tenant: &str, id: &str) -> Result<Delivery, Status> {
        let request = self.request(GetDeliveryRequest {
            tenant: tenant.to_owned(),
            delivery_id: id.to_owned(),
        });
        let answer = self.service.clone().get_delivery(request).await?;
        Ok(answer.into_inner().delivery.unwrap())
    }

    pub(crate) async fn page(
        &self,
        request: ListDeliveriesRequest,
    ) -> Result<ListDeliveriesResponse, Status> {
        let answer = self
            .service
            .clone()
            .list_deliveries(self.request(request))
            .await;
        answer.map(tonic::Response::into_inner)
    }

    /// All deliveries that a filter finds, newest first.
    pub(crate) async fn list(&self, tenant: &str, filter: DeliveryFilter) -> Vec<Delivery> {
        let mut found = Vec::new();
        let mut request = ListDeliveriesRequest {
            tenant: tenant.to_owned(),
            filter: Some(filter),
            page_size: 1000,
            ..ListDeliveriesRequest::default()
        };
        loop {
            let page = self.page(request.clone()).await.unwrap();
            found.extend(page.deliveries);
            if page.next_page_token.is_empty() {
                return found;
            }
            request.page_token = page.next_page_token;
        }
    }

    pub(crate) async fn explain(
        &self,
        order: SendOtpRequest,
    ) -> Result<ExplainRouteResponse, Status> {
        let request = self.request(ExplainRouteRequest {
            request: Some(order),
        });
        let answer = self.service.clone().explain_route(request).await;
        answer.map(tonic::Response::into_inner)
    }

    pub(crate) async fn get_preference(
        &self,
        request: GetPreferenceRequest,
    ) -> Result<Preference, Status> {
        let mut service = self.preferences.clone();
        let answer = service.get_preference(self.request(request)).await?;
        Ok(answer.into_inner().preference.unwrap())
    }

    pub(crate) async fn set_preference(&self, request: SetPreferenceRequest) -> Result<(), Status> {
        let mut service = self.preferences.clone();
        service.set_preference(self.request(request)).await?;
        Ok(())
    }

    /// Whether anything was removed.
    pub(crate) async fn delete_preference(
        &self,
        request: DeletePreferenceRequest,
    ) -> Result<bool, Status> {
        let mut service = self.preferences.clone();
        let answer = service.delete_preference(self.request(request)).await?;
        Ok(answer.into_inner().deleted)
    }

    pub(crate) async fn standing(
        &self,
        request: GetStandingRequest,
    ) -> Result<GetStandingResponse, Status> {
        let mut guard = self.guard.clone();
        let answer = guard.get_standing(self.request(request)).await;
        answer.map(tonic::Response::into_inner)
    }

    pub(crate) async fn block(&self, request: BlockRequest) -> Result<Vec<ListEntry>, Status> {
        let answer = self.guard.clone().block(self.request(request)).await?;
        Ok(answer.into_inner().entries)
    }

    pub(crate) async fn unblock(&self, request: UnblockRequest) -> Result<Vec<ListEntry>, Status> {
        let answer = self.guard.clone().unblock(self.request(request)).await?;
        Ok(answer.into_inner().entries)
    }

    pub(crate) async fn blocks(
        &self,
        request: ListBlocksRequest,
    ) -> Result<ListBlocksResponse, Status> {
        let answer = self.guard.clone().list_blocks(self.request(request)).await;
        answer.map(tonic::Response::into_inner)
    }

    /// A page of decisions, and where the next one begins.
    pub(crate) async fn decisions(
        &self,
        request: ListDecisionsRequest,
    ) -> Result<(Vec<Decision>, String), Status> {
        let mut guard = self.guard.clone();
        let answer = guard.list_decisions(self.request(request)).await?;
        let page = answer.into_inner();
        Ok((page.decisions, page.next_page_token))
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if !self.token.is_empty() {
            let token = format!("Bearer {}", self.token);
            request
                .metadata_mut()
                .insert("authorization", token.parse().unwrap());
        }
        request
    }
}

/// A complete request for a number, with a key of its own.
pub(crate) fn order(phone: &str) -> SendOtpRequest {
    SendOtpRequest {
        tenant: TENANT.to_owned(),
        idempotency_key: format!("{:032x}", Clock::system().random()),
        recipient: Some(Recipient {
            phone_number: phone.to_owned(),
            ..Recipient::default()
        }),
        passcode: Some(Passcode {
            code: "482913".to_owned(),
            valid_for: None,
        }),
        message: "Your code is 482913".to_owned(),
        ..SendOtpRequest::default()
    }
}

/// The fault that a status carries, once it is certain that both say the same.
pub(crate) fn fault(status: &Status, code: Code) -> Fault {
    assert_eq!(status.code(), code, "{status:?}");
    let fault = Fault::from_status(status).unwrap();
    assert_eq!(fault.reason.code(), code);
    assert_eq!(fault.reason.text(), status.message());
    fault
}
