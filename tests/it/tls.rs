//! TLS on every door that can have it, with an authority of one's own, and certificates that change.

use http::{Method, header};
use serde_json::json;
use tollgate::{pb::v1::DeliveryState, sandbox::judge::Verdict};

use crate::support::{
    certificates::Certificates,
    client::order,
    gateway::TestGateway,
    hook::Hook,
    http::Http,
    mode::{Mode, in_both_modes},
    patience::until,
    plan::{HOOK_SECRET, OPERATOR},
};

in_both_modes!(
    a_code_goes_through_encrypted_doors,
    a_changed_certificate_is_taken_up
);

const PHONE: &str = "+819012345678";
const NEW_SECRET: &str = "another-secret-0123456789";

async fn a_code_goes_through_encrypted_doors(mode: Mode) {
    let gateway = TestGateway::plan(mode).await.with_tls().start().await;
    assert!(gateway.hook(&Hook::to(PHONE)).await.is_delivered());
    assert_eq!(gateway.twilio().inbox().to(PHONE).len(), 1);
    gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
    let client = gateway.client(OPERATOR).await;
    client.send(order("+14155552671")).await.unwrap();
    // Whoever does not know the authority, or does not speak TLS, gets nowhere.
    let door = gateway.front.addresses.public.unwrap();
    assert!(
        Http::new()
            .get(&format!("https://{door}/healthz"))
            .await
            .is_err()
    );
    assert!(
        gateway
            .http
            .get(&format!("http://{door}/healthz"))
            .await
            .is_err()
    );
    let healthy = gateway
        .http
        .get(&format!("https://{door}/healthz"))
        .await
        .unwrap();
    assert_eq!((healthy.status, healthy.text()), (200, "ok\n"));
    gateway.stop().await;
}

async fn a_changed_certificate_is_taken_up(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let folder = plan.world().path("public");
    let first = Certificates::issue(&folder);
    let secret = plan.world().path("hook-secret");
    std::fs::write(&secret, HOOK_SECRET).unwrap();
    let plan = plan.with("public.tls", first.door).with(
        "tenants.acme.okta.auth.secrets",
        json!([{ "file": secret }]),
    );
    let gateway = plan.start().await;
    let door = gateway.front.addresses.public.unwrap();
    let trusts = async |authority: &str| {
        let answer = Http::trusting(authority)
            .get(&format!("https://{door}/healthz"))
            .await;
        answer.is_ok()
    };
    assert!(trusts(&first.authority).await);
    let second = Certificates::issue(&folder);
    until("the new certificate", async || {
        trusts(&second.authority).await.then_some(())
    })
    .await;
    assert!(!trusts(&first.authority).await);
    // A file that is no certificate changes nothing. That it was looked at shows by the secret, which is read with it.
    std::fs::write(folder.join("server.crt"), "no certificate").unwrap();
    std::fs::write(&secret, NEW_SECRET).unwrap();
    let hook = Hook::to(PHONE).showing(header::AUTHORIZATION, NEW_SECRET);
    let url = gateway.hook_url(&hook.tenant);
    until("the new secret", async || {
        let http = Http::trusting(&second.authority);
        let url = url.replace("http://", "https://");
        let call = http.call(Method::POST, &url, hook.headers.clone(), hook.bytes());
        (call.await.unwrap().status == 200).then_some(())
    })
    .await;
    assert!(trusts(&second.authority).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_of_an_unknown_authority_is_not_spoken_to() {
    let gateway = TestGateway::plan(Mode::Split)
        .await
        .with_tls()
        .start()
        .await;
    let port = gateway.sender().addresses.grpc.unwrap().port();
    let other = Certificates::issue(&gateway.world().path("other"));
    let plan = gateway.plan.clone().with("gateway.ca", other.ca);
    let mut adapter = TestGateway::adapter(plan, port).await;
    adapter.http = gateway.http.clone();
    let answer = adapter.hook(&Hook::to(PHONE)).await;
    assert!(matches!(answer.verdict, Verdict::Error { .. }));
    assert_eq!(answer.reason(), "DELIVERY_FAILED");
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
    // The public authorities do not vouch for it either.
    let plan = gateway.plan.clone().with("gateway.ca", json!(null));
    let mut adapter = TestGateway::adapter(plan, port).await;
    adapter.http = gateway.http.clone();
    assert_eq!(
        adapter.hook(&Hook::to(PHONE)).await.reason(),
        "DELIVERY_FAILED"
    );
}
