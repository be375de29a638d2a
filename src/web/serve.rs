//! Serving a router on a listener: HTTP/1.1 and HTTP/2, with or without TLS, until told to stop.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::rt::Executor;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::Semaphore,
    time::Sleep,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceBuilder;

use crate::lanes::Lanes;

/// Most connections of one door.
const MAX_CONNECTIONS: usize = 16 * 1024;

/// How long an idle connection is kept for its next request.
const IDLE: Duration = Duration::from_secs(75);

/// How long to wait after the system refused to hand out a connection, for want of file handles for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a door is served.
#[derive(Clone, Debug)]
pub struct Door {
    /// Its name in logs.
    pub name: &'static str,
    /// TLS, or plain text.
    pub tls: Option<Arc<ServerConfig>>,
    /// How long a new connection may take to its first whole request head, TLS included.
    pub read_timeout: Duration,
    /// Stops accepting, and lets requests under way finish.
    pub stop: CancellationToken,
    /// Where connections are tracked; it is empty once all are done.
    pub tracker: TaskTracker,
    /// What carries its connections; without lanes the runtime that serves the door. The requests of an HTTP/2 connection
    /// are that runtime's in any case: as many may come over one connection as over a hundred others.
    pub lanes: Lanes,
}

/// A door with its port taken and what is behind it.
pub struct Bound {
    door: Door,
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Bound {
    /// Takes the port; nothing is accepted yet.
    pub async fn new(door: Door, listen: SocketAddr, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        Ok(Self {
            address: listener.local_addr()?,
            door,
            listener,
            router,
        })
    }

    /// The door's name.
    pub fn name(&self) -> &'static str {
        self.door.name
    }

    /// Where it is; a port that was 0 is known now.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections until told to stop.
    pub async fn serve(self) {
        self.door.serve(self.listener, self.router).await;
    }
}

/// The answer of a door that only says that it is there, for load balancers.
pub fn health() -> Router {
    Router::new().route("/healthz", axum::routing::get(|| async { "ok\n" }))
}

impl Door {
    async fn serve(self, listener: TcpListener, router: Router) {
        // While connections may still come, the tracker is not empty: nobody slips in behind a drain.
        let _accepting = self.tracker.token();
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let door = Arc::new(self);
        let shared = Shared(Handle::current());
        loop {
            let stream = tokio::select! {
                () = door.stop.cancelled() => return,
                stream = accept(&listener, door.name) => stream,
            };
            let Ok(slot) = slots.clone().try_acquire_owned() else {
                // Dropping the stream closes it: better than to let it wait unseen.
                continue;
            };
            let (this, router, shared) = (door.clone(), router.clone(), shared.clone());
            let Some(lane) = door.lanes.next() else {
                door.tracker.spawn(async move {
                    this.connection(stream, router, shared).await;
                    drop(slot);
                });
                continue;
            };
            let stream = stream.into_std();
            let serving = async move {
                match moved(stream) {
                    Ok(stream) => this.connection(stream, router, shared).await,
                    Err(problem) => {
                        tracing::error!(door = this.name, error = %problem, "a connection could not be carried");
                    }
                }
                drop(slot);
            };
            door.tracker.spawn_on(serving, lane);
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, router: Router, shared: Shared) {
        // Answers are small and whole: waiting to fill a packet only delays them.
        drop(stream.set_nodelay(true));
        let patience = tokio::time::sleep(self.read_timeout);
        let Some(tls) = &self.tls else {
            return self.requests(stream, router, patience, shared).await;
        };
        let handshake = TlsAcceptor::from(tls.clone()).accept(stream);
        tokio::select! {
            () = self.stop.cancelled() => {}
            shaken = tokio::time::timeout_at(patience.deadline(), handshake) => {
                if let Ok(Ok(stream)) = shaken {
                    self.requests(stream, router, patience, shared).await;
                }
            }
        }
    }

    async fn requests<S>(&self, stream: S, router: Router, patience: Sleep, shared: Shared)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let spoke = Arc::new(AtomicBool::new(false));
        let heard = spoke.clone();
        let service = ServiceBuilder::new()
            .map_request(move |request: http::Request<hyper::body::Incoming>| {
                heard.store(true, Ordering::Relaxed);
                request.map(axum::body::Body::new)
            })
            .service(router);
        let builder = builder(shared);
        let connection =
            builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        tokio::pin!(connection);
        let mut stopping = false;
        let mut patience = Some(Box::pin(patience));
        loop {
            let impatient = async {
                match &mut patience {
                    Some(sleep) => sleep.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // A request that has arrived is taken before the end is looked at.
                biased;
                // How a connection ended is the client's affair.
                _ = connection.as_mut() => return,
                () = self.stop.cancelled(), if !stopping => {
                    // A client that has not said anything yet has nothing to lose, and would hold up the drain.
                    if !spoke.load(Ordering::Relaxed) {
                        return;
                    }
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = impatient => {
                    if !spoke.load(Ordering::Relaxed) {
                        return;
                    }
                    patience = None;
                }
            }
        }
    }
}

/// The runtime that serves a door, for requests that are not tied to a connection's thread.
#[derive(Clone)]
struct Shared(Handle);

impl<F> Executor<F> for Shared
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, request: F) {
        self.0.spawn(request);
    }
}

/// Registers a stream anew, with the runtime that this is called on.
fn moved(stream: io::Result<std::net::TcpStream>) -> io::Result<TcpStream> {
    TcpStream::from_std(stream?)
}

fn builder(shared: Shared) -> Builder<Shared> {
    let mut builder = Builder::new(shared);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_header_list_size(16 * 1024)
        .max_concurrent_streams(1024);
    builder
}

async fn accept(listener: &TcpListener, door: &'static str) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(problem) if is_of_the_peer(&problem) => {}
            Err(problem) => {
                tracing::error!(door, error = %problem, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The peer went away between its call and our answer.
fn is_of_the_peer(problem: &io::Error) -> bool {
    matches!(
        problem.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use bytes::Bytes;
    use futures_util::FutureExt;
    use http_body_util::{BodyExt, Empty};
    use hyper_util::rt::TokioExecutor;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        task::JoinSet,
    };

    use super::*;
    use crate::lanes;

    fn door() -> Door {
        Door {
            name: "test",
            tls: None,
            read_timeout: IDLE,
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
            lanes: Lanes::default(),
        }
    }

    #[tokio::test]
    async fn while_a_door_accepts_its_tracker_is_not_empty() {
        let door = door();
        let (stop, tracker) = (door.stop.clone(), door.tracker.clone());
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = Bound::new(door, anywhere, health()).await.unwrap();
        let mut serving = Box::pin(bound.serve());
        assert!((&mut serving).now_or_never().is_none());
        tracker.close();
        assert!(tracker.wait().now_or_never().is_none());
        stop.cancel();
        serving.await;
        assert!(tracker.wait().now_or_never().is_some());
    }

    /// A door on two lanes that answers on which lane a request was.
    async fn on_lanes() -> (SocketAddr, CancellationToken, impl Future) {
        let (lanes, guard) = Lanes::start_some(2).unwrap();
        let door = Door { lanes, ..door() };
        let (stop, tracker) = (door.stop.clone(), door.tracker.clone());
        let place = get(|| async { lanes::place().to_string() });
        let router = Router::new().route("/", place);
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = Bound::new(door, anywhere, router).await.unwrap();
        let address = bound.address();
        tracker.spawn(bound.serve());
        let end = async move {
            tracker.close();
            tracker.wait().await;
            drop(guard);
        };
        (address, stop, end)
    }

    fn asked() -> http::Request<Empty<Bytes>> {
        http::Request::get("http://door.test/")
            .body(Empty::new())
            .unwrap()
    }

    async fn told(answer: http::Response<hyper::body::Incoming>) -> String {
        let body = answer.into_body().collect().await.unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_connection_stays_on_its_lane() {
        let (address, stop, end) = on_lanes().await;
        let (mut clients, mut client_side) = (Vec::new(), JoinSet::new());
        for _ in 0..4 {
            let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
            let (mut client, connection) =
                hyper::client::conn::http1::handshake(stream).await.unwrap();
            client_side.spawn(connection);
            let lane = told(client.send_request(asked()).await.unwrap()).await;
            clients.push((client, lane));
        }
        let lanes: Vec<_> = clients.iter().map(|(_, lane)| lane.as_str()).collect();
        assert_eq!(lanes, ["1", "2", "1", "2"]);
        for (client, lane) in &mut clients {
            for _ in 0..20 {
                let again = client.send_request(asked()).await.unwrap();
                assert_eq!(told(again).await, *lane);
            }
        }
        // The last word of a drain comes from the lanes, too.
        stop.cancel();
        end.await;
    }

    #[tokio::test]
    async fn requests_of_one_http2_connection_are_not_tied_to_a_lane() {
        let (address, stop, end) = on_lanes().await;
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let executor = TokioExecutor::new();
        let (mut client, connection) = hyper::client::conn::http2::handshake(executor, stream)
            .await
            .unwrap();
        let mut client_side = JoinSet::new();
        client_side.spawn(connection);
        for _ in 0..5 {
            assert_eq!(told(client.send_request(asked()).await.unwrap()).await, "0");
        }
        drop(client);
        stop.cancel();
        end.await;
    }

    #[tokio::test]
    async fn a_request_that_arrived_before_the_end_is_answered() {
        let door = door();
        let stop = door.stop.clone();
        let (mut client, server) = tokio::io::duplex(1024);
        let request = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
        client.write_all(request).await.unwrap();
        stop.cancel();
        let patience = tokio::time::sleep(door.read_timeout);
        let shared = Shared(Handle::current());
        door.requests(server, health(), patience, shared).await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}
