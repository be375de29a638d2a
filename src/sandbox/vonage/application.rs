//! Who may call and send messages: an application with a signed token, or for messages the account itself.

use http::{HeaderMap, StatusCode};
use jsonwebtoken::Algorithm;

use super::{Settings, problem::Problem};
use crate::sandbox::{
    jwt::{self, Untimely},
    reading,
};

/// How far ahead, in seconds, a token may end.
const LONGEST_TOKEN: u64 = 24 * 60 * 60;

const UNAUTHORIZED: Problem = Problem::new(
    StatusCode::UNAUTHORIZED,
    "#unauthorized",
    "You did not provide correct credentials.",
);
const EXPIRED: Problem = Problem::new(
    StatusCode::UNAUTHORIZED,
    "#jwt-expired",
    "The token has expired.",
);

/// Accepts a token, or the account's key and secret.
pub(super) fn or_account(
    settings: &Settings,
    headers: &HeaderMap,
    now: u64,
) -> Result<(), Problem> {
    let account = format!("{}:{}", settings.api_key, settings.api_secret);
    match reading::basic(headers) {
        Some(given) if given == account => Ok(()),
        Some(_) => Err(UNAUTHORIZED),
        None => only(settings, headers, now),
    }
}

/// Accepts a token that the application has signed, at `now` seconds since 1970.
pub(super) fn only(settings: &Settings, headers: &HeaderMap, now: u64) -> Result<(), Problem> {
    let token = reading::credentials(headers, "bearer").ok_or(UNAUTHORIZED)?;
    let key = settings.key.as_ref().ok_or(UNAUTHORIZED)?;
    let claims = jwt::read(token, key, &[Algorithm::RS256]).ok_or(UNAUTHORIZED)?;
    let ours = claims.text("application_id") == Some(&settings.application_id);
    let complete = claims.text("jti").is_some() && claims.number("iat").is_some();
    if !ours || !complete {
        return Err(UNAUTHORIZED);
    }
    claims
        .timely(now, LONGEST_TOKEN)
        .map_err(|untimely| match untimely {
            Untimely::Expired => EXPIRED,
            Untimely::Missing | Untimely::TooLong | Untimely::Early => UNAUTHORIZED,
        })
}
