//! The kind against a real server that does as it was told: the questions of the contract, asked over gRPC.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Map, Value, json};
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpListener, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Response, Status,
    transport::{Identity, Server, ServerTlsConfig, server::TcpIncoming},
};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    channels::{
        kinds::contract::fixture::{House, NEVER, Subject, message},
        provider::{Accepted, Message, SendError},
    },
    domain::{
        channel::Channel,
        failure::{Failure, Scope},
    },
    outbound::WriteGate,
    pb::plugin::{
        self, DescribeRequest, DescribeResponse, Failed, FailureClass, FailureScope, SendRequest,
        SendResponse,
        channel_service_server::{ChannelService, ChannelServiceServer},
        send_response,
    },
};

type Answer = Result<SendResponse, Status>;

/// A call as it arrived: its headers as text, and what was asked.
#[derive(Clone)]
struct Call {
    headers: String,
    request: SendRequest,
}

/// What a plugin does with its next calls; it never answers one for which nothing is left.
#[derive(Clone)]
struct Scripted {
    script: Arc<Mutex<VecDeque<Answer>>>,
    calls: Arc<watch::Sender<Vec<Call>>>,
}

impl Scripted {
    fn next(&self) -> Option<Answer> {
        let script = self.script.lock();
        script.unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

#[tonic::async_trait]
impl ChannelService for Scripted {
    async fn send(&self, request: Request<SendRequest>) -> Result<Response<SendResponse>, Status> {
        let headers = format!("{:?}", request.metadata().clone().into_headers());
        let request = request.into_inner();
        self.calls
            .send_modify(|calls| calls.push(Call { headers, request }));
        match self.next() {
            Some(answer) => answer.map(Response::new),
            None => std::future::pending().await,
        }
    }

    async fn describe(
        &self,
        _: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        Err(Status::unimplemented("nobody should ask"))
    }
}

/// A plugin that runs until it is stopped, or the test ends.
struct Plugin {
    address: SocketAddr,
    calls: watch::Receiver<Vec<Call>>,
    stop: CancellationToken,
    server: JoinSet<()>,
}

impl Plugin {
    async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::serve("127.0.0.1:0", Server::builder(), script).await
    }

    async fn serve(
        address: &str,
        mut server: Server,
        script: impl IntoIterator<Item = Answer>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, calls) = watch::channel(Vec::new());
        let scripted = Scripted {
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            calls: Arc::new(tell),
        };
        let router = server.add_service(ChannelServiceServer::new(scripted));
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let incoming = TcpIncoming::from(listener);
            let serving = router.serve_with_incoming_shutdown(incoming, stopped);
            serving.await.unwrap();
        });
        Self {
            address,
            calls,
            stop,
            server: tasks,
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.server.join_all().await;
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn called(&self, count: usize) {
        let mut calls = self.calls.clone();
        calls.wait_for(|calls| calls.len() >= count).await.unwrap();
    }

    fn call(&self) -> Call {
        let calls = self.calls.borrow();
        assert_eq!(calls.len(), 1);
        calls[0].clone()
    }
}

fn settings(url: &str) -> Map<String, Value> {
    let settings =
        json!({ "url": url, "token": { "env": "PLUGIN_TOKEN" }, "channels": ["sms", "voice"] });
    serde_json::from_value(settings).unwrap()
}

async fn send(url: &str, message: &Message, gate: &WriteGate) -> Result<Accepted, SendError> {
    let directory = House::default().build_one("grpc", settings(url)).unwrap();
    let provider = &directory.get(Subject::NAME).unwrap().provider;
    provider.send(message, gate).await
}

async fn ask(url: &str) -> Result<Accepted, SendError> {
    let message = message(Channel::Sms, "+14155552671", "Your code is 482913");
    send(url, &message, &WriteGate::default()).await
}

async fn ask_of(answer: Answer) -> Result<Accepted, SendError> {
    let plugin = Plugin::start([answer]).await;
    let result = ask(&plugin.url()).await;
    plugin.call();
    result
}

fn accepted(message_id: &str) -> SendResponse {
    let message_id = message_id.to_owned();
    let accepted = plugin::Accepted { message_id };
    SendResponse {
        result: Some(send_response::Result::Accepted(accepted)),
    }
}

fn failed(
    class: i32,
    code: &str,
    scope: i32,
    retry_after: Option<prost_types::Duration>,
) -> SendResponse {
    let failed = Failed {
        class,
        code: code.to_owned(),
        scope,
        retry_after,
    };
    SendResponse {
        result: Some(send_response::Result::Failed(failed)),
    }
}

fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

#[tokio::test]
async fn each_answer_means_what_the_contract_says() {
    let taken = |id: Option<&str>| {
        Ok(Accepted {
            message_id: id.map(str::to_owned),
        })
    };
    assert_eq!(ask_of(Ok(accepted("m-1"))).await, taken(Some("m-1")));
    // An id that nobody could use is none.
    for odd in [
        "",
        "two words",
        "naïve",
        "to-14155552671",
        "otp-482913",
        &"x".repeat(129),
    ] {
        assert_eq!(ask_of(Ok(accepted(odd))).await, taken(None), "{odd}");
    }
    for class in Failure::CLASSES {
        let name = format!("FAILURE_CLASS_{}", class.as_str().to_uppercase());
        let wire = FailureClass::from_str_name(&name).unwrap();
        let result = ask_of(Ok(failed(wire.into(), "E-17.b_2", 0, None))).await;
        assert_eq!(result, Err(SendError::new(class, "E-17.b_2")));
    }
    for scope in [
        Scope::Provider,
        Scope::Country,
        Scope::Sender,
        Scope::Recipient,
    ] {
        let name = format!("FAILURE_SCOPE_{}", scope.as_str().to_uppercase());
        let wire = FailureScope::from_str_name(&name).unwrap();
        let account = FailureClass::Account.into();
        let result = ask_of(Ok(failed(account, "x", wire.into(), None))).await;
        let expect = SendError::new(Failure::Account, "x").within(scope);
        assert_eq!(result, Err(expect));
    }
}

#[tokio::test]
async fn what_the_contract_does_not_know_is_a_doubt() {
    let check = async |answer: SendResponse, code: &str| {
        let expect = SendError::new(Failure::Ambiguous, code);
        assert_eq!(ask_of(Ok(answer)).await, Err(expect), "{code}");
    };
    check(failed(0, "", 0, None), "unknown_class").await;
    check(failed(99, "E17", 99, None), "E17").await;
    check(
        failed(-1, "a sentence about somebody", 0, None),
        "unknown_class",
    )
    .await;
    check(failed(3, &"x".repeat(65), 0, None), "ambiguous").await;
    check(SendResponse { result: None }, "no_result").await;
    // Nor does the ledger learn from a code who got what.
    check(failed(3, "482913", 0, None), "ambiguous").await;
    check(failed(3, "E17-14155552671", 0, None), "ambiguous").await;
}

#[tokio::test]
async fn a_delay_is_told_in_either_way() {
    let throttled = |delay: Option<u64>| Failure::Throttled {
        delay: delay.map(Duration::from_secs),
    };
    let class = FailureClass::Throttled.into();
    let check = async |asked, expect| {
        let result = ask_of(Ok(failed(class, "slow", 0, asked))).await;
        assert_eq!(result, Err(SendError::new(throttled(expect), "slow")));
    };
    check(Some(seconds(7)), Some(7)).await;
    check(Some(seconds(-7)), None).await;
    check(None, None).await;

    let info = ErrorDetails::with_retry_info(Some(Duration::from_secs(9)));
    for (details, expect) in [(info, Some(9)), (ErrorDetails::new(), None)] {
        let status = Status::with_error_details(Code::ResourceExhausted, "slow", details);
        let expect = SendError::new(throttled(expect), "resource_exhausted");
        assert_eq!(ask_of(Err(status)).await, Err(expect));
    }
}

#[tokio::test]
async fn each_status_has_its_class() {
    let check = async |code: Code, failure: Failure, word: &str| {
        let result = ask_of(Err(Status::new(code, "hunter2"))).await;
        assert_eq!(result, Err(SendError::new(failure, word)), "{code:?}");
    };
    check(Code::Unauthenticated, Failure::Account, "unauthenticated").await;
    check(
        Code::PermissionDenied,
        Failure::Account,
        "permission_denied",
    )
    .await;
    check(Code::Unimplemented, Failure::Account, "unimplemented").await;
    check(Code::InvalidArgument, Failure::Request, "invalid_argument").await;
    check(Code::Unavailable, Failure::Ambiguous, "unavailable").await;
    check(Code::DeadlineExceeded, Failure::Ambiguous, "timeout").await;
    for code in [
        Code::Unknown,
        Code::Internal,
        Code::NotFound,
        Code::AlreadyExists,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::DataLoss,
    ] {
        check(code, Failure::Ambiguous, "status").await;
    }
}

#[tokio::test]
async fn a_message_arrives_as_it_is_with_its_keys_its_token_and_its_deadline() {
    let nasty = "\"it's\" <b>&amp;</b> 100%+1=2;\r\n\t🔑 \u{202e}شفرة ${x} {{y}} \\n ";
    let mut message = message(Channel::Voice, "+14155552671", nasty);
    message.attempt.ordinal = 2;
    message.language = "pt-BR".to_owned();
    let plugin = Plugin::start([Ok(accepted("m"))]).await;
    let gate = WriteGate::default();
    send(&plugin.url(), &message, &gate).await.unwrap();
    assert!(gate.written());

    let Call { headers, request } = plugin.call();
    let recipient = request.recipient.unwrap();
    assert_eq!(request.text, nasty);
    assert_eq!(request.channel, i32::from(plugin::Channel::Voice));
    assert_eq!(request.attempt_id, message.attempt.to_string());
    assert_eq!(request.idempotency_key, message.first_attempt.to_string());
    assert_ne!(request.attempt_id, request.idempotency_key);
    assert_eq!(
        (&*request.provider, &*request.code),
        (Subject::NAME, "482913")
    );
    assert_eq!((&*request.locale, &*request.language), ("en-US", "pt-BR"));
    assert_eq!(recipient.phone_number, "+14155552671");
    assert_eq!(recipient.line_user_id, "U0123456789abcdef0123456789abcdef");
    let life = Duration::try_from(request.valid_for.unwrap()).unwrap();
    assert_eq!(life, message.valid_for);
    // No longer than the code lives.
    let timeout = headers.split("\"grpc-timeout\": \"").nth(1).unwrap();
    assert!(
        timeout.starts_with("299900000u\"") || timeout.starts_with("299900m\""),
        "{headers}"
    );
    assert!(
        headers.contains("\"authorization\": \"Bearer value-of-PLUGIN_TOKEN\""),
        "{headers}"
    );
    assert!(!headers.contains("482913"), "{headers}");
}

#[tokio::test]
async fn a_plugin_that_never_answers_leaves_a_doubt() {
    let plugin = Plugin::start([]).await;
    let hang = async {
        plugin.called(1).await;
        tokio::time::pause();
        tokio::time::advance(NEVER).await;
    };
    let url = plugin.url();
    let (result, ()) = tokio::join!(ask(&url), hang);
    assert_eq!(result, Err(SendError::new(Failure::Ambiguous, "timeout")));
}

#[tokio::test]
async fn what_was_not_written_is_no_doubt() {
    let fault = |code: &str| Err(SendError::new(Failure::Transient, code));
    assert_eq!(ask("http://127.0.0.1:1").await, fault("connect"));

    let plugin = Plugin::start([]).await;
    let (message, shut) = (
        message(Channel::Sms, "+14155552671", "x"),
        WriteGate::default(),
    );
    assert!(shut.shut());
    assert_eq!(
        send(&plugin.url(), &message, &shut).await,
        fault("called_back")
    );
    assert!(plugin.calls.borrow().is_empty());

    // It takes the connection and never answers the TLS greeting.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let hang = async {
        let taken = listener.accept().await.unwrap();
        tokio::time::pause();
        tokio::time::advance(NEVER).await;
        let again = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
        drop((taken, again));
    };
    let result = tokio::select! {
        result = ask(&url) => result,
        () = hang => unreachable!("it waits for ever"),
    };
    assert_eq!(result, fault("connect"));
}

/// A server that answers every request with this.
async fn raw(head: http::response::Builder, body: impl Into<Bytes>) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = head.body(Full::new(body.into())).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let serve = service_fn(move |_: http::Request<Incoming>| {
            let answer = answer.clone();
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection =
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), serve);
        drop(connection.await);
    });
    (url, tasks)
}

#[tokio::test]
async fn garbage_is_a_doubt() {
    let grpc = || http::Response::builder().header("content-type", "application/grpc");
    let html = || http::Response::builder().header("content-type", "text/html");
    let mut huge = vec![0, 0, 0x10, 0, 0];
    huge.resize(5 + 0x10_0000, b'x');
    for (head, body) in [
        (grpc(), Vec::new()),
        (grpc(), b"\0\0\0\0\x04????".to_vec()),
        (grpc(), b"\0\0\0".to_vec()),
        (grpc(), b"<html>\x07 hello".to_vec()),
        (grpc(), huge),
        (html(), b"<html>hello</html>".to_vec()),
        (html().status(502), b"<html>Bad gateway</html>".to_vec()),
    ] {
        let length = body.len();
        let (url, _server) = raw(head, body).await;
        let failure = ask(&url).await.unwrap_err().failure;
        assert_eq!(failure, Failure::Ambiguous, "{length} bytes");
    }
    let large = accepted(&"x".repeat(100_000));
    let failure = ask_of(Ok(large)).await.unwrap_err().failure;
    assert_eq!(failure, Failure::Ambiguous);
}

#[tokio::test]
async fn what_does_not_speak_grpc_is_a_doubt_once_it_has_the_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let speak = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        while !bytes.windows(6).any(|six| six == b"482913") {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
        }
        let reply = b"HTTP/1.1 400 Bad Request\r\n\r\nwhat?";
        stream.write_all(reply).await.unwrap();
        listener
    };
    let (result, _listener) = tokio::join!(ask(&url), speak);
    assert_eq!(result.unwrap_err().failure, Failure::Ambiguous);
}

#[tokio::test]
async fn a_connection_that_breaks_speaks_not_for_the_plugin() {
    // tonic makes of each a status that would say that nothing was sent.
    for reason in [
        h2::Reason::ENHANCE_YOUR_CALM,
        h2::Reason::INADEQUATE_SECURITY,
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut server = JoinSet::new();
        server.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (request, mut respond) = connection.accept().await.unwrap().unwrap();
            let mut body = request.into_body();
            let read = async { while body.data().await.is_some() {} };
            tokio::select! {
                () = read => {}
                more = connection.accept() => unreachable!("{more:?}"),
            }
            respond.send_reset(reason);
            while connection.accept().await.is_some() {}
        });
        let expect = SendError::new(Failure::Ambiguous, "status");
        assert_eq!(ask(&url).await, Err(expect), "{reason:?}");
    }
}

#[tokio::test]
async fn a_plugin_that_was_started_anew_is_found_again() {
    let plugin = Plugin::start([Ok(accepted("1"))]).await;
    let (url, address) = (plugin.url(), plugin.address.to_string());
    let directory = House::default().build_one("grpc", settings(&url)).unwrap();
    let provider = &directory.get(Subject::NAME).unwrap().provider;
    let message = message(Channel::Sms, "+14155552671", "x");
    let send = async || {
        let gate = WriteGate::default();
        provider
            .send(&message, &gate)
            .await
            .map(|taken| taken.message_id.unwrap())
    };
    assert_eq!(send().await, Ok("1".to_owned()));
    plugin.stop().await;
    let lost = send().await.unwrap_err();
    assert_eq!(lost.failure, Failure::Transient);
    let again = Plugin::serve(&address, Server::builder(), [Ok(accepted("2"))]).await;
    assert_eq!(send().await, Ok("2".to_owned()));
    again.call();
}

#[tokio::test]
async fn over_tls_only_the_right_plugin_gets_the_message() {
    let issue = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (own, other) = (issue(), issue());
    let identity = Identity::from_pem(own.cert.pem(), own.signing_key.serialize_pem());
    let tls = ServerTlsConfig::new().identity(identity);
    let server = Server::builder().tls_config(tls).unwrap();
    let plugin = Plugin::serve("127.0.0.1:0", server, [Ok(accepted("m"))]).await;
    let url = format!("https://localhost:{}", plugin.address.port());
    let send = async |ca: String| {
        let house = House::with_environment(move |_| Some(ca.clone()));
        let mut settings = settings(&url);
        settings.remove("token");
        settings.insert("ca".to_owned(), json!({ "env": "CA" }));
        let directory = house.build_one("grpc", settings).unwrap();
        let provider = &directory.get(Subject::NAME).unwrap().provider;
        let message = message(Channel::Sms, "+14155552671", "x");
        provider.send(&message, &WriteGate::default()).await
    };
    let refused = send(other.cert.pem()).await;
    assert_eq!(refused, Err(SendError::new(Failure::Transient, "connect")));
    assert_eq!(
        send(own.cert.pem()).await.unwrap().message_id.as_deref(),
        Some("m")
    );
}

#[test]
fn codes_do_not_travel_in_clear_by_mistake() {
    let mut house = House::default();
    house.allow_test_providers = false;
    let problem = |url: &str, plaintext: bool| {
        let mut settings = settings(url);
        settings.insert("plaintext".to_owned(), plaintext.into());
        let problems = house.build_one("grpc", settings).err()?;
        assert_eq!(problems[0].0, "providers.acme.url");
        Some(problems[0].1.clone())
    };
    for good in [
        "https://plugin:443",
        "http://127.0.0.1:50061",
        "http://localhost:50061",
        "http://[::1]:50061",
    ] {
        assert_eq!(problem(good, false), None, "{good}");
    }
    let overheard = "is not on this machine: use https, or say `plaintext: true`";
    assert_eq!(
        problem("http://plugin:50061", false).as_deref(),
        Some(overheard)
    );
    assert_eq!(problem("http://plugin:50061", true), None);
    for bad in [
        "",
        "plugin:50061",
        "https://plugin",
        "https://plugin:1/x",
        "https://u@plugin:1",
        "ftp://plugin:1",
        "https://plugin:1?x",
    ] {
        let text = "the address must be http";
        assert!(
            problem(bad, true).is_some_and(|found| found.starts_with(text)),
            "{bad}"
        );
    }
    let mut mute = settings("https://plugin:443");
    mute.insert("channels".to_owned(), json!([]));
    let problems = house.build_one("grpc", mute).unwrap_err();
    assert_eq!(problems[0].0, "providers.acme.channels");
}

#[test]
fn nothing_private_is_shown() {
    let directory = House::default().build_one("grpc", settings("https://plugin:443"));
    let shown = format!("{:?}", directory.unwrap());
    assert!(!shown.contains("value-of"), "{shown}");
}
