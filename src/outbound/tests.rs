//! The client against real sockets: what was written, what was not, and answers that go wrong.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::RETRY_AFTER};
use reqwest::Url;
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;

use super::{
    Answer, CallError, MAX_ANSWER, Outbound, Request, WriteGate, crypto, secret_header,
    vendor::{Reply, Vendor},
};
use crate::{
    config::{outbound, secret::Secret, values::Span},
    lanes::Lanes,
};

/// Far beyond what any test needs; only a paused clock ever gets there.
const NEVER: Duration = Duration::from_hours(1);

fn client(ca: Option<&Secret>) -> Outbound {
    let settings = outbound::Outbound {
        linger: Span(NEVER),
        connect_timeout: Span(NEVER / 2),
        ..outbound::Outbound::default()
    };
    Outbound::new(&settings, ca).unwrap()
}

fn post(base: &str) -> Request {
    Request {
        method: Method::POST,
        url: Url::parse(&format!("{base}/messages")).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"code=482913"),
    }
}

/// Lets a call hang, waits for `ready`, then lets an hour pass.
async fn times_out(
    call: impl Future<Output = Result<Answer, CallError>>,
    ready: impl Future,
) -> CallError {
    let hang = async {
        ready.await;
        tokio::time::pause();
        tokio::time::advance(NEVER).await;
    };
    let (result, ()) = tokio::join!(call, hang);
    result.unwrap_err()
}

#[tokio::test]
async fn an_answer_comes_back_and_the_connection_is_used_again() {
    let ok = Reply::answer(201, &[("x-id", "7")], "{}");
    let vendor = Vendor::start([ok.clone(), ok]).await;
    let client = client(None);
    for _ in 0..2 {
        let gate = WriteGate::default();
        let answer = client.call(post(&vendor.url()), &gate).await.unwrap();
        assert_eq!(answer.status, StatusCode::CREATED);
        assert_eq!(answer.headers["x-id"], "7");
        assert_eq!(&answer.body[..], b"{}");
        assert!(gate.written());
    }
    assert_eq!(vendor.connections(), 1);
    let call = &vendor.calls()[1];
    assert!(call.head.starts_with("POST /messages HTTP/1.1"), "{call:?}");
    assert_eq!(call.header("content-length"), Some("11"));
    assert_eq!(call.body, "code=482913");
}

#[tokio::test]
async fn each_lane_has_connections_of_its_own() {
    let ok = Reply::answer(201, &[], "");
    let vendor = Vendor::start(std::iter::repeat_n(ok, 9)).await;
    let (lanes, _guard) = Lanes::start_some(2).unwrap();
    let client = Outbound::for_lanes(&outbound::Outbound::default(), None, lanes.count()).unwrap();
    for _ in 0..3 {
        for _ in 0..lanes.count() {
            let (client, request) = (client.clone(), post(&vendor.url()));
            let call = async move { client.call(request, &WriteGate::default()).await };
            let answer = lanes.next().unwrap().spawn(call).await.unwrap();
            assert_eq!(answer.unwrap().status, StatusCode::CREATED);
        }
        let gate = WriteGate::default();
        client.call(post(&vendor.url()), &gate).await.unwrap();
    }
    assert_eq!(vendor.connections(), 3);
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let away = Reply::answer(302, &[("location", "http://192.0.2.1/")], "");
    let vendor = Vendor::start([away]).await;
    let answer = client(None)
        .call(post(&vendor.url()), &WriteGate::default())
        .await;
    assert_eq!(answer.unwrap().status, StatusCode::FOUND);
}

#[tokio::test]
async fn a_refused_connection_wrote_nothing() {
    // Port 1 has no listener anywhere that tests run.
    let gate = WriteGate::default();
    let result = client(None).call(post("http://127.0.0.1:1"), &gate).await;
    assert_eq!(result.unwrap_err(), CallError::NotWritten("connect"));
    assert!(gate.shut());
}

#[tokio::test]
async fn a_connection_that_takes_too_long_wrote_nothing() {
    // It takes the connection and never answers the TLS greeting.
    let vendor = Vendor::start([]).await;
    let url = vendor.url().replace("http:", "https:");
    let (client, gate) = (client(None), WriteGate::default());
    let problem = times_out(client.call(post(&url), &gate), vendor.connected(1)).await;
    assert_eq!(problem, CallError::NotWritten("timeout"));
}

#[tokio::test]
async fn silence_after_the_request_is_a_doubt() {
    let vendor = Vendor::start([Reply::silence()]).await;
    let (client, gate) = (client(None), WriteGate::default());
    let problem = times_out(client.call(post(&vendor.url()), &gate), vendor.called(1)).await;
    assert_eq!(problem, CallError::Unanswered("timeout"));
    assert!(!gate.shut(), "too late to call it back");
}

#[tokio::test]
async fn a_cut_after_the_request_is_a_doubt_and_nothing_is_sent_twice() {
    let ok = Reply::answer(201, &[], "");
    let garbage = Reply::BytesThenCut(b"\x16\x03\x01 not http at all\r\n\r\n".to_vec());
    for cut in [Reply::cut(), garbage] {
        // The second request goes out on a pooled connection, where a careless client would send it again.
        let vendor = Vendor::start([ok.clone(), cut]).await;
        let client = client(None);
        client
            .call(post(&vendor.url()), &WriteGate::default())
            .await
            .unwrap();
        let result = client
            .call(post(&vendor.url()), &WriteGate::default())
            .await;
        assert_eq!(result.unwrap_err(), CallError::Unanswered("connection"));
        assert_eq!((vendor.calls().len(), vendor.connections()), (2, 1));
    }
}

#[tokio::test]
async fn a_pooled_connection_that_the_peer_closed_is_replaced() {
    let Reply::Bytes(ok) = Reply::answer(201, &[], "") else {
        unreachable!("an answer is bytes");
    };
    let vendor = Vendor::start([Reply::BytesThenCut(ok.clone()), Reply::Bytes(ok.clone())]).await;
    let other = Vendor::start([Reply::Bytes(ok)]).await;
    let client = client(None);
    client
        .call(post(&vendor.url()), &WriteGate::default())
        .await
        .unwrap();
    vendor.disconnected(1).await;
    // One exchange elsewhere gives the client the chance to notice, as any pause between two messages does.
    client
        .call(post(&other.url()), &WriteGate::default())
        .await
        .unwrap();
    let answer = client
        .call(post(&vendor.url()), &WriteGate::default())
        .await;
    assert_eq!(answer.unwrap().status, StatusCode::CREATED);
    assert_eq!(vendor.connections(), 2);
}

#[tokio::test]
async fn a_request_called_back_in_time_is_never_written() {
    let vendor = Vendor::start([]).await;
    let (client, gate) = (client(None), WriteGate::default());
    assert!(gate.shut());
    let result = client.call(post(&vendor.url()), &gate).await;
    assert_eq!(result.unwrap_err(), CallError::NotWritten("called_back"));
    vendor.disconnected(1).await;
    assert_eq!(vendor.calls(), []);
    let mut request = post(&vendor.url());
    request.body = Bytes::new();
    let result = client.call(request, &gate).await;
    assert_eq!(result.unwrap_err(), CallError::NotWritten("called_back"));
}

#[tokio::test]
async fn a_request_without_a_body_counts_as_written() {
    let vendor = Vendor::start([Reply::cut()]).await;
    let gate = WriteGate::default();
    let mut request = post(&vendor.url());
    (request.method, request.body) = (Method::GET, Bytes::new());
    let result = client(None).call(request, &gate).await;
    assert_eq!(result.unwrap_err(), CallError::Unanswered("connection"));
    assert!(gate.written());
}

#[tokio::test]
async fn ten_mebibytes_are_read_no_further_than_the_cap() {
    let body = "x".repeat(10 * 1024 * 1024);
    let vendor = Vendor::start([Reply::answer(503, &[], &body)]).await;
    let answer = client(None)
        .call(post(&vendor.url()), &WriteGate::default())
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body.len(), MAX_ANSWER);
}

#[tokio::test]
async fn a_body_that_breaks_off_does_not_take_the_status_back() {
    let head = b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"sid\":".to_vec();
    let vendor = Vendor::start([Reply::BytesThenCut(head.clone())]).await;
    let client = client(None);
    let answer = client
        .call(post(&vendor.url()), &WriteGate::default())
        .await
        .unwrap();
    assert_eq!(
        (answer.status, &answer.body[..]),
        (StatusCode::CREATED, &b"{\"sid\":"[..])
    );

    // Nor does one that hangs: the result is there long before the request's own end.
    vendor.expect(Reply::BytesThenSilence(head));
    let started = tokio::time::Instant::now();
    let answer = client
        .call(post(&vendor.url()), &WriteGate::default())
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::CREATED);
    assert!(started.elapsed() < NEVER / 2);
}

/// A TLS door that takes one connection, with the authority that vouches for it.
struct TlsDoor {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    ca: Secret,
    url: String,
}

async fn tls_door() -> TlsDoor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut tls = ServerConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    TlsDoor {
        listener,
        acceptor: TlsAcceptor::from(Arc::new(tls)),
        ca: Secret::fixed(made.cert.pem()),
        url,
    }
}

/// What an HTTP/2 vendor does with its one request.
#[derive(Clone, Copy)]
enum Http2 {
    Answer,
    RefuseStream,
    Reset,
    GoAwayUnread,
}

async fn serve_http2(door: TlsDoor, how: Http2) {
    let (tcp, _) = door.listener.accept().await.unwrap();
    let tls = door.acceptor.accept(tcp).await.unwrap();
    let mut connection = h2::server::handshake(tls).await.unwrap();
    if matches!(how, Http2::GoAwayUnread) {
        connection.abrupt_shutdown(h2::Reason::NO_ERROR);
    }
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!(request.method(), Method::POST);
        match how {
            Http2::Answer => {
                let answer = http::Response::builder().status(201).body(()).unwrap();
                respond.send_response(answer, true).unwrap();
            }
            Http2::RefuseStream => respond.send_reset(h2::Reason::REFUSED_STREAM),
            Http2::Reset => respond.send_reset(h2::Reason::INTERNAL_ERROR),
            Http2::GoAwayUnread => unreachable!("a connection that is going away accepts nothing"),
        }
    }
}

#[tokio::test]
async fn http2_is_spoken_and_says_what_was_dropped_unread() {
    let check = async |how: Http2, expect: Result<StatusCode, CallError>| {
        let door = tls_door().await;
        let (client, url) = (client(Some(&door.ca)), door.url.clone());
        let mut server = JoinSet::new();
        server.spawn(serve_http2(door, how));
        let result = client.call(post(&url), &WriteGate::default()).await;
        assert_eq!(result.map(|answer| answer.status), expect);
    };
    check(Http2::Answer, Ok(StatusCode::CREATED)).await;
    check(Http2::RefuseStream, Err(CallError::NotWritten("refused"))).await;
    check(Http2::GoAwayUnread, Err(CallError::NotWritten("refused"))).await;
    check(Http2::Reset, Err(CallError::Unanswered("connection"))).await;
}

#[tokio::test]
async fn an_http2_request_called_back_is_reset_before_its_body() {
    let door = tls_door().await;
    let (client, url) = (client(Some(&door.ca)), door.url.clone());
    let gate = WriteGate::default();
    assert!(gate.shut());
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (tcp, _) = door.listener.accept().await.unwrap();
        let tls = door.acceptor.accept(tcp).await.unwrap();
        let mut connection = h2::server::handshake(tls).await.unwrap();
        let mut bodies = 0;
        while let Some(Ok((request, _respond))) = connection.accept().await {
            let mut body = request.into_body();
            bodies += usize::from(matches!(body.data().await, Some(Ok(_))));
        }
        bodies
    });
    let result = client.call(post(&url), &gate).await;
    assert_eq!(result.unwrap_err(), CallError::NotWritten("called_back"));
    drop(client);
    assert_eq!(server.join_next().await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_wrote_nothing() {
    let door = tls_door().await;
    let (client, url) = (client(None), door.url.clone());
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (tcp, _) = door.listener.accept().await.unwrap();
        door.acceptor.accept(tcp).await.is_err()
    });
    let result = client.call(post(&url), &WriteGate::default()).await;
    assert_eq!(result.unwrap_err(), CallError::NotWritten("connect"));
    assert!(server.join_next().await.unwrap().unwrap());
}

#[test]
fn an_authority_that_is_none_is_refused() {
    let nothing = Secret::fixed("no certificate");
    let settings = outbound::Outbound::default();
    let problem = Outbound::new(&settings, Some(&nothing)).unwrap_err();
    assert_eq!(problem.to_string(), "outbound.ca holds no PEM certificate");
}

#[test]
fn retry_after_is_read_as_seconds_or_date() {
    const NOW: u64 = 1_445_412_470_000; // Wed, 21 Oct 2015 07:27:50 GMT
    let check = |text: &str, expect: Option<u64>| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        let (status, body) = (StatusCode::TOO_MANY_REQUESTS, Bytes::new());
        let answer = Answer {
            status,
            headers,
            body,
        };
        let delay = answer.retry_after(NOW);
        assert_eq!(delay, expect.map(Duration::from_secs), "{text}");
    };
    check("0", Some(0));
    check(" 120 ", Some(120));
    check("Wed, 21 Oct 2015 07:28:00 GMT", Some(10));
    check("Wed, 21 Oct 2015 07:27:00 GMT", Some(0));
    check("99999999999999999999999", None);
    check("-1", None);
    check("soon", None);
    check("", None);
}

#[test]
fn what_is_asked_and_answered_is_not_shown() {
    let request = post("http://vendor.test");
    let answer = Answer {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: request.body.clone(),
    };
    let secret = secret_header("Basic hush").unwrap();
    let shown = format!("{request:?} {answer:?} {secret:?}");
    assert_eq!(
        shown,
        "Request(POST vendor.test) Answer(200 OK, 11 bytes) Sensitive"
    );
}
