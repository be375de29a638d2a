//! A plain HTTP client, as Okta's is: one request, one answer, and how long it took.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tollgate::{
    clock::Clock,
    config,
    outbound::{CallError, Outbound, Request, WriteGate},
};

/// The client. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Http {
    outbound: Outbound,
    clock: Clock,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) took: Duration,
}

impl Http {
    pub(crate) fn new() -> Self {
        let settings = config::outbound::Outbound::default();
        Self {
            outbound: Outbound::new(&settings, None).unwrap(),
            clock: Clock::system(),
        }
    }

    /// A client that trusts this authority too, PEM.
    pub(crate) fn trusting(authority: &str) -> Self {
        let settings = config::outbound::Outbound::default();
        let authority = config::secret::Secret::fixed(authority);
        Self {
            outbound: Outbound::new(&settings, Some(&authority)).unwrap(),
            clock: Clock::system(),
        }
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Reply, CallError> {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        self.call(Method::GET, url, headers, body).await
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, CallError> {
        let request = Request {
            method,
            url: url.parse().unwrap(),
            headers,
            body,
        };
        let began = self.clock.now();
        let answer = self.outbound.call(request, &WriteGate::default()).await?;
        Ok(Reply {
            status: answer.status.as_u16(),
            headers: answer.headers,
            body: answer.body,
            took: self.clock.now() - began,
        })
    }
}

impl Reply {
    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
