//! How much Okta is asked, and when it is not asked at all.

use std::time::Duration;

use serde_json::json;

use super::{
    Desk, NOW_MS,
    org::{Act, Org},
    wants_whatsapp,
};

const IN_30_SECONDS: u64 = NOW_MS / 1000 + 30;

#[tokio::test]
async fn after_a_refusal_nobody_asks_until_the_reset() {
    let refusal = Act::json(429, &json!({ "errorCode": "E0000047" }));
    let org = Org::start([refusal
        .with("x-rate-limit-limit", &600)
        .with("x-rate-limit-remaining", &0)
        .with("x-rate-limit-reset", &IN_30_SECONDS)])
    .await;
    let desk = Desk::open(&org, &json!({}));
    for user in ["00u1", "00u1", "00u2"] {
        assert!(desk.find(user).await.is_none());
    }
    assert_eq!(desk.counted(), ["limited"; 3]);
    org.expect(Act::user("00u2", &wants_whatsapp()));
    // Okta's own clock counts, which stands today in its `Date`: only that it is no longer than two minutes is certain.
    desk.time.advance(Duration::from_mins(2));
    assert!(desk.find("00u2").await.is_some());
    desk.close().await;
}

#[tokio::test]
async fn the_last_question_of_a_window_is_not_overstepped() {
    let last = Act::user("00u1", &wants_whatsapp())
        .with("x-rate-limit-remaining", &0)
        .with("x-rate-limit-reset", &IN_30_SECONDS);
    let org = Org::start([last]).await;
    let desk = Desk::open(&org, &json!({}));
    assert!(desk.find("00u1").await.is_some());
    assert!(desk.find("00u2").await.is_none());
    assert_eq!(desk.counted(), ["found", "limited"]);
    desk.close().await;
}

#[tokio::test]
async fn only_so_many_questions_are_under_way() {
    let org = Org::start([Act::user("00u1", &wants_whatsapp()).held()]).await;
    let desk = Desk::open(&org, &json!({ "max_in_flight": 1, "within": "20ms" }));
    assert!(desk.find("00u1").await.is_none());
    assert!(desk.find("00u2").await.is_none());
    assert_eq!(desk.counted(), ["late", "crowded"]);
    org.release();
    org.expect(Act::user("00u2", &wants_whatsapp()));
    desk.find_at_last("00u2").await;
    assert!(desk.find("00u1").await.is_some());
    desk.close().await;
}
