//! Requests as most vendors want them: a form or JSON, posted, with the answer asked for in JSON.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde::Serialize;
use url::Url;

use crate::outbound::Request;

/// Posts a form that is encoded already. `authorization` is left out where the form itself says who asks.
pub fn form(url: Url, authorization: Option<HeaderValue>, form: String) -> Request {
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request(url, authorization, kind, form.into())
}

/// Posts JSON.
pub fn json(url: Url, authorization: Option<HeaderValue>, body: &impl Serialize) -> Request {
    let kind = HeaderValue::from_static("application/json");
    let body = serde_json::to_vec(body).expect("texts and numbers under texts are always JSON");
    request(url, authorization, kind, body.into())
}

fn request(
    url: Url,
    authorization: Option<HeaderValue>,
    kind: HeaderValue,
    body: Bytes,
) -> Request {
    let mut headers = HeaderMap::with_capacity(3);
    if let Some(value) = authorization {
        headers.insert(AUTHORIZATION, value);
    }
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, kind);
    Request {
        method: Method::POST,
        url,
        headers,
        body,
    }
}
