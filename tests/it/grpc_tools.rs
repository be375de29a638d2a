//! What tools ask a gRPC door: which services there are, and whether they take work.

use std::collections::BTreeSet;

use serde_json::json;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{
    gateway::TestGateway,
    mode::{Mode, in_both_modes},
    patience::until,
};

in_both_modes!(
    reflection_lists_and_describes_the_services,
    reflection_can_be_switched_off,
    health_says_whether_work_is_taken,
);

const SERVICE: &str = "tollgate.v1.OtpService";

async fn reflection_lists_and_describes_the_services(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.start().await;
    let listed = ask(&gateway, MessageRequest::ListServices(String::new())).await;
    let Ok(MessageResponse::ListServicesResponse(listed)) = listed else {
        panic!("{listed:?}");
    };
    let names: BTreeSet<_> = listed
        .service
        .iter()
        .map(|service| &*service.name)
        .collect();
    assert!(
        names.contains(SERVICE) && names.contains("grpc.health.v1.Health"),
        "{names:?}"
    );
    let file = MessageRequest::FileContainingSymbol(format!("{SERVICE}.SendOtp"));
    let file = ask(&gateway, file).await;
    let Ok(MessageResponse::FileDescriptorResponse(file)) = file else {
        panic!("{file:?}");
    };
    let described = String::from_utf8_lossy(&file.file_descriptor_proto[0]).into_owned();
    for name in [
        "SendOtp",
        "GetDelivery",
        "ListDeliveries",
        "ReportOutcome",
        "ExplainRoute",
    ] {
        assert!(described.contains(name), "{name}");
    }
}

async fn reflection_can_be_switched_off(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let gateway = plan.with("grpc.reflection", json!(false)).start().await;
    let answer = ask(&gateway, MessageRequest::ListServices(String::new())).await;
    assert_eq!(answer.unwrap_err(), Code::Unimplemented);
}

async fn health_says_whether_work_is_taken(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    // Long enough for a question between the turn and the end.
    let gateway = plan
        .with("drain.propagation_delay", json!("800ms"))
        .start()
        .await;
    let address = gateway.sender().addresses.grpc.unwrap();
    let client = HealthClient::new(gateway.plan.channel(address).await);
    let check = async |service: &str| {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = client.clone().check(request).await;
        answer
            .map(|answer| answer.into_inner().status())
            .map_err(|status| status.code())
    };
    let serving = async || (check("").await == Ok(ServingStatus::Serving)).then_some(());
    until("serving", serving).await;
    assert_eq!(check(SERVICE).await, Ok(ServingStatus::Serving));
    assert_eq!(check("tollgate.v1.Nothing").await, Err(Code::NotFound));
    gateway.sender().begin_to_stop();
    for service in ["", SERVICE] {
        let turned = async || (check(service).await == Ok(ServingStatus::NotServing)).then_some(());
        until("not serving", turned).await;
    }
    gateway.stop().await;
}

/// Asks the reflection service one question.
async fn ask(gateway: &TestGateway, question: MessageRequest) -> Result<MessageResponse, Code> {
    let address = gateway.sender().addresses.grpc.unwrap();
    let mut client = ServerReflectionClient::new(gateway.plan.channel(address).await);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(question),
    };
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await;
    let mut answers = answers.map_err(|status| status.code())?.into_inner();
    let answer = answers
        .next()
        .await
        .unwrap()
        .map_err(|status| status.code())?;
    Ok(answer.message_response.unwrap())
}
