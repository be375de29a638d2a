//! A ledger that cannot be written, or is slow: whether codes go out is for the configuration to say, and no row of
//! one that went out is forgotten.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::Connection;
use serde_json::json;
use tollgate::pb::v1::DeliveryState;

use crate::support::{
    gateway::TestGateway,
    hook::Hook,
    mode::{Mode, in_both_modes},
    patience::{GRACE, until},
};

in_both_modes!(
    codes_go_out_while_the_ledger_is_held,
    codes_go_out_while_the_ledger_is_gone,
    codes_go_out_when_the_ledger_is_slow,
    nothing_unrecorded_goes_out_while_the_ledger_is_held,
    nothing_unrecorded_goes_out_while_the_ledger_is_gone,
    nothing_unrecorded_goes_out_when_the_ledger_is_slow,
);

const PHONE: &str = "+819012345678";

/// What is wrong with the ledger.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Somebody else writes, and does not end.
    Held,
    /// The file was taken away.
    Gone,
    /// Whoever waits has given up before the ledger is known to be away.
    Slow,
}

async fn codes_go_out_while_the_ledger_is_held(mode: Mode) {
    goes_out(mode, Trouble::Held).await;
}

async fn codes_go_out_while_the_ledger_is_gone(mode: Mode) {
    goes_out(mode, Trouble::Gone).await;
}

async fn codes_go_out_when_the_ledger_is_slow(mode: Mode) {
    goes_out(mode, Trouble::Slow).await;
}

async fn nothing_unrecorded_goes_out_while_the_ledger_is_held(mode: Mode) {
    stays(mode, Trouble::Held).await;
}

async fn nothing_unrecorded_goes_out_while_the_ledger_is_gone(mode: Mode) {
    stays(mode, Trouble::Gone).await;
}

async fn nothing_unrecorded_goes_out_when_the_ledger_is_slow(mode: Mode) {
    stays(mode, Trouble::Slow).await;
}

/// `on_unavailable: send`.
async fn goes_out(mode: Mode, trouble: Trouble) {
    let gateway = start(mode, trouble, "send").await;
    let outage = Outage::begin(&gateway.world().path("ledger.db"), trouble);
    let hook = Hook::to(PHONE);
    let answer = gateway.hook(&hook).await;
    assert!(answer.is_delivered());
    assert!(answer.metadata().ends_with("state=accepted"));
    assert!(
        answer.reply.took < Duration::from_millis(200) + GRACE,
        "{:?}",
        answer.reply.took
    );
    // The key holds in this process, whatever the ledger does.
    assert_eq!(gateway.hook(&hook).await.reply.body, answer.reply.body);
    assert_eq!(gateway.twilio().inbox().counts().seen, 1);
    gateway
        .has_counted("otp_ledger_unrecorded_sends_total", &[], 1)
        .await;
    gateway.has_counted("otp_ledger_spooled_rows", &[], 1).await;
    outage.end();
    let delivery = gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
    assert_eq!(delivery.delivery_id, answer.id());
    assert_eq!(delivery.attempts.len(), 1);
    assert_eq!(delivery.attempts[0].state(), DeliveryState::Accepted);
    let empty = async || {
        let spooled = gateway.counted("otp_ledger_spooled_rows", &[]);
        (spooled == 0).then_some(())
    };
    until("an empty spool", empty).await;
    assert_eq!(gateway.counted("otp_ledger_dropped_rows", &[]), 0);
    // A copy after a restart is one all the same.
    let gateway = gateway.restart().await;
    assert_eq!(gateway.hook(&hook).await.reply.body, answer.reply.body);
    assert_eq!(gateway.twilio().inbox().counts().seen, 1);
}

/// `on_unavailable: refuse`.
async fn stays(mode: Mode, trouble: Trouble) {
    let gateway = start(mode, trouble, "refuse").await;
    let outage = Outage::begin(&gateway.world().path("ledger.db"), trouble);
    let hook = Hook::to(PHONE);
    let answer = gateway.hook(&hook).await;
    assert_eq!(answer.reason(), "DELIVERY_FAILED");
    assert!(
        answer.reply.took < Duration::from_millis(200) + GRACE,
        "{:?}",
        answer.reply.took
    );
    assert_eq!(gateway.twilio().inbox().counts().seen, 0);
    outage.end();
    // The key was released: the same hook goes out once that can be recorded.
    let sent = async || gateway.hook(&hook).await.is_delivered().then_some(());
    until("the ledger", sent).await;
    assert_eq!(gateway.twilio().inbox().counts().seen, 1);
    gateway.delivery_to(PHONE, DeliveryState::Accepted).await;
    assert_eq!(gateway.counted("otp_ledger_unrecorded_sends_total", &[]), 0);
}

async fn start(mode: Mode, trouble: Trouble, on_unavailable: &str) -> TestGateway {
    let plan = TestGateway::plan(mode).await;
    let mut plan = plan.with("ledger.on_unavailable", json!(on_unavailable));
    // Refused tries must not use the limit up.
    plan.set("guard.limits", json!([]));
    if trouble == Trouble::Slow {
        // Before the writer knows that it is held up.
        plan.set("ledger.intent_within", json!("10ms"));
    }
    plan.start().await
}

/// Trouble that lasts until it is ended.
struct Outage {
    holder: Option<Connection>,
    moved: Option<(PathBuf, PathBuf)>,
}

impl Outage {
    fn begin(ledger: &Path, trouble: Trouble) -> Self {
        match trouble {
            Trouble::Held | Trouble::Slow => {
                let holder = Connection::open(ledger).unwrap();
                holder.busy_timeout(Duration::from_secs(5)).unwrap();
                holder.execute_batch("BEGIN IMMEDIATE").unwrap();
                Self {
                    holder: Some(holder),
                    moved: None,
                }
            }
            Trouble::Gone => {
                let away = ledger.with_extension("away");
                std::fs::rename(ledger, &away).unwrap();
                Self {
                    holder: None,
                    moved: Some((away, ledger.to_owned())),
                }
            }
        }
    }

    fn end(self) {
        if let Some(holder) = self.holder {
            holder.execute_batch("ROLLBACK").unwrap();
        }
        if let Some((away, ledger)) = self.moved {
            std::fs::rename(away, ledger).unwrap();
        }
    }
}
