//! Whatever a provider does, Okta has a valid answer in time, and the ledger says what happened.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tollgate::pb::v1::{Delivery, DeliveryFilter, DeliveryState};

use crate::support::{
    gateway::TestGateway,
    hook::{Answer, Hook},
    mode::{Mode, in_both_modes},
    patience::{GRACE, until},
    plan::OPERATOR,
    vendor::{Act, MESSAGE_ID, Vendor},
};

in_both_modes!(
    a_provider_alone,
    a_second_provider_takes_over,
    a_doubt_may_end_the_delivery,
    what_another_account_would_not_mend_is_not_tried_there,
    every_failure_of_the_simulated_vendor_has_its_class,
);

/// `okta.answer_within` in these tests; a provider is given up on after half a second.
const WITHIN: Duration = Duration::from_secs(2);

const HTML: &str = "<html><body><h1>503 Service Unavailable</h1></body></html>";
const PAGE: &str = "content-type: text/html\r\n";

/// How one request to a provider ends.
struct Fault {
    name: &'static str,
    /// `None`: it refuses connections.
    act: Option<Act>,
    attempt: Attempted,
}

/// State, class and code of an attempt as they are recorded.
type Attempted = (DeliveryState, &'static str, &'static str);

const ACCEPTED: Attempted = (DeliveryState::Accepted, "", "");
const THROTTLED: Attempted = (DeliveryState::Failed, "throttled", "http_429");

const fn doubt(code: &'static str) -> Attempted {
    (DeliveryState::Unconfirmed, "ambiguous", code)
}

const fn failed(class: &'static str, code: &'static str) -> Attempted {
    (DeliveryState::Failed, class, code)
}

fn faults() -> Vec<Fault> {
    let fault = |name, act, attempt| Fault {
        name,
        act: Some(act),
        attempt,
    };
    vec![
        Fault {
            name: "refuses",
            act: None,
            attempt: failed("transient", "connect"),
        },
        fault("never-reads", Act::HangUnread, doubt("timeout")),
        fault("never-answers", Act::Hang, doubt("timeout")),
        fault("closes", Act::Close, doubt("connection")),
        fault("throttles", Act::Answer(429, "", "{}"), THROTTLED),
        fault(
            "throttles-long",
            Act::Answer(429, "retry-after: 30\r\n", "{}"),
            THROTTLED,
        ),
        fault("breaks", Act::Answer(500, "", ""), doubt("http_500")),
        fault("html-503", Act::Answer(503, PAGE, HTML), doubt("http_503")),
        fault(
            "no-key",
            Act::Answer(401, "", "{}"),
            failed("account", "http_401"),
        ),
        fault("html-200", Act::Answer(200, PAGE, HTML), ACCEPTED),
        fault("floods", Act::Flood, ACCEPTED),
        fault("slow", Act::Slow(Duration::from_millis(150)), ACCEPTED),
        fault("no-sid", Act::Answer(201, "", "{}"), ACCEPTED),
    ]
}

async fn a_provider_alone(mode: Mode) {
    let house = House::of(mode, faults(), &[]).await;
    let stories = house.faults.iter().enumerate().map(async |(index, fault)| {
        let (answer, delivery) = house.play(index).await;
        let (state, class, code) = fault.attempt;
        if state == DeliveryState::Failed {
            assert_eq!(answer.reason(), "DELIVERY_FAILED", "{}", fault.name);
        } else {
            assert!(answer.is_delivered(), "{}", fault.name);
            assert_eq!(answer.id(), delivery.delivery_id, "{}", fault.name);
        }
        check(
            fault,
            &delivery,
            state,
            &[(fault.name, (state, class, code))],
        );
        let expect = if state == DeliveryState::Failed {
            "providers_failed"
        } else {
            ""
        };
        assert_eq!(delivery.reason, expect, "{}", fault.name);
    });
    join_all(stories).await;
}

async fn a_second_provider_takes_over(mode: Mode) {
    let house = House::of(mode, faults(), &["second"]).await;
    let stories = house.faults.iter().enumerate().map(async |(index, fault)| {
        let (answer, delivery) = house.play(index).await;
        assert!(answer.is_delivered(), "{}", fault.name);
        let mut attempts = vec![(fault.name, fault.attempt)];
        if fault.attempt != ACCEPTED {
            attempts.push(("second", ACCEPTED));
            assert_eq!(delivery.attempts[1].provider_message_id, MESSAGE_ID);
        }
        check(fault, &delivery, DeliveryState::Accepted, &attempts);
    });
    join_all(stories).await;
    let expect = house
        .faults
        .iter()
        .filter(|fault| fault.attempt != ACCEPTED);
    assert_eq!(house.second.requests(), expect.count());
}

async fn a_doubt_may_end_the_delivery(mode: Mode) {
    let doubts = faults()
        .into_iter()
        .filter(|fault| fault.attempt.1 == "ambiguous");
    let house = House::stopping(mode, doubts.collect(), &["second"]).await;
    let stories = house.faults.iter().enumerate().map(async |(index, fault)| {
        let (answer, delivery) = house.play(index).await;
        assert!(answer.is_delivered(), "{}", fault.name);
        assert!(
            answer.metadata().contains("state=unconfirmed"),
            "{}",
            fault.name
        );
        let attempts = [(fault.name, fault.attempt)];
        check(fault, &delivery, DeliveryState::Unconfirmed, &attempts);
    });
    join_all(stories).await;
    assert_eq!(house.second.requests(), 0);
}

async fn what_another_account_would_not_mend_is_not_tried_there(mode: Mode) {
    const MOVED: &str = "location: http://127.0.0.1:9/\r\n";
    let unmendable = |name, status, headers, body, attempt| Fault {
        name,
        act: Some(Act::Answer(status, headers, body)),
        attempt,
    };
    let blocked = (DeliveryState::Refused, "fraud_block", "30450");
    let faults = vec![
        unmendable("moved", 302, MOVED, "", failed("request", "http_302")),
        unmendable(
            "no-sender",
            400,
            "",
            r#"{"code":21606}"#,
            failed("request", "21606"),
        ),
        unmendable(
            "opted-out",
            400,
            "",
            r#"{"code":21610}"#,
            failed("recipient", "21610"),
        ),
        unmendable("blocked", 400, "", r#"{"code":30450}"#, blocked),
    ];
    let house = House::of(mode, faults, &["second"]).await;
    let reasons = [
        "requests_rejected",
        "requests_rejected",
        "recipient_unreachable",
        "provider_fraud_block",
    ];
    for (index, reason) in reasons.into_iter().enumerate() {
        let fault = &house.faults[index];
        let (answer, delivery) = house.play(index).await;
        // What was refused must not be sent by Okta in our place.
        assert_eq!(
            answer.is_delivered(),
            fault.name == "blocked",
            "{}",
            fault.name
        );
        check(
            fault,
            &delivery,
            fault.attempt.0,
            &[(fault.name, fault.attempt)],
        );
        assert_eq!(delivery.reason, reason, "{}", fault.name);
    }
    assert_eq!(house.second.requests(), 0);
}

async fn every_failure_of_the_simulated_vendor_has_its_class(mode: Mode) {
    let plan = TestGateway::plan(mode).await;
    let gateway = plan
        .with("providers.twilio-sim.timeout", json!("500ms"))
        .start()
        .await;
    let stories = [
        (
            "0001",
            failed("recipient", "21211"),
            Some("DESTINATION_UNREACHABLE"),
        ),
        (
            "0002",
            failed("recipient", "21610"),
            Some("DESTINATION_UNREACHABLE"),
        ),
        (
            "0003",
            failed("throttled", "20429"),
            Some("DELIVERY_FAILED"),
        ),
        ("0004", failed("account", "21408"), Some("DELIVERY_FAILED")),
        (
            "0005",
            (DeliveryState::Refused, "fraud_block", "30450"),
            None,
        ),
        ("0006", doubt("http_503"), None),
        ("0007", ACCEPTED, None),
        ("0008", doubt("connection"), None),
        ("0009", doubt("timeout"), None),
        ("0010", ACCEPTED, None),
        ("0011", ACCEPTED, None),
        ("0012", ACCEPTED, None),
    ];
    let gateway = &gateway;
    let stories = stories.map(async |(suffix, attempt, reason)| {
        let phone = format!("+1415555{suffix}");
        let answer = gateway.hook(&Hook::to(&phone)).await;
        match reason {
            Some(reason) => assert_eq!(answer.reason(), reason, "{suffix}"),
            None => assert!(answer.is_delivered(), "{suffix}"),
        }
        let delivery = gateway.delivery_to(&phone, attempt.0).await;
        assert_eq!(attempted(&delivery), [("twilio-sim", attempt)], "{suffix}");
    });
    join_all(stories).await;
}

/// A gateway with a tenant for each fault, whose codes go by a provider that has it.
struct House {
    gateway: TestGateway,
    faults: Vec<Fault>,
    second: Vendor,
    _vendors: Vec<Vendor>,
}

impl House {
    async fn of(mode: Mode, faults: Vec<Fault>, after: &[&str]) -> Self {
        Self::start(mode, faults, after, "next").await
    }

    async fn stopping(mode: Mode, faults: Vec<Fault>, after: &[&str]) -> Self {
        Self::start(mode, faults, after, "stop").await
    }

    async fn start(mode: Mode, faults: Vec<Fault>, after: &[&str], on_ambiguous: &str) -> Self {
        let second = Vendor::that(Act::Accept).await;
        let mut plan = TestGateway::plan(mode).await.with_vendor("second", &second);
        let mut vendors = Vec::new();
        for fault in &faults {
            let vendor = match &fault.act {
                Some(act) => Vendor::that(act.clone()).await,
                None => Vendor::refusing(),
            };
            let providers: Vec<_> = [fault.name].iter().chain(after).copied().collect();
            let within = format!("{}ms", WITHIN.as_millis());
            plan = plan.with_vendor(fault.name, &vendor).with(
                &format!("tenants.{}", fault.name),
                json!({
                    "countries": { "allow": ["US"] },
                    "on_ambiguous": on_ambiguous,
                    "routes": [{ "channel": "sms", "try": providers }],
                    "okta": { "auth": { "secrets": [{ "env": "HOOK_SECRET" }] }, "answer_within": within },
                }),
            );
            vendors.push(vendor);
        }
        Self {
            gateway: plan.start().await,
            faults,
            second,
            _vendors: vendors,
        }
    }

    /// Makes a hook of this fault's tenant, and reads what was recorded of it.
    async fn play(&self, index: usize) -> (Answer, Delivery) {
        let fault = &self.faults[index];
        let hook = Hook::to(&phone(index)).of(fault.name);
        let answer = self.gateway.hook(&hook).await;
        let took = answer.reply.took;
        assert!(took < WITHIN + GRACE, "{}: {took:?}", fault.name);
        let client = self.gateway.client(OPERATOR).await;
        let settled = async || {
            let mut found = client.list(fault.name, DeliveryFilter::default()).await;
            let settled = found.len() == 1 && found[0].state() != DeliveryState::Sending;
            settled.then(|| found.remove(0))
        };
        (answer, until(fault.name, settled).await)
    }
}

fn check(fault: &Fault, delivery: &Delivery, state: DeliveryState, attempts: &[(&str, Attempted)]) {
    assert_eq!(delivery.state(), state, "{}", fault.name);
    assert_eq!(attempted(delivery), attempts, "{}", fault.name);
}

fn attempted(delivery: &Delivery) -> Vec<(&str, (DeliveryState, &str, &str))> {
    let attempts = delivery.attempts.iter();
    attempts
        .map(|one| {
            (
                &*one.provider,
                (one.state(), &*one.failure, &*one.provider_code),
            )
        })
        .collect()
}

fn phone(index: usize) -> String {
    format!("+1415555{:04}", 2000 + index)
}
