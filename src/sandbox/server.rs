//! A small HTTP server on loopback, on which every simulator stands; unlike a real one it can hang up in mid-request.

use std::{
    io::{Error, ErrorKind, Result},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
    response::{IntoResponse, Response},
};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// Most bytes of a request's body; more is answered 413.
const MAX_BODY: usize = 64 * 1024;
/// Connections open at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;
/// How long a client may take for a request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long answers under way may take once the server stops. Some never come, by design.
const GRACE: Duration = Duration::from_millis(500);

/// A running server. It stops when this is dropped; [`Server::stop`] also waits for its end.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Binds a loopback address and serves `router` on it, in one step.
    pub async fn start(listen: SocketAddr, router: Router) -> Result<Self> {
        Ok(Bound::new(listen).await?.serve(router))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and the address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, lets the answers under way finish for a moment, and closes every connection.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A loopback address that is bound and not served yet, for servers that must know their own address.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds a loopback address; port 0 takes a free one. Fails when the address is not loopback or is taken:
    /// simulators believe anybody, so nobody else may reach them.
    pub async fn new(listen: SocketAddr) -> Result<Self> {
        if !listen.ip().is_loopback() {
            let text = "a simulator listens on loopback only";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// `http://` and the address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves `router`.
    pub fn serve(self, router: Router) -> Server {
        let server = Server {
            address: self.address,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let door = Door {
            router: router.layer(DefaultBodyLimit::max(MAX_BODY)),
            stop: server.stop.clone(),
            tasks: server.tasks.clone(),
        };
        server.tasks.spawn(door.accept(self.listener));
        server
    }
}

/// Marks an answer that is never sent: the connection is closed in its place.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the simulator hung up")]
pub struct HangUp;

impl IntoResponse for HangUp {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

struct Door {
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Door {
    async fn accept(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let arrive = async {
            loop {
                // The semaphore is never closed; if it were, serving without a bound would be worse than stopping.
                let Ok(place) = room.clone().acquire_owned().await else {
                    return;
                };
                match listener.accept().await {
                    Ok((stream, _)) => self.open(stream, place),
                    // Out of descriptors, for example: trying again at once would only burn the processor.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        self.stop.run_until_cancelled(arrive).await;
    }

    fn open(&self, stream: TcpStream, place: OwnedSemaphorePermit) {
        let router = self.router.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            // Small answers must not wait for the peer's acknowledgements; a socket that refuses is only slower.
            let _ = stream.set_nodelay(true);
            serve(stream, router, stop).await;
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, router: Router, stop: CancellationToken) {
    let answer = service_fn(move |request| answer(router.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    // How a connection ends is the client's business: a simulator has nobody to tell.
    tokio::select! {
        _ = &mut connection => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(GRACE, connection).await;
        }
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
) -> std::result::Result<Response, HangUp> {
    let response = match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    match response.extensions().get::<HangUp>() {
        Some(hang_up) => Err(*hang_up),
        None => Ok(response),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

    async fn start() -> Server {
        let router = Router::new()
            .route("/", get(async || "here"))
            .route("/lost", get(async || HangUp))
            .route("/never", get(std::future::pending::<()>));
        let started = Server::start(ANY.into(), router).await;
        started.expect("a free port")
    }

    async fn ask(server: &Server, path: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).await.expect("open");
        let request = format!("GET {path} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("write");
        let mut read = String::new();
        // A connection that is reset instead of closed has said nothing either.
        let _ = stream.read_to_string(&mut read).await;
        read
    }

    #[tokio::test]
    async fn it_answers_or_hangs_up() {
        let server = start().await;
        let answer = ask(&server, "/").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"));
        assert_eq!(ask(&server, "/lost").await, "");
    }

    #[tokio::test]
    async fn it_listens_on_loopback_only() {
        for open in [
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            (Ipv6Addr::UNSPECIFIED, 0).into(),
        ] {
            let refused = Server::start(open, Router::new()).await;
            assert_eq!(
                refused.map_err(|e| e.kind()).expect_err("refused"),
                ErrorKind::InvalidInput
            );
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error() {
        let server = start().await;
        let second = Server::start(server.address(), Router::new()).await;
        assert_eq!(
            second.map_err(|e| e.kind()).expect_err("taken"),
            ErrorKind::AddrInUse
        );
    }

    #[tokio::test]
    async fn a_client_that_gives_up_frees_its_place() {
        let server = start().await;
        let tasks = async |count: usize| {
            while server.tasks.len() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = ask(&server, "/never") => panic!("{answer}"),
            // One task accepts, the other is the connection.
            () = tasks(2) => {}
        }
        tasks(1).await;
    }

    #[tokio::test]
    async fn it_stops_although_an_answer_never_comes() {
        let server = start().await;
        let (answer, ()) = tokio::join!(ask(&server, "/never"), async {
            // Two tasks: the one that accepts, and the connection.
            while server.tasks.len() < 2 {
                tokio::task::yield_now().await;
            }
            server.stop().await;
        });
        assert_eq!(answer, "");
        assert!(TcpStream::connect(server.address()).await.is_err());
    }
}
