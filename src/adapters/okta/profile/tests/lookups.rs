//! When Okta is asked, and what a hook gets that does not wait.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use serde_json::json;

use super::{
    API_TOKEN, Desk, KEEP, by_token, channels,
    org::{Act, Org},
    settings, wants_whatsapp,
};
use crate::pb::v1::Channel;

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_profile_is_asked_for_once_and_kept() {
    let org = Org::start([Act::user("00u1", &wants_whatsapp())]).await;
    let desk = Desk::open(&org, &json!({}));
    for _ in 0..3 {
        let found = desk.find("00u1").await.expect("a profile");
        assert_eq!(channels(&found), [Channel::Whatsapp, Channel::Sms]);
    }
    assert_eq!(desk.counted(), ["found", "kept", "kept"]);
    let asked = &org.asked()[0];
    assert_eq!(asked.line, "GET /api/v1/users/00u1");
    assert_eq!(asked.header("authorization"), format!("SSWS {API_TOKEN}"));
    assert!(
        asked
            .header("content-type")
            .contains("okta-response=\"omitCredentials")
    );
    org.expect(Act::user("00u1", &json!({ "whatsappOptIn": false })));
    desk.time.advance(KEEP);
    let found = desk.find("00u1").await.expect("a profile");
    assert_eq!(channels(&found), [Channel::Sms]);
    desk.close().await;
}

#[tokio::test]
async fn other_bounds_hold_at_once_and_throw_nothing_away() {
    let org = Org::start([Act::user("00u1", &wants_whatsapp())]).await;
    let desk = Desk::open(&org, &json!({ "within": "30s" }));
    assert!(desk.find("00u1").await.is_some());
    let longer = json!({ "within": "40s", "keep": "2h", "keep_missing": "1s", "max_in_flight": 1 });
    assert!(desk.adopt(&org, &longer));
    desk.time.advance(KEEP);
    assert!(desk.find("00u1").await.is_some());
    assert_eq!(desk.counted(), ["found", "kept"]);
    // Somebody waits, and is the only one who may.
    org.expect(Act::user("00u2", &wants_whatsapp()).held());
    let waiting = desk.find("00u2");
    let reload = async {
        assert!(desk.find("00u3").await.is_none());
        assert!(desk.adopt(&org, &json!({ "within": "30s", "keep": "1s" })));
        org.release();
    };
    let (found, ()) = tokio::join!(waiting, reload);
    assert!(found.is_some());
    assert_eq!(desk.counted(), ["crowded", "found"]);
    org.expect(Act::user("00u1", &wants_whatsapp()));
    assert!(desk.find("00u1").await.is_some());
    assert_eq!(
        desk.counted(),
        ["found"],
        "it was kept for longer than it may be now"
    );
    for other in [
        json!({ "org_url": "https://globex.okta.com" }),
        json!({ "auth": { "api_token": { "env": "OTHER" } } }),
        json!({ "attributes": { "locale": "locale" } }),
    ] {
        let variables = HashMap::from([("OTHER", "00-another".to_owned())]);
        let other = settings(&org, &by_token(), &other, variables);
        assert!(!desk.profiles.adopt(&other));
    }
    desk.close().await;
}

#[tokio::test]
async fn who_asks_at_once_waits_for_one_answer() {
    let org = Org::start([Act::user("00u1", &wants_whatsapp()).held()]).await;
    let desk = Desk::open(&org, &json!({}));
    let all = join_all((0..20).map(|_| desk.find("00u1")));
    // The questions are all there before the answer goes out.
    let release = async { org.release() };
    let (found, ()) = tokio::join!(all, release);
    assert!(found.iter().all(Option::is_some));
    assert_eq!(desk.counted(), ["found"; 20]);
    assert_eq!(org.asked().len(), 1);
    desk.close().await;
}

#[tokio::test]
async fn somebody_unknown_is_remembered_too() {
    let org = Org::start([Act::status(404)]).await;
    let desk = Desk::open(&org, &json!({}));
    assert!(desk.find("00u1").await.is_none());
    assert!(desk.find("00u1").await.is_none());
    assert_eq!(desk.counted(), ["missing", "kept"]);
    desk.time.advance(MINUTE);
    org.expect(Act::user("00u1", &wants_whatsapp()));
    assert!(desk.find("00u1").await.is_some());
    desk.close().await;
}

#[tokio::test]
async fn an_outdated_profile_serves_while_okta_is_away() {
    let org = Org::start([Act::user("00u1", &wants_whatsapp())]).await;
    let desk = Desk::open(&org, &json!({}));
    desk.find("00u1").await;
    desk.time.advance(KEEP);
    for broken in [
        Act::status(500),
        Act::json(200, &json!("<html>")),
        Act::user("00u2", &wants_whatsapp()),
        Act::status(403),
    ] {
        org.expect(broken);
        assert!(desk.find("00u1").await.is_some());
    }
    assert_eq!(
        desk.counted(),
        ["found", "failed", "failed", "failed", "failed"]
    );
    desk.time.advance(Duration::from_hours(1));
    org.expect(Act::status(503));
    assert!(desk.find("00u1").await.is_none());
    desk.close().await;
}

#[tokio::test]
async fn nobody_gets_the_profile_of_somebody_else() {
    let org = Org::start([Act::user("00u2", &wants_whatsapp())]).await;
    let desk = Desk::open(&org, &json!({}));
    assert!(desk.find("00u1").await.is_none());
    // Ids that would ask another question are not asked at all.
    for odd in [
        "me",
        ".",
        "..",
        "a/b",
        "mina@acme.example",
        "",
        &"0".repeat(129),
    ] {
        assert!(desk.find(odd).await.is_none(), "{odd}");
    }
    assert_eq!(desk.counted()[0], "failed");
    desk.close().await;
}

#[tokio::test]
async fn a_late_answer_serves_the_next_hook() {
    let org = Org::start([Act::user("00u1", &wants_whatsapp()).held()]).await;
    let desk = Desk::open(&org, &json!({ "within": "20ms" }));
    assert!(desk.find("00u1").await.is_none());
    assert_eq!(desk.counted(), ["late"]);
    org.release();
    desk.find_at_last("00u1").await;
    let counted = desk.counted();
    assert!(["found", "kept"].contains(counted.last().expect("it was found")));
    assert_eq!(org.asked().len(), 1);
    desk.close().await;
}

#[tokio::test]
async fn a_hook_that_has_no_time_to_spare_does_not_wait() {
    let org = Org::start([Act::user("00u1", &wants_whatsapp()).held()]).await;
    let desk = Desk::open(&org, &json!({}));
    // What is left is the sending's.
    assert!(
        desk.find_within("00u1", Duration::from_millis(1100))
            .await
            .is_none()
    );
    assert_eq!(desk.counted(), ["late"]);
    org.release();
    assert!(desk.find("00u1").await.is_some());
    assert_eq!(org.asked().len(), 1);
    desk.close().await;
}

#[tokio::test]
async fn the_end_does_not_wait_for_okta() {
    let org = Org::start([Act::user("00u1", &wants_whatsapp()).held()]).await;
    let desk = Desk::open(&org, &json!({ "within": "20ms" }));
    assert!(desk.find("00u1").await.is_none());
    desk.close().await;
    // Nobody asks again: the answer that never went out is not left over.
    assert_eq!(org.asked().len(), 1);
}
