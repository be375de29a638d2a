//! Tokens: which kinds there are, what each wants to see, and how long it lives.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::desk::Vendor;
use crate::sandbox::{
    jwt::{self, Claims},
    reading::Form,
};

/// Whom assertions are for.
const AUDIENCE: &str = "https://api.line.me/";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead, in seconds, an assertion may end.
const LONGEST_ASSERTION: u64 = 30 * 60;
/// Seconds for which a stateless token lives.
const STATELESS: u64 = 899;
/// Seconds for which any other token lives at most.
const MONTH: u64 = 30 * 24 * 60 * 60;

/// A kind of token, each with its own endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// By secret or assertion; lives for a quarter of an hour.
    Stateless,
    /// By assertion, which also says how long it lives.
    Dated,
    /// By secret; lives for a month.
    ShortLived,
}

/// Why no token is given.
struct Denial(&'static str, &'static str);

const BAD_GRANT: Denial = Denial(
    "unsupported_grant_type",
    "grant_type must be client_credentials",
);
const BAD_CLIENT: Denial = Denial("invalid_client", "invalid client_id or client_secret");
const BAD_ASSERTION: Denial = Denial("invalid_client", "Invalid client_assertion");
const BAD_ASSERTION_TYPE: Denial = Denial("invalid_request", "Invalid client_assertion_type");
const BAD_LIFE: Denial = Denial("invalid_request", "Invalid token_exp");

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let Self(error, text) = self;
        let body = json!({ "error": error, "error_description": text });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
}

/// Answers a request for a token.
pub(super) fn give(vendor: &Vendor, kind: Kind, headers: &HeaderMap, body: &[u8]) -> Response {
    match token(vendor, kind, &Form::of(headers, body)) {
        Ok(token) => Json(token).into_response(),
        Err(denial) => denial.into_response(),
    }
}

fn token(vendor: &Vendor, kind: Kind, form: &Form) -> Result<Value, Denial> {
    if form.get("grant_type") != Some("client_credentials") {
        return Err(BAD_GRANT);
    }
    let life = match (kind, form.get("client_assertion")) {
        (Kind::Stateless | Kind::Dated, Some(assertion)) => {
            if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(BAD_ASSERTION_TYPE);
            }
            let claims = verified(vendor, assertion).ok_or(BAD_ASSERTION)?;
            life(kind, &claims)?
        }
        (Kind::Dated, None) => return Err(BAD_ASSERTION),
        (Kind::Stateless | Kind::ShortLived, _) => {
            by_secret(vendor, form)?;
            if kind == Kind::Stateless {
                STATELESS
            } else {
                MONTH
            }
        }
    };
    let token = format!(
        "{:032x}{:032x}",
        vendor.clock.random(),
        vendor.clock.random()
    );
    let now = vendor.clock.unix_ms();
    // Random tokens do not meet.
    let _ = vendor.tokens.keep(&token, (), now, now + life * 1000);
    let mut answer = json!({ "token_type": "Bearer", "access_token": token, "expires_in": life });
    if kind == Kind::Dated {
        answer["key_id"] = json!(format!("{:032x}", vendor.clock.random()));
    }
    Ok(answer)
}

fn by_secret(vendor: &Vendor, form: &Form) -> Result<(), Denial> {
    let settings = &vendor.settings;
    let id = form.get("client_id") == Some(&settings.channel_id);
    let secret = form.get("client_secret") == Some(&settings.channel_secret);
    (id && secret).then_some(()).ok_or(BAD_CLIENT)
}

fn life(kind: Kind, claims: &Claims) -> Result<u64, Denial> {
    if kind == Kind::Stateless {
        return Ok(STATELESS);
    }
    let life = claims.number("token_exp").ok_or(BAD_LIFE)?;
    (1..=MONTH).contains(&life).then_some(life).ok_or(BAD_LIFE)
}

/// The claims of an assertion of this channel's, signed by the key that was registered.
fn verified(vendor: &Vendor, assertion: &str) -> Option<Claims> {
    let settings = &vendor.settings;
    let key = settings.key.as_ref()?;
    let named = jwt::head(assertion)?.kid;
    (named.is_some() && named == key.common.key_id).then_some(())?;
    let claims = jwt::read(assertion, key, &[Algorithm::RS256])?;
    let of_channel = ["iss", "sub"]
        .into_iter()
        .all(|name| claims.text(name) == Some(&settings.channel_id));
    let now = vendor.clock.unix_ms() / 1000;
    let timely = claims.timely(now, LONGEST_ASSERTION).is_ok();
    (of_channel && claims.is_for(AUDIENCE) && timely).then_some(claims)
}
