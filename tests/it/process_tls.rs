//! TLS on both doors, with certificates that change while the gateway runs.

use tollgate::{
    clock::Clock,
    sandbox::twilio::{Settings, Twilio},
};

use crate::support::{
    authority::{Authority, with_tls},
    caller::{caller, request},
    line::{Line, hook},
    patience::until,
    process::{GRPC_TOKEN, Place},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_without_a_restart() {
    let desk = Twilio::start(Settings::default(), Clock::system()).await;
    let desk = desk.unwrap();
    let place = Place::new();
    place.configure(&desk.url());
    let (old, new) = (Authority::new(), Authority::new());
    old.sign(&place);
    let serve = with_tls(with_tls(place.serve(), "PUBLIC"), "GRPC");
    let mut gateway = serve.ready().await;
    let (public, grpc) = (gateway.public(), gateway.grpc());

    let mut line = Line::open_tls(public, old.pem()).await.unwrap();
    let sent = line.hook(&hook("one", "+14155550101", "482913")).await;
    assert!(sent.unwrap().is_successful());
    let mut service = caller(grpc, GRPC_TOKEN, Some(old.pem()));
    let sent = service.send_otp(request("two", "+14155550102", "482913"));
    sent.await.unwrap();
    assert!(
        Line::open(public)
            .await
            .unwrap()
            .get("/healthz")
            .await
            .is_err()
    );
    assert!(Line::open_tls(public, new.pem()).await.is_err());

    // Half of a new pair: while it is being replaced nobody is turned away.
    place.write("door.key", "this is no key");
    gateway
        .running
        .logged(&["the last one stays", "no PEM private key"])
        .await;
    Line::open_tls(public, old.pem()).await.unwrap();

    new.sign(&place);
    until("the new certificate", async || {
        Line::open_tls(public, new.pem()).await.ok()
    })
    .await;
    assert!(Line::open_tls(public, old.pem()).await.is_err());
    let mut service = caller(grpc, GRPC_TOKEN, Some(new.pem()));
    until("the new certificate of the other door", async || {
        let sent = service.send_otp(request("three", "+14155550103", "482913"));
        sent.await.ok()
    })
    .await;
    // A connection that is open goes on.
    let sent = line.hook(&hook("four", "+14155550104", "482913")).await;
    assert!(sent.unwrap().is_successful());
    assert_eq!(gateway.running.stop().await.code(), Some(0));
}
