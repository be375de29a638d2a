//! Numbers that are known to be real: taken into the ledger of a gateway that is stopped, and never shown.

use rusqlite::Connection;

use crate::support::process::{Ended, Place};

const FILE: &str =
    "phone,verified\n+14155550123,2020-01-01\n+14155550124\n+1 415 555 0125\n+999123456789\n";

async fn import(place: &Place, tenant: &str) -> Ended {
    let arguments = [
        "guard",
        "import-verified",
        "numbers.csv",
        "--config",
        "tollgate.yaml",
    ];
    place
        .program(&[&arguments[..], &["--tenant", tenant]].concat())
        .run()
        .await
}

fn verified(place: &Place) -> i64 {
    let ledger = Connection::open(place.path("ledger.db")).unwrap();
    let count = ledger.query_row("SELECT count(*) FROM verified", [], |row| row.get(0));
    count.unwrap()
}

#[tokio::test]
async fn numbers_are_taken_in_while_the_gateway_is_stopped() {
    let place = Place::new();
    place.configure("http://127.0.0.1:9");
    place.write("numbers.csv", FILE);
    let first = import(&place, "acme").await;
    assert_eq!(first.code, Some(1), "{first:?}");
    for line in [
        "2 numbers were taken in",
        "1 were verified too long ago",
        "1 lines were not taken in",
        "line 5 has no valid number",
    ] {
        assert!(first.log.contains(line), "{first:?}");
    }
    assert!(!first.log.contains("99912345"), "{first:?}");
    assert_eq!(verified(&place), 2);

    place.write("numbers.csv", "+14155550124,\n+14155550126\n");
    let second = import(&place, "acme").await;
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(second.out, "2 numbers were taken in\n");
    assert_eq!(verified(&place), 3);
    for file in ["ledger.db", "ledger.db-wal"] {
        let bytes = std::fs::read(place.path(file)).unwrap_or_default();
        let number = b"4155550124";
        assert!(!bytes.windows(number.len()).any(|window| window == number));
    }
}

#[tokio::test]
async fn a_gateway_that_runs_keeps_its_ledger() {
    let place = Place::new();
    place.configure("http://127.0.0.1:9");
    place.write("numbers.csv", FILE);
    let mut gateway = place.serve().ready().await;
    let refused = import(&place, "acme").await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.log.contains("stop the gateway first"),
        "{refused:?}"
    );
    gateway.running.stop().await;
    assert_eq!(verified(&place), 0);
}

#[tokio::test]
async fn what_cannot_be_imported_is_said() {
    let place = Place::new();
    place.configure("http://127.0.0.1:9");
    let missing = import(&place, "acme").await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.log.contains("numbers.csv"), "{missing:?}");
    place.write("numbers.csv", FILE);
    let nobody = import(&place, "nobody").await;
    assert_eq!(nobody.code, Some(64), "{nobody:?}");
    assert!(nobody.log.contains("no tenant \"nobody\""), "{nobody:?}");
    assert!(!place.path("ledger.db").exists());
}
