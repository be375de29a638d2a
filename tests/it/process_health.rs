//! `tollgate healthcheck` as a probe runs it: against every door, and against peers that hang, lie or are not there.

use std::net::SocketAddr;

use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tollgate::{
    clock::Clock,
    sandbox::twilio::{Settings, Twilio},
};

use crate::support::{
    authority::{Authority, with_tls},
    patience::until,
    process::{Ended, Place},
};

const HTTP: &str = "http";
const GRPC: &str = "grpc";

#[tokio::test(flavor = "multi_thread")]
async fn open_doors_are_well() {
    let (place, _desk) = place().await;
    let mut gateway = place.serve().ready().await;
    let [public, grpc, admin] = [gateway.public(), gateway.grpc(), gateway.admin()];
    for (door, url) in [
        (HTTP, format!("http://{admin}/livez")),
        (HTTP, format!("http://{admin}/readyz")),
        (HTTP, format!("http://localhost:{}/healthz", public.port())),
        (GRPC, format!("http://{grpc}")),
        (GRPC, format!("http://localhost:{}", grpc.port())),
    ] {
        let asked = ask(&place, &[door, &url]).await;
        assert_eq!(asked.code, Some(0), "{asked:?}");
        assert!(asked.out.starts_with(&url), "{asked:?}");
        assert_eq!(asked.log, "", "{asked:?}");
    }
    let grpc = format!("http://{grpc}");
    let asked = ask(
        &place,
        &[GRPC, &grpc, "--service", "tollgate.v1.OtpService"],
    )
    .await;
    assert_eq!(asked.code, Some(0), "{asked:?}");
    let nothing = [GRPC, &grpc, "--service", "tollgate.v1.Nothing"];
    fails(&place, &nothing, "NotFound").await;
    let nowhere = format!("http://{admin}/nowhere");
    fails(&place, &[HTTP, &nowhere], "HTTP 404").await;
    // A door that speaks no gRPC.
    fails(&place, &[GRPC, &format!("http://{admin}")], "").await;
    assert_eq!(gateway.running.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_checked_as_clients_check_it() {
    let (place, _desk) = place().await;
    let authority = Authority::new();
    authority.sign(&place);
    place.write("other.pem", Authority::new().pem());
    let serve = with_tls(with_tls(place.serve(), "PUBLIC"), "GRPC");
    let mut gateway = serve.ready().await;
    let public = format!("https://localhost:{}/healthz", gateway.public().port());
    let grpc = format!("https://localhost:{}", gateway.grpc().port());
    for (door, url) in [(HTTP, &public), (GRPC, &grpc)] {
        let asked = ask(&place, &[door, url, "--ca", "ca.pem"]).await;
        assert_eq!(asked.code, Some(0), "{asked:?}");
        fails(&place, &[door, url], "").await;
        fails(&place, &[door, url, "--ca", "other.pem"], "").await;
        fails(&place, &[door, &url.replace("https", "http")], "").await;
    }
    assert_eq!(gateway.running.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_drains_is_not_well() {
    let (place, _desk) = place().await;
    let serve = place.serve();
    let serve = serve.with("TOLLGATE__DRAIN__PROPAGATION_DELAY", "1h");
    let mut gateway = serve.ready().await;
    let (grpc, admin) = (gateway.grpc(), gateway.admin());
    gateway.running.signal(Signal::TERM);
    let turned = async |arguments: &[&str], words: &str| {
        until(words, async || {
            let asked = ask(&place, arguments).await;
            asked.log.contains(words).then_some(asked.code)
        })
        .await
    };
    let code = turned(&[GRPC, &format!("http://{grpc}")], "NOT_SERVING").await;
    assert_eq!(code, Some(1));
    let code = turned(&[HTTP, &format!("http://{admin}/readyz")], "HTTP 503").await;
    assert_eq!(code, Some(1));
    let asked = ask(&place, &[HTTP, &format!("http://{admin}/livez")]).await;
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert_eq!(gateway.running.stop().await.code(), Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_hangs_is_not_waited_for() {
    let place = Place::new();
    let (deaf, _peer) = peer(|stream| async move {
        // Takes the connection, and says nothing for as long as the other side stays.
        drop(stream.readable().await);
        std::future::pending::<()>().await;
    })
    .await;
    for (door, scheme) in [
        (HTTP, "http"),
        (HTTP, "https"),
        (GRPC, "http"),
        (GRPC, "https"),
    ] {
        let url = format!("{scheme}://{deaf}");
        let words = "no answer within 300ms";
        fails(&place, &[door, &url, "--timeout", "300ms"], words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_no_answer() {
    let place = Place::new();
    let (liar, _peer) = peer(|mut stream| async move {
        drop(stream.read(&mut [0; 1024]).await);
        drop(stream.write_all(b"\0\x01\x02 220 mail.test\r\n\r\n").await);
    })
    .await;
    let plain = format!("http://{liar}");
    fails(&place, &[HTTP, &plain], "no answer that is HTTP").await;
    fails(&place, &[GRPC, &plain], "").await;
    let tls = format!("https://{liar}");
    fails(&place, &[HTTP, &tls], "no connection").await;
    fails(&place, &[GRPC, &tls], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_no_good_answer() {
    let place = Place::new();
    let (away, _peer) = peer(|mut stream| async move {
        drop(stream.read(&mut [0; 1024]).await);
        let answer = b"HTTP/1.1 302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n";
        drop(stream.write_all(answer).await);
    })
    .await;
    fails(&place, &[HTTP, &format!("http://{away}")], "HTTP 302").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_nothing_is_well() {
    let place = Place::new();
    let bound = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}", bound.local_addr().unwrap());
    drop(bound);
    fails(&place, &[HTTP, &gone], "no connection").await;
    fails(&place, &[GRPC, &gone], "refused").await;
    let nobody = "http://nobody.invalid:1";
    fails(&place, &[HTTP, nobody], "").await;
    fails(&place, &[GRPC, nobody], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_is_told_from_a_bad_answer() {
    let place = Place::new();
    place.write("empty.pem", "no certificate\n");
    let url = "http://127.0.0.1:1";
    for (arguments, words) in [
        (&[][..], "Usage"),
        (&[HTTP], "URL"),
        (&[HTTP, "127.0.0.1:1"], "127.0.0.1:1"),
        (&[HTTP, "ftp://127.0.0.1/"], "http:// or https://"),
        (&[HTTP, url, "--timeout", "soon"], "--timeout"),
        (&[HTTP, url, "--service", "x"], "--service"),
        (&[HTTP, url, "--ca", "nowhere.pem"], "nowhere.pem: "),
        (&[HTTP, url, "--ca", "empty.pem"], "no PEM certificate"),
        (&[GRPC, "127.0.0.1:1"], "http://host:port"),
        (&[GRPC, "http://127.0.0.1"], "http://host:port"),
        (&[GRPC, url, "--ca", "nowhere.pem"], "nowhere.pem: "),
        (&[GRPC, url, "--ca", "empty.pem"], "no PEM certificate"),
        (&["udp", url], "udp"),
    ] {
        let asked = ask(&place, arguments).await;
        assert_eq!(asked.code, Some(64), "{arguments:?} {asked:?}");
        assert!(asked.log.contains(words), "{arguments:?} {asked:?}");
        assert_eq!(asked.out, "", "{arguments:?}");
    }
}

/// A folder with a configuration, and the simulated provider that it names.
async fn place() -> (Place, Twilio) {
    let desk = Twilio::start(Settings::default(), Clock::system()).await;
    let desk = desk.unwrap();
    let place = Place::new();
    place.configure(&desk.url());
    (place, desk)
}

async fn ask(place: &Place, arguments: &[&str]) -> Ended {
    let asked = place.program(&[&["healthcheck"], arguments].concat());
    asked.run().await
}

/// Asks, and gets one line with the address and `words`, and the exit code of a failure.
async fn fails(place: &Place, arguments: &[&str], words: &str) {
    let asked = ask(place, arguments).await;
    assert_eq!(asked.code, Some(1), "{arguments:?} {asked:?}");
    assert_eq!(asked.log.lines().count(), 1, "{arguments:?} {asked:?}");
    assert!(asked.log.contains(arguments[1]), "{arguments:?} {asked:?}");
    assert!(asked.log.contains(words), "{arguments:?} {asked:?}");
    assert_eq!(asked.out, "", "{arguments:?}");
}

/// A peer that does this with every connection, until it is dropped.
async fn peer<F>(behave: fn(TcpStream) -> F) -> (SocketAddr, JoinSet<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.spawn(behave(stream));
        }
    });
    (address, tasks)
}
