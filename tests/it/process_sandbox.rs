//! The sandbox as a newcomer meets it: a code arrives by itself, and the commands that it names work.

use std::fs;

use tollgate::sandbox::{people::PEOPLE, phone};

use crate::support::{patience::until, process::Place};

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_sees_a_code_arrive() {
    let place = Place::new();
    let ports = [
        "--public-port",
        "0",
        "--grpc-port",
        "0",
        "--admin-port",
        "0",
    ];
    let sandbox = place.program(&[&["sandbox"], &ports[..]].concat());
    let folder = place.path("temporary");
    fs::create_dir(&folder).unwrap();
    let folder = folder.display().to_string();
    let mut sandbox = sandbox.with("TMPDIR", &folder).start();
    let shown = sandbox.said("--user bruno\n\n").await;
    assert!(shown.contains("Your code is "), "{shown}");
    assert!(shown.contains("+14155550123"), "{shown}");
    // Everybody was reached as they wished.
    for person in PEOPLE {
        let line = shown.lines().find(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.first() == Some(&person.name)
        });
        let way = phone::name(person.reached_by);
        let line = line.unwrap();
        assert!(line.contains(&format!(" {way} ")), "{line}");
    }
    let place_of = |title: &str| {
        let line = shown.lines().find(|line| line.contains(title));
        let place = line.and_then(|line| line.split_whitespace().last());
        place.unwrap().to_owned()
    };

    // The command that stands below the phone, word for word, but for where the program is.
    let (_, next) = shown.split_once("the next one:\n").unwrap();
    let (_, next) = next.trim_end().split_once(" hook ").unwrap();
    let arguments: Vec<_> = ["hook"].into_iter().chain(next.split(' ')).collect();
    let played = place.program(&arguments).run().await;
    assert_eq!(played.code, Some(0), "{played:?}");
    let hook = place_of("Okta's hook");
    assert!(next.contains(&hook), "{next}");
    let bruno = sandbox.said("é o seu código de").await;
    assert!(bruno.contains("WhatsApp, pt_BR"), "{bruno}");
    assert!(bruno.contains("+5511987654321"), "{bruno}");
    let code = ["--phone", "+447400123456", "--code", "004729"];
    let arguments = [&["hook", "--url", &hook], &code[..]].concat();
    let played = place.program(&arguments).run().await;
    assert_eq!(played.code, Some(0), "{played:?}");
    sandbox.said("Your code is 004729").await;

    // The person enters it, and the simulated Okta says so.
    for entered in ["--verify", "--mistype"] {
        let arguments = ["hook", "--url", &hook, entered];
        let played = place.program(&arguments).run().await;
        assert_eq!(played.code, Some(0), "{played:?}");
        assert!(played.out.contains("answer   HTTP 204"), "{played:?}");
    }

    let grpc = format!("http://{}", place_of("gRPC"));
    let arguments = [&["send", "--url", &grpc], &["--code", "004731"][..]].concat();
    let sent = place.program(&arguments).run().await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(sent.out.contains("accepted"), "{sent:?}");
    sandbox.said("004731").await;

    // A number that makes the simulated vendor fail.
    let arguments = ["hook", "--url", &hook, "--phone", "+14155550001"];
    let played = place.program(&arguments).run().await;
    assert_eq!(played.code, Some(1), "{played:?}");
    let arguments = ["send", "--url", &grpc, "--phone", "+14155550005"];
    let refused = place.program(&arguments).run().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.log.contains("provider_fraud_block"), "{refused:?}");

    assert_eq!(sandbox.stop().await.code(), Some(0), "{}", sandbox.log());
    let left = fs::read_dir(&folder).unwrap().count();
    assert_eq!(left, 0, "the sandbox left its ledger behind");
    assert!(!sandbox.log().contains("ERROR"), "{}", sandbox.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn its_configuration_can_be_had() {
    let place = Place::new();
    let printed = place.program(&["sandbox", "--print-config"]).run().await;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    place.write("tollgate.yaml", &printed.out);
    let checked = place.program(&["check-config"]).run().await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_to_nobody_says_so() {
    let place = Place::new();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = gone.local_addr().unwrap();
    let url = format!("http://{gone}/okta/acme/telephony");
    let alone = until("an end", async || {
        Some(place.program(&["hook", "--url", &url]).run().await)
    })
    .await;
    assert_eq!(alone.code, Some(1), "{alone:?}");
}
