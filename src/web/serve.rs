//! Serving a router on a listener: HTTP/1.1 and HTTP/2, with or without TLS, until told to stop.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::Sleep,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceBuilder;

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
        loop {
            let stream = tokio::select! {
                () = door.stop.cancelled() => return,
                stream = accept(&listener, door.name) => stream,
            };
            let Ok(slot) = slots.clone().try_acquire_owned() else {
                // Dropping the stream closes it: better than to let it wait unseen.
                continue;
            };
            let serving = door.clone().connection(stream, router.clone());
            door.tracker.spawn(async move {
                serving.await;
                drop(slot);
            });
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, router: Router) {
        // Answers are small and whole: waiting to fill a packet only delays them.
        drop(stream.set_nodelay(true));
        let patience = tokio::time::sleep(self.read_timeout);
        let Some(tls) = &self.tls else {
            return self.requests(stream, router, patience).await;
        };
        let handshake = TlsAcceptor::from(tls.clone()).accept(stream);
        tokio::select! {
            () = self.stop.cancelled() => {}
            shaken = tokio::time::timeout_at(patience.deadline(), handshake) => {
                if let Ok(Ok(stream)) = shaken {
                    self.requests(stream, router, patience).await;
                }
            }
        }
    }

    async fn requests<S>(&self, stream: S, router: Router, patience: Sleep)
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
        let builder = builder();
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

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
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
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn door() -> Door {
        Door {
            name: "test",
            tls: None,
            read_timeout: IDLE,
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
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

    #[tokio::test]
    async fn a_request_that_arrived_before_the_end_is_answered() {
        let door = door();
        let stop = door.stop.clone();
        let (mut client, server) = tokio::io::duplex(1024);
        let request = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
        client.write_all(request).await.unwrap();
        stop.cancel();
        let patience = tokio::time::sleep(door.read_timeout);
        door.requests(server, health(), patience).await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}
