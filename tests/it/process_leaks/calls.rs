//! gRPC calls, good ones and every kind of bad one.

use std::{fmt::Debug, net::SocketAddr, time::Duration};

use tollgate::pb::v1::{
    DeliveryFilter, ExplainRouteRequest, GetDeliveryRequest, ListDeliveriesRequest, Recipient,
    SendOtpRequest,
};
use tonic::{Code, Request, Response, Status};

use super::{
    World,
    people::{People, Person},
};
use crate::support::{
    caller::{caller, request},
    echo::ENDS,
    process::GRPC_TOKEN,
};

/// Makes all of them.
pub(super) async fn play(world: &World, people: &mut People, door: SocketAddr) {
    let authority = Some(world.authority.pem());
    let mut service = caller(door, GRPC_TOKEN, authority);
    for digits in ["0100"].into_iter().chain(ENDS.map(|(digits, _)| digits)) {
        let person = people.person(digits);
        people.must_arrive(&person);
        hear(people, service.send_otp(whole(&person)).await);
    }
    for wrong in wrong_requests(people) {
        let refused = service.send_otp(wrong).await;
        assert!(refused.is_err(), "{refused:?}");
        hear(people, refused);
    }
    // One key for two codes, and one phone for too many.
    let first = people.person("0113");
    hear(people, service.send_otp(whole(&first)).await);
    let mut other = whole(&people.person("0114"));
    other.idempotency_key.clone_from(&first.event);
    hear(people, service.send_otp(other).await);
    for _ in 0..8 {
        let again = people.with_phone(&first.phone);
        hear(people, service.send_otp(whole(&again)).await);
    }
    let late = people.person("0204");
    let mut impatient = Request::new(whole(&late));
    impatient.set_timeout(Duration::from_millis(700));
    hear(people, service.send_otp(impatient).await);

    let person = people.person("0111");
    let explain = ExplainRouteRequest {
        request: Some(whole(&person)),
    };
    hear(people, service.explain_route(explain).await);
    for id in [&person.phone, &person.code, &person.user] {
        let get = GetDeliveryRequest {
            tenant: "acme".to_owned(),
            delivery_id: id.clone(),
        };
        hear(people, service.get_delivery(get).await);
        let list = ListDeliveriesRequest {
            tenant: "acme".to_owned(),
            page_token: id.clone(),
            ..ListDeliveriesRequest::default()
        };
        hear(people, service.list_deliveries(list).await);
    }
    let filters = [
        DeliveryFilter::default(),
        DeliveryFilter {
            phone_number: person.phone.clone(),
            user_id: person.user.clone(),
            ..DeliveryFilter::default()
        },
        DeliveryFilter {
            phone_number: format!("tel:{}", person.phone),
            ..DeliveryFilter::default()
        },
    ];
    for filter in filters {
        let list = ListDeliveriesRequest {
            tenant: "acme".to_owned(),
            filter: Some(filter),
            page_size: 1000,
            ..ListDeliveriesRequest::default()
        };
        hear(people, service.list_deliveries(list).await);
    }
    let wrong = "a-wrong-token-of-nobody-at-all";
    people.secrets.text(wrong);
    let mut stranger = caller(door, wrong, authority);
    let refused = stranger.send_otp(whole(&person)).await;
    let code = refused.as_ref().map_err(Status::code).err();
    assert_eq!(code, Some(Code::Unauthenticated));
    hear(people, refused);
}

/// A request with everything that may be said of a person.
fn whole(person: &Person) -> SendOtpRequest {
    let mut whole = request(&person.event, &person.phone, &person.code);
    whole.reference.clone_from(&person.reference);
    whole.client_ip.clone_from(&person.ip);
    whole.recipient = Some(Recipient {
        phone_number: person.phone.clone(),
        user_id: person.user.clone(),
        line_user_id: person.line.clone(),
    });
    whole.attributes.extend([
        ("firstName".to_owned(), person.names[0].clone()),
        ("login".to_owned(), person.login.clone()),
    ]);
    whole
}

/// Requests that are wrong by one thing, and one that is wrong by all.
fn wrong_requests(people: &mut People) -> Vec<SendOtpRequest> {
    let mut requests = Vec::new();
    let mut wrong = |people: &mut People, change: &dyn Fn(&mut SendOtpRequest, &Person)| {
        let person = people.person("0112");
        let mut request = whole(&person);
        change(&mut request, &person);
        requests.push(request);
    };
    let phone = |request: &mut SendOtpRequest, text: String| {
        request.recipient.get_or_insert_default().phone_number = text;
    };
    wrong(people, &|request, person| {
        phone(request, format!("tel:{}", person.phone));
    });
    wrong(people, &|request, person| {
        phone(request, person.phone[1..].to_owned());
    });
    wrong(people, &|request, _| {
        phone(request, "+447911123456".to_owned());
    });
    wrong(people, &|request, person| {
        request.client_ip = format!("ip {}", person.ip);
    });
    wrong(people, &|request, person| {
        request.passcode.get_or_insert_default().code = format!("{} !", person.code);
    });
    wrong(people, &|request, person| {
        request.locale = person.login.repeat(9);
    });
    wrong(people, &|request, person| {
        request.message = person.code.repeat(200);
    });
    wrong(people, &|request, person| {
        request.recipient.get_or_insert_default().line_user_id = person.line.repeat(9);
    });
    wrong(people, &|request, _| {
        request.tenant = String::from("nobody");
    });
    wrong(people, &|request, _| {
        request.idempotency_key = String::new();
    });
    wrong(people, &|request, person| {
        let names = &person.names;
        let long = names[0].repeat(200);
        request.attributes.insert(long.clone(), long);
        request.recipient.get_or_insert_default().user_id = person.user.repeat(90);
        request.idempotency_key = person.event.repeat(90);
        request.client_ip.clone_from(&person.phone);
        phone(request, person.code.clone());
    });
    requests
}

/// Keeps whatever a call came to, with every detail of a refusal.
fn hear<T: Debug>(people: &mut People, answer: Result<Response<T>, Status>) {
    match answer {
        Ok(answer) => people.hear(&format!("{answer:?}")),
        Err(status) => {
            let details = String::from_utf8_lossy(status.details());
            people.hear(&format!("{status:?} {} {details}", status.message()));
        }
    }
}
