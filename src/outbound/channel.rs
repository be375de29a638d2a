//! gRPC channels: to the gateway of a separate adapter, with calls spread over all addresses of its name, and to a single
//! service such as a plugin. Dead connections are noticed, and what had not been written when it failed is tried again.

use std::{
    collections::HashSet,
    error::Error,
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, Uri, header::AUTHORIZATION};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use tokio::{net::TcpStream, sync::mpsc::Sender};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{
    body::Body,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, channel::Change},
};
use tower::{Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{GatedBody, WriteGate, secret_header};
use crate::config::secret::Secret;

/// How often the gateway's name is looked up again.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);

/// Most addresses of the gateway that are told to the channel before it has taken them up.
const CHANGES: usize = 64;

/// How often a call that was not written is tried, the first time included. Each try picks an address by chance, and a
/// dead one may come up several times in a row.
const TRIES: u32 = 16;

/// How long to wait before trying again. All tries together take no more than a third of a second where every address
/// refuses at once.
const PAUSE: Duration = Duration::from_millis(20);

/// Why a call has no answer.
pub type AnyError = Box<dyn Error + Send + Sync>;

/// Why there can be no channel.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The address is not what it must be.
    #[error("the address must be http://host:port or https://host:port")]
    Url,
    /// The TLS library refused its settings.
    #[error("no channel can be built: {0}")]
    Tls(String),
}

/// Where a service is, and how to speak to it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// `https://host:port` or `http://host:port`.
    pub url: String,
    /// The authority that signed its certificate; the public ones where left out.
    pub ca: Option<Secret>,
    /// The bearer token to show it.
    pub token: Option<Secret>,
}

/// A channel to the gateway. It opens connections only once it is used; the name is looked up until `stop`.
pub fn connect<E: From<AnyError> + 'static>(
    remote: Remote,
    stop: CancellationToken,
    tracker: &TaskTracker,
) -> Result<BoxCloneSyncService<Request<Body>, Response<Body>, E>, ChannelError> {
    let place = Place::new(&remote)?;
    let (channel, changes) = Channel::balance_channel(CHANGES);
    tracker.spawn(async move {
        // Neither a look-up that hangs nor a channel that nobody uses holds up the end.
        stop.run_until_cancelled(place.follow(changes)).await
    });
    let token = remote.token;
    let service = service_fn(move |request| {
        let (channel, token) = (channel.clone(), token.clone());
        async move {
            let call = call(&channel, token.as_ref(), TRIES, request);
            call.await.map_err(E::from)
        }
    });
    Ok(BoxCloneSyncService::new(service))
}

/// A channel to one service over one connection, which is opened at the first call, and again after it broke.
#[derive(Clone)]
pub struct Single(Arc<SingleParts>);

struct SingleParts {
    endpoint: Endpoint,
    token: Option<Secret>,
    opened: OnceLock<Channel>,
}

impl Single {
    /// A channel that touches no network yet.
    pub fn new(remote: Remote) -> Result<Self, ChannelError> {
        let place = Place::new(&remote)?;
        let endpoint = Endpoint::from(place.origin.clone());
        Ok(Self(Arc::new(SingleParts {
            endpoint: place.tuned(endpoint)?,
            token: remote.token,
            opened: OnceLock::new(),
        })))
    }
}

/// A call that has a [`WriteGate`] among its extensions passes it when it is written.
impl Service<Request<Body>> for Single {
    type Response = Response<Body>;
    type Error = AnyError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, AnyError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AnyError>> {
        // The channel is asked within the call, which has the gate and the deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let parts = self.0.clone();
        Box::pin(async move {
            let open = || parts.endpoint.connect_with_connector_lazy(service_fn(dial));
            let opened = parts.opened.get_or_init(open);
            // That the other side has closed a connection may be noticed by the next call only.
            call(opened, parts.token.as_ref(), 2, request).await
        })
    }
}

/// Opens a connection. The library bounds the time of a connector that it is handed together with that of TLS; of its own
/// one it bounds the first part only, and a service that never ends a TLS greeting would block all calls for ever.
async fn dial(uri: Uri) -> io::Result<TokioIo<TcpStream>> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or_default();
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}

impl fmt::Debug for Single {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Single({})", self.0.endpoint.uri())
    }
}

async fn call(
    channel: &Channel,
    token: Option<&Secret>,
    most_tries: u32,
    request: Request<Body>,
) -> Result<Response<Body>, AnyError> {
    let (mut head, body) = request.into_parts();
    if let Some(value) = token.and_then(bearer) {
        head.headers.insert(AUTHORIZATION, value);
    }
    let gate = head
        .extensions
        .get::<WriteGate>()
        .cloned()
        .unwrap_or_default();
    let bytes = body.collect().await?.to_bytes();
    let mut tries = 1;
    loop {
        let body = GatedBody::new(bytes.clone(), gate.clone());
        let again = Request::from_parts(head.clone(), Body::new(body));
        let mut channel = channel.clone();
        let answer = channel.ready().await?.call(again).await;
        match answer {
            Ok(answer) => return Ok(answer),
            Err(problem) if !gate.is_open() || tries == most_tries => return Err(problem.into()),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        tries += 1;
    }
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    secret_header(&format!("Bearer {}", token.load().expose_secret()))
}

/// A service's name, and how each of its addresses is spoken to.
struct Place {
    host: String,
    port: u16,
    origin: Uri,
    /// The authority, which may be replaced by another one.
    ca: Option<Secret>,
    /// What the authority said when `tls` was made.
    trusted: Arc<SecretString>,
    tls: Option<ClientTlsConfig>,
}

impl Place {
    fn new(remote: &Remote) -> Result<Self, ChannelError> {
        let origin: Uri = remote.url.parse().map_err(|_| ChannelError::Url)?;
        let (host, port) = match (origin.host(), origin.port_u16()) {
            (Some(host), Some(port)) => (host.trim_matches(['[', ']']).to_owned(), port),
            (_, _) => return Err(ChannelError::Url),
        };
        let tls = match origin.scheme_str() {
            Some("http") => None,
            Some("https") => Some(tls(&host, remote.ca.as_ref())),
            _ => return Err(ChannelError::Url),
        };
        let ca = remote.ca.clone().filter(|_| tls.is_some());
        let place = Self {
            host,
            port,
            origin,
            trusted: ca.as_ref().map(Secret::load).unwrap_or_default(),
            ca,
            tls,
        };
        // Settings that cannot work are found now, not at the first call.
        place.endpoint(SocketAddr::from(([127, 0, 0, 1], port)))?;
        Ok(place)
    }

    fn endpoint(&self, address: SocketAddr) -> Result<Endpoint, ChannelError> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|_| ChannelError::Url)?
            .origin(self.origin.clone());
        self.tuned(endpoint)
    }

    /// An address spoken to as all of this name are.
    fn tuned(&self, endpoint: Endpoint) -> Result<Endpoint, ChannelError> {
        let endpoint = endpoint
            .connect_timeout(Duration::from_secs(1))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true);
        match &self.tls {
            None => Ok(endpoint),
            Some(tls) => endpoint
                .tls_config(tls.clone())
                .map_err(|problem| ChannelError::Tls(problem.to_string())),
        }
    }

    /// Keeps the channel's addresses those of the name. A name that cannot be looked up keeps its last ones. Where the
    /// authority has changed, all are connected to anew.
    async fn follow(mut self, changes: Sender<Change<SocketAddr, Endpoint>>) {
        let mut known = HashSet::new();
        let mut renewed = false;
        loop {
            renewed |= self.renew();
            match tokio::net::lookup_host((self.host.as_str(), self.port)).await {
                Ok(found) => {
                    let found: HashSet<_> = found.collect();
                    self.tell(&known, &found, renewed, &changes).await;
                    known = found;
                    renewed = false;
                }
                Err(problem) => {
                    tracing::warn!(error = %problem, "the gateway's name could not be looked up");
                }
            }
            tokio::time::sleep(LOOK_UP_EVERY).await;
        }
    }

    /// Takes up another authority, and says whether there was one. One that cannot be used changes nothing.
    fn renew(&mut self) -> bool {
        let Some(ca) = &self.ca else {
            return false;
        };
        let now = ca.load();
        if now.expose_secret() == self.trusted.expose_secret() {
            return false;
        }
        let before = self.tls.replace(tls(&self.host, Some(ca)));
        self.trusted = now;
        let local = SocketAddr::from(([127, 0, 0, 1], self.port));
        let usable = self.endpoint(local).is_ok();
        if usable {
            tracing::info!("the gateway's authority was read again");
        } else {
            tracing::warn!("a changed authority cannot be used; the last one stays");
            self.tls = before;
        }
        usable
    }

    async fn tell(
        &self,
        known: &HashSet<SocketAddr>,
        found: &HashSet<SocketAddr>,
        renewed: bool,
        changes: &Sender<Change<SocketAddr, Endpoint>>,
    ) {
        for gone in known.difference(found) {
            // The channel is gone only when nobody will call any more.
            drop(changes.send(Change::Remove(*gone)).await);
        }
        for fresh in found {
            if known.contains(fresh) && !renewed {
                continue;
            }
            if let Ok(endpoint) = self.endpoint(*fresh) {
                drop(changes.send(Change::Insert(*fresh, endpoint)).await);
            }
        }
    }
}

fn tls(host: &str, ca: Option<&Secret>) -> ClientTlsConfig {
    let config = ClientTlsConfig::new().domain_name(host);
    match ca {
        Some(ca) => config.ca_certificate(Certificate::from_pem(ca.load().expose_secret())),
        None => config.trust_anchors(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::future::join_all;
    use hyper::{body::Incoming, server::conn::http2, service};
    use hyper_util::rt::TokioExecutor;
    use tokio::{net::TcpListener, task::JoinSet};

    use super::*;

    /// A gateway that answers whatever it is asked.
    async fn gateway() -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let answer =
                |_: Request<Incoming>| async { Ok::<_, Infallible>(Response::new(String::new())) };
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let serve = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service::service_fn(answer));
                connections.spawn(async move { drop(serve.await) });
            }
        });
        (address, tasks)
    }

    async fn refusing() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    }

    fn place() -> Place {
        let url = "http://gateway.test:1".to_owned();
        let (ca, token) = (None, None);
        Place::new(&Remote { url, ca, token }).unwrap()
    }

    async fn one(channel: &Channel) -> Result<Response<Body>, AnyError> {
        let request = Request::post("/x").body(Body::empty()).unwrap();
        call(channel, None, TRIES, request).await
    }

    #[tokio::test]
    async fn dead_addresses_beside_a_live_one_cost_no_call() {
        let (live, _gateway) = gateway().await;
        let place = place();
        let (channel, changes) = Channel::balance_channel(CHANGES);
        for address in [refusing().await, live, refusing().await] {
            let change = Change::Insert(address, place.endpoint(address).unwrap());
            changes.send(change).await.unwrap();
        }
        let mut lost = 0;
        for _ in 0..20 {
            let calls = (0..50).map(|_| one(&channel));
            let answers = join_all(calls).await;
            lost += answers.iter().filter(|answer| answer.is_err()).count();
        }
        assert_eq!(lost, 0, "of a thousand");
    }
}
