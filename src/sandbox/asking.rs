//! Requests to simulators, written out as a vendor's documentation writes them; for tests.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::{
    config::outbound,
    outbound::{Answer, CallError, Outbound, Request, WriteGate},
};

/// A request to make.
#[derive(Clone)]
pub(super) struct Asking {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

/// An answer that is JSON.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Asking {
    pub(super) fn new(method: Method, url: &str) -> Self {
        Self {
            method,
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// With this header in place of any other of its name.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        let value: HeaderValue = value.parse().expect("a header");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Without this header.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// To another address.
    pub(super) fn to(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// With this body.
    pub(super) fn body(mut self, body: &str) -> Self {
        self.body = Bytes::copy_from_slice(body.as_bytes());
        self
    }

    /// With these fields as a form.
    pub(super) fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.with("content-type", "application/x-www-form-urlencoded")
            .body(&form.finish())
    }

    /// Makes the request.
    pub(super) async fn call(self) -> Result<Answer, CallError> {
        let outbound = Outbound::new(&outbound::Outbound::default(), None).expect("a client");
        let request = Request {
            method: self.method,
            url: self.url.parse().expect("a URL"),
            headers: self.headers,
            body: self.body,
        };
        outbound.call(request, &WriteGate::default()).await
    }

    /// Makes the request, and reads its answer as JSON.
    pub(super) async fn json(self) -> Answered {
        let answer = self.call().await.expect("an answer");
        Answered {
            status: answer.status.as_u16(),
            headers: answer.headers,
            body: serde_json::from_slice(&answer.body).expect("JSON"),
        }
    }
}
