//! The guard as operators meet it: its commands, and that a kill in the midst of an attack opens nothing.

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::Value;
use tollgate::{
    clock::Clock,
    sandbox::twilio::{Settings, Twilio},
};

use crate::support::{
    patience::until,
    process::{Ended, GRPC_TOKEN, Place, Serving},
};

const PHONE: &str = "+14155552671";

/// A house with one provider.
struct House {
    place: Place,
    desk: Twilio,
    gateway: Serving,
}

impl House {
    async fn open() -> Self {
        let desk = Twilio::start(Settings::default(), Clock::system()).await;
        let desk = desk.unwrap();
        let place = Place::new();
        place.configure(&desk.url());
        let gateway = place.serve().ready().await;
        Self {
            place,
            desk,
            gateway,
        }
    }

    /// Runs a command as a client of the gateway.
    async fn run(&self, arguments: &[&str]) -> Ended {
        let url = format!("http://{}", self.gateway.grpc());
        let whom = [
            "--url",
            &url,
            "--token-env",
            "GRPC_TOKEN",
            "--tenant",
            "acme",
        ];
        let program = self.place.program(&[arguments, &whom].concat());
        program.with("GRPC_TOKEN", GRPC_TOKEN).run().await
    }

    /// Runs a command of the guard's that must do, and returns what it says.
    async fn guard(&self, arguments: &[&str]) -> String {
        let ended = self.run(&[&["guard"], arguments].concat()).await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.out
    }

    /// The same, as JSON.
    async fn json(&self, arguments: &[&str]) -> Value {
        let said = self.guard(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&said).unwrap()
    }

    /// Sends an enrolment's code; says why it was refused, if it was.
    async fn enrol(&self, phone: &str) -> Option<String> {
        let command = ["send", "--phone", phone, "--purpose", "enrollment"];
        let ended = self.run(&command).await;
        match ended.code {
            Some(0) => None,
            _ => Some(ended.log),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_blocks_looks_and_unblocks() {
    let house = House::open().await;
    assert_eq!(house.enrol(PHONE).await, None);
    let block = [
        "block", "--phone", PHONE, "--for", "1h", "--reason", "pumping",
    ];
    let said = house.guard(&block).await;
    assert!(said.starts_with("ID "), "{said}");
    assert!(
        said.contains("phone +1********71") && !said.contains(PHONE),
        "{said}"
    );
    let refused = house.enrol(PHONE).await.expect("it is blocked");
    assert!(refused.contains("blocked"), "{refused}");
    assert_eq!(house.desk.inbox().counts().seen, 1);

    let listed = house.json(&["list"]).await;
    let entry = &listed["entries"][0];
    assert_eq!(entry["effect"], "block");
    assert_eq!(entry["reason"], "pumping");
    assert_eq!(entry["author"], "tests");
    assert_eq!(entry["target"]["phone"], "+1********71");
    assert!(entry["expires_at"].as_str().unwrap().ends_with('Z'));

    let standing = house.json(&["standing", "--phone", PHONE]).await;
    assert_eq!(standing["subject"], "+1********71");
    assert_eq!(standing["entries"][0], *entry);
    let standings = standing["standings"].as_array().unwrap();
    let limit = standings
        .iter()
        .find(|one| one["rule"] == "destination_10m");
    assert!(limit.is_some(), "{standing}");

    let decisions = until("the decision", async || {
        let decisions = house.json(&["decisions", "--since", "1h"]).await;
        (decisions["decisions"] != Value::Array(Vec::new())).then_some(decisions)
    });
    let decisions = decisions.await;
    assert_eq!(decisions["decisions"][0]["consequence"], "refused");
    let table = house.guard(&["decisions"]).await;
    assert!(table.contains("dec_"), "{table}");

    let id = entry["entry_id"].as_str().unwrap();
    house.guard(&["unblock", id]).await;
    assert_eq!(house.enrol(PHONE).await, None);
    assert_eq!(house.guard(&["list"]).await.trim(), "none");
    let changes = house.json(&["list", "--changes"]).await;
    let actions: Vec<_> = (0..2)
        .map(|at| changes["changes"][at]["action"].clone())
        .collect();
    assert_eq!(actions, ["remove", "set"]);
    let nothing = house.run(&["guard", "unblock", id]).await;
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.log.contains("not_found"), "{}", nothing.log);

    // What is no number is said so, by the gateway.
    let wrong = ["guard", "allow", "--phone", "12", "--reason", "a test"];
    let wrong = house.run(&wrong).await;
    assert_eq!(wrong.code, Some(1));
    assert!(
        wrong.log.contains("targets[0].phone_number"),
        "{}",
        wrong.log
    );
    house
        .guard(&["allow", "--phone", "+33612345678", "--reason", "ours"])
        .await;
    assert_eq!(house.enrol("+33612345678").await, None);
}

/// A number of the block that is attacked.
fn victim(number: usize) -> String {
    format!("+8190123401{number:02}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_an_attack_opens_nothing() {
    let mut house = House::open().await;
    let mut attacked = 0..60;
    let refused = loop {
        let number = attacked.next().expect("the block is closed long before");
        if let Some(refused) = house.enrol(&victim(number)).await {
            break refused;
        }
    };
    assert!(refused.contains("budget_exhausted"), "{refused}");
    let let_out = house.desk.inbox().counts().seen;
    // That a range was closed is written at once. The first byte of a key says what is kept.
    let kept_ranges = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let ledger = Connection::open_with_flags(house.place.path("ledger.db"), flags).unwrap();
        let sql = "SELECT count(*) FROM guard_counters WHERE substr(key, 1, 1) = x'01'";
        ledger.query_row(sql, [], |row| row.get::<_, i64>(0))
    };
    until("the closed range in the ledger", async || {
        kept_ranges().is_ok_and(|kept| kept > 0).then_some(())
    })
    .await;
    house.gateway.running.signal(Signal::KILL);
    house.gateway.running.ended().await;
    house.gateway = house.place.serve().ready().await;
    for number in attacked.take(5) {
        let refused = house.enrol(&victim(number)).await;
        assert!(refused.is_some(), "the range is open again");
    }
    assert_eq!(house.desk.inbox().counts().seen, let_out);
    let standing = house.json(&["standing", "--phone", &victim(99)]).await;
    let standings = standing["standings"].as_array().unwrap();
    assert!(
        standings.iter().any(|one| !one["closed_until"].is_null()),
        "{standing}"
    );
    assert_eq!(house.enrol("+819098765432").await, None, "another range");
}
