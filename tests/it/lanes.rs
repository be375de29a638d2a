//! Okta's connections are spread over the lanes, and each lane calls providers over connections of its own.

use http::Method;

use crate::support::{
    gateway::TestGateway,
    hook::{Answer, Hook},
    http::Http,
    mode::Mode,
    vendor::{Act, Vendor},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_connections_of_okta_are_two_at_the_provider() {
    let vendor = Vendor::that(Act::Accept).await;
    let plan = TestGateway::plan(Mode::AllInOne).await;
    let plan = plan.with("providers.counting", vendor.settings("2s"));
    let gateway = plan.sms_by(&["counting"]).start().await;
    // Each of them keeps its connection, and no two hooks are under way at once: one connection would do for all.
    let okta = [Http::new(), Http::new()];
    for round in 0..3 {
        for (which, http) in okta.iter().enumerate() {
            let hook = Hook::to(&format!("+1415555{:04}", 2000 + 10 * round + which));
            let url = gateway.hook_url(&hook.tenant);
            let (headers, body) = (hook.headers.clone(), hook.bytes());
            let reply = http.call(Method::POST, &url, headers, body).await.unwrap();
            assert!(Answer::judged(reply, &hook).is_delivered());
        }
    }
    assert_eq!((vendor.requests(), vendor.connections()), (6, 2));
}
