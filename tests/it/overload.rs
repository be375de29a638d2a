//! More hooks than may be under way: some are sent, the others are told so, and every answer is one for Okta.

use futures_util::future::join_all;
use http::header;
use serde_json::json;

use crate::support::{
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    plan::{OTHER_TENANT, TENANT},
    vendor::{Act, Vendor},
};

in_both_modes!(hooks_beyond_the_cap_are_answered_at_once);

async fn hooks_beyond_the_cap_are_answered_at_once(mode: Mode) {
    const CAP: usize = 4;
    const HOOKS: usize = 20;
    let vendor = Vendor::that(Act::Hold).await;
    let plan = TestGateway::plan(mode)
        .await
        .with("providers.held", vendor.settings("2300ms"));
    let plan = plan.with("public.max_in_flight", json!(CAP));
    let gateway = plan.sms_by(&["held"]).start().await;
    let hook = |index: usize| Hook::to(&format!("+1415555{:04}", 2000 + index));
    let crowd = join_all((0..HOOKS).map(|index| {
        let (gateway, hook) = (&gateway, hook(index));
        async move { gateway.hook(&hook).await }
    }));
    let release = async {
        let shed = [("tenant", TENANT)];
        gateway
            .has_counted("otp_okta_hook_shed_total", &shed, 16)
            .await;
        vendor.has_seen(CAP).await;
        // A tenant that was quiet so far still gets its first one in.
        let quiet = hook(HOOKS).of(OTHER_TENANT);
        let quiet = gateway.hook(&quiet);
        let release = async {
            vendor.has_seen(CAP + 1).await;
            // Strangers are told the same as ever, and cost no place.
            let stranger = hook(0).showing(header::AUTHORIZATION, "nobody");
            assert_eq!(gateway.knock(&stranger).await.status, 401);
            vendor.release();
        };
        let (quiet, ()) = tokio::join!(quiet, release);
        assert!(quiet.is_delivered());
    };
    let (answers, ()) = tokio::join!(crowd, release);
    let (sent, shed): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.is_delivered());
    assert_eq!((sent.len(), shed.len()), (CAP, HOOKS - CAP));
    for answer in shed {
        assert_eq!(answer.reason(), "DELIVERY_FAILED");
    }
    assert_eq!(vendor.requests(), CAP + 1);
    // There is room again.
    assert!(gateway.hook(&hook(0)).await.is_delivered());
}
