//! One HTTP/1.1 connection as Okta keeps it open, and the hooks that go over it.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::TlsConnector;
use tollgate::outbound;

use super::process::HOOK_SECRET;

/// Why there is no answer.
pub(crate) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// An open connection.
pub(crate) struct Line {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Head and body as text.
    pub(crate) text: String,
    body: Bytes,
}

impl Reply {
    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Whether Okta is told that the code is on its way.
    pub(crate) fn is_successful(&self) -> bool {
        let status = "/commands/0/value/0/status";
        self.status == 200 && self.json().pointer(status) == Some(&json!("SUCCESSFUL"))
    }
}

impl Line {
    /// Opens a connection in plain text.
    pub(crate) async fn open(door: SocketAddr) -> Result<Self, Broken> {
        Self::over(TcpStream::connect(door).await?).await
    }

    /// Opens a connection to `localhost` at this door, trusting this authority only.
    pub(crate) async fn open_tls(door: SocketAddr, authority: &str) -> Result<Self, Broken> {
        let stream = TcpStream::connect(door).await?;
        let connector = TlsConnector::from(Arc::new(trusting(authority)));
        let name = ServerName::try_from("localhost")?;
        Self::over(connector.connect(name, stream).await?).await
    }

    async fn over<S>(stream: S) -> Result<Self, Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        Ok(Self {
            sender,
            _driver: driver,
        })
    }

    /// Makes a request.
    pub(crate) async fn call(&mut self, request: Request<Bytes>) -> Result<Reply, Broken> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.map(Full::new)).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Reply {
            status: head.status.as_u16(),
            text: format!("{:?}\n{}", head.headers, String::from_utf8_lossy(&body)),
            body,
        })
    }

    /// Fetches a page.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Reply, Broken> {
        self.call(request(Method::GET, path, Bytes::new())).await
    }

    /// Sends a hook as Okta's org of the tenant `acme` does.
    pub(crate) async fn hook(&mut self, body: &Value) -> Result<Reply, Broken> {
        let mut request = request(
            Method::POST,
            "/okta/acme/telephony",
            body.to_string().into(),
        );
        let headers = request.headers_mut();
        headers.insert("x-hook-secret", HOOK_SECRET.parse()?);
        headers.insert(header::CONTENT_TYPE, "application/json".parse()?);
        self.call(request).await
    }
}

/// A request that has what every request has.
pub(crate) fn request(method: Method, path: &str, body: Bytes) -> Request<Bytes> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header(header::HOST, "localhost").body(body);
    request.expect("a path of these tests")
}

/// Fetches one page over a fresh connection.
pub(crate) async fn get(door: SocketAddr, path: &str) -> Result<Reply, Broken> {
    Line::open(door).await?.get(path).await
}

/// The hook of one event; `phone` and `code` are Okta's.
pub(crate) fn hook(event: &str, phone: &str, code: &str) -> Value {
    json!({
        "eventId": event,
        "eventTime": "2026-03-02T09:15:30.000Z",
        "eventType": "com.okta.telephony.provider",
        "requestType": "com.okta.user.telephony.mfa-verification",
        "data": {
            "context": { "request": { "id": format!("req-{event}"), "ipAddress": "203.0.113.7" } },
            "userProfile": { "userId": format!("user-{event}") },
            "messageProfile": {
                "msgTemplate": format!("Your code is {code}"),
                "phoneNumber": phone,
                "otpExpires": "2026-03-02T09:20:30.000Z",
                "deliveryChannel": "SMS",
                "otpCode": code,
            },
        },
    })
}

fn trusting(authority: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("an authority");
    }
    ClientConfig::builder_with_provider(outbound::crypto())
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
