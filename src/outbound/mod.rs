//! The one HTTP client for vendors: pooled, bounded in time and size, and able to say whether a request had been
//! written when it failed.

pub mod channel;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod vendor;

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::RETRY_AFTER};
use http_body::{Body, Frame, SizeHint};
use jiff::fmt::rfc2822;
use reqwest::{Url, redirect, retry};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use secrecy::ExposeSecret;

use crate::{
    config::{outbound, secret::Secret},
    lanes,
};

/// Most bytes of an answer that are read; the rest is left on the wire. Vendors' answers are far smaller.
pub const MAX_ANSWER: usize = 64 * 1024;

/// How much longer than its head the body of an answer may take. The head alone says whether the message was accepted,
/// so a body that hangs must not turn a known result into a doubt.
const BODY_WITHIN: Duration = Duration::from_millis(500);

/// How often a busy HTTP/2 connection is asked for a sign of life, and how long it may take to give one. Every request
/// to a vendor may share one connection: without this, a dead one would swallow them until TCP gives up.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
const ALIVE_WITHIN: Duration = Duration::from_secs(2);

/// Why the client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// `outbound.ca` holds no certificate.
    #[error("outbound.ca holds no PEM certificate")]
    BadCa,
    /// The TLS or HTTP library refused its settings.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}

/// The client. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// That of the shared runtime, and one for each lane: a connection is carried by the thread that has opened it, and a
    /// request over one of another thread would have to wait for that one, twice.
    #[expect(clippy::disallowed_types, reason = "the one place that makes a client")]
    clients: Arc<[reqwest::Client]>,
    linger: Duration,
}

/// What is asked of a vendor. Its `Debug` shows neither path nor body: they carry numbers and codes.
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Headers; secret ones are made by [`secret_header`].
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "Request({} {host})", self.method)
    }
}

/// What a vendor answered. There is no `Debug` of its body: vendors echo what they were sent.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// At most [`MAX_ANSWER`] bytes of the body; what came, where the connection broke in the middle.
    pub body: Bytes,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl Answer {
    /// How long the vendor asks us to wait (`Retry-After`, in seconds or as a date), at `now_ms` milliseconds since
    /// 1970; `None` where it does not say, or not in a way that can be read.
    pub fn retry_after(&self, now_ms: u64) -> Option<Duration> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Duration::from_secs);
        }
        let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        let until = u64::try_from(until.as_millisecond()).unwrap_or(0);
        Some(Duration::from_millis(until.saturating_sub(now_ms)))
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The vendor has nothing to act on: name, connection or TLS failed, the gate was shut, or the vendor itself said
    /// that it dropped the request unread.
    #[error("the request was not written: {0}")]
    NotWritten(&'static str),
    /// The request was written; the vendor may have acted on it.
    #[error("no answer after the request was written: {0}")]
    Unanswered(&'static str),
}

const OPEN: u8 = 0;
const WRITTEN: u8 = 1;
const SHUT: u8 = 2;

/// Whether a request has been written, agreed between the one who waits for it and the one who writes it: either the
/// request goes out, or the gate is shut before; never both.
#[derive(Clone, Debug, Default)]
pub struct WriteGate(Arc<AtomicU8>);

impl WriteGate {
    /// Forbids writing; `false` when it is too late for that.
    pub fn shut(&self) -> bool {
        let before = self
            .0
            .compare_exchange(OPEN, SHUT, Ordering::AcqRel, Ordering::Acquire);
        before != Err(WRITTEN)
    }

    /// Whether writing has begun.
    pub fn written(&self) -> bool {
        self.0.load(Ordering::Acquire) == WRITTEN
    }

    fn is_shut(&self) -> bool {
        self.0.load(Ordering::Acquire) == SHUT
    }

    fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire) == OPEN
    }

    /// What it means that a request has no answer because of `problem`, which is called `word` where it was not the gate.
    pub fn unanswered(&self, problem: &(dyn Error + 'static), word: &'static str) -> CallError {
        if self.is_shut() {
            CallError::NotWritten(CALLED_BACK)
        } else if dropped_unread(problem) {
            CallError::NotWritten("refused")
        } else if self.written() {
            CallError::Unanswered(word)
        } else {
            CallError::NotWritten(word)
        }
    }

    /// Marks the request as written; `false` when the gate was shut before. For transports that write themselves.
    pub fn pass(&self) -> bool {
        let before = self
            .0
            .compare_exchange(OPEN, WRITTEN, Ordering::AcqRel, Ordering::Acquire);
        before != Err(SHUT)
    }
}

impl Outbound {
    /// A client with the public authorities and those of `ca`.
    pub fn new(settings: &outbound::Outbound, ca: Option<&Secret>) -> Result<Self, OutboundError> {
        Self::for_lanes(settings, ca, 0)
    }

    /// Such a client with connections of their own for so many lanes.
    pub fn for_lanes(
        settings: &outbound::Outbound,
        ca: Option<&Secret>,
        lanes: usize,
    ) -> Result<Self, OutboundError> {
        let mut tls = client_tls(ca)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        #[expect(clippy::disallowed_types, reason = "the one place that makes a client")]
        let client = || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                // A redirect would take a code to an address that nobody configured.
                .redirect(redirect::Policy::none())
                // Whether to send again is decided in routing, not in the transport.
                .retry(retry::never())
                // Nor may a variable that happens to be set send codes through a proxy.
                .no_proxy()
                .connect_timeout(settings.connect_timeout.0)
                .pool_idle_timeout(settings.idle_timeout.0)
                .timeout(settings.linger.0)
                .http2_keep_alive_interval(ALIVE_EVERY)
                .http2_keep_alive_timeout(ALIVE_WITHIN)
                .tcp_nodelay(true)
                .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|e| OutboundError::Client(e.to_string()))
        };
        let clients = (0..=lanes).map(|_| client()).collect::<Result<_, _>>()?;
        let linger = settings.linger.0;
        Ok(Self { clients, linger })
    }

    /// How long a request may live in all, whichever way it travels.
    pub fn linger(&self) -> Duration {
        self.linger
    }

    /// Makes one request and reads its answer.
    pub async fn call(&self, request: Request, gate: &WriteGate) -> Result<Answer, CallError> {
        // A transport never asks for an empty body, so such a request counts as written from here on.
        if request.body.is_empty() && !gate.pass() {
            return Err(CallError::NotWritten(CALLED_BACK));
        }
        let body = GatedBody {
            bytes: Some(request.body),
            gate: gate.clone(),
        };
        let own = self.clients.get(lanes::place());
        let sent = own
            .unwrap_or(&self.clients[0])
            .request(request.method, request.url)
            .headers(request.headers)
            .body(reqwest::Body::wrap(body))
            .send()
            .await;
        let mut answer = sent.map_err(|problem| missing_answer(&problem, gate))?;
        let status = answer.status();
        let headers = std::mem::take(answer.headers_mut());
        let mut body = BytesMut::new();
        // The status is the vendor's word; a body that breaks off or hangs does not take it back.
        let _ = tokio::time::timeout(BODY_WITHIN, read_body(&mut answer, &mut body)).await;
        Ok(Answer {
            status,
            headers,
            body: body.freeze(),
        })
    }
}

async fn read_body(answer: &mut reqwest::Response, body: &mut BytesMut) {
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = MAX_ANSWER - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_ANSWER {
            break;
        }
    }
}

/// A header value that no log of a library will print; `None` when it has bytes that no header may have.
pub fn secret_header(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// TLS for clients: the public authorities, and those of `ca`.
pub fn client_tls(ca: Option<&Secret>) -> Result<ClientConfig, OutboundError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(ca) = ca {
        let pem = ca.load();
        let extra = CertificateDer::pem_slice_iter(pem.expose_secret().as_bytes());
        let extra: Vec<_> = extra
            .collect::<Result<_, _>>()
            .map_err(|_| OutboundError::BadCa)?;
        let (added, _) = roots.add_parsable_certificates(extra);
        (added > 0).then_some(()).ok_or(OutboundError::BadCa)?;
    }
    let builder = ClientConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()
        .map_err(|e| OutboundError::Client(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The cryptography of every TLS connection, in and out.
pub fn crypto() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

const CALLED_BACK: &str = "called_back";

fn missing_answer(problem: &reqwest::Error, gate: &WriteGate) -> CallError {
    let word = if problem.is_timeout() {
        "timeout"
    } else if problem.is_connect() {
        "connect"
    } else {
        "connection"
    };
    let known = gate.unanswered(problem, word);
    if problem.is_connect() && known == CallError::Unanswered(word) {
        return CallError::NotWritten(word);
    }
    known
}

/// Whether an HTTP/2 peer vouched that it did not look at the request: a refused stream, or one above the last that a
/// closing connection took (RFC 9113 §8.7).
fn dropped_unread(problem: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(problem), |cause| (*cause).source());
    causes
        .find_map(|cause| cause.downcast_ref::<h2::Error>())
        .is_some_and(|cause| {
            let refused = cause.is_reset() && cause.reason() == Some(h2::Reason::REFUSED_STREAM);
            let closing = cause.is_go_away() && cause.reason() == Some(h2::Reason::NO_ERROR);
            cause.is_remote() && (refused || closing)
        })
}

/// A body that passes the gate when the transport first asks for it, which it does once it has a connection and has
/// taken the head. What is then still in the transport's own buffers counts as written: a doubt is the safer error.
struct GatedBody {
    bytes: Option<Bytes>,
    gate: WriteGate,
}

/// The gate was shut before the request was written.
#[derive(Debug, thiserror::Error)]
#[error("the request was called back before it was written")]
struct CalledBack;

impl GatedBody {
    fn new(bytes: Bytes, gate: WriteGate) -> Self {
        Self {
            bytes: Some(bytes),
            gate,
        }
    }
}

impl Body for GatedBody {
    type Data = Bytes;
    type Error = CalledBack;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CalledBack>>> {
        if !self.gate.pass() {
            return Poll::Ready(Some(Err(CalledBack)));
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
