//! How long a caller waits: `grpc-timeout` becomes a deadline that handlers can see, and that ends the call.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{Request, Response};
use tonic::{Status, body::Body, server::NamedService};
use tower::Service;

use crate::clock::Clock;

/// What a caller that sets no deadline gets.
const DEFAULT: Duration = Duration::from_secs(10);

/// The longest that a call may take, whatever its caller would wait: a send must have ended long before its claim does.
const LONGEST: Duration = Duration::from_mins(5);

/// What is kept back for the answer's way.
const MARGIN: Duration = Duration::from_millis(100);

/// When a call arrived and when it must be answered.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// When the call arrived.
    pub arrived: Instant,
    /// When the work on it must be done, so that its answer comes in time.
    pub deadline: Instant,
}

/// Gives every call its [`Time`], and ends it with `DEADLINE_EXCEEDED` when the caller's time is over.
#[derive(Clone, Debug)]
pub struct Timed<S> {
    inner: S,
    clock: Clock,
}

impl<S> Timed<S> {
    /// Times `inner`.
    pub fn new(inner: S, clock: Clock) -> Self {
        Self { inner, clock }
    }
}

impl<S: NamedService> NamedService for Timed<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Timed<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let given = request.headers().get("grpc-timeout");
        let given = given.and_then(|value| parse(value.as_bytes()));
        let patience = given.unwrap_or(DEFAULT);
        let arrived = self.clock.now();
        request.extensions_mut().insert(Time {
            arrived,
            deadline: arrived + patience.saturating_sub(MARGIN),
        });
        let call = self.inner.call(request);
        Box::pin(async move {
            match tokio::time::timeout(patience, call).await {
                Ok(answer) => answer,
                // Without a reason of ours: a reason would say that nothing was sent, and here nobody knows.
                Err(_) => Ok(Status::deadline_exceeded("time ran out").into_http()),
            }
        })
    }
}

/// Reads `grpc-timeout`: at most eight digits and a unit. A longer one than [`LONGEST`] is cut to that.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let time = match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    };
    Some(time.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_timeouts() {
        let check = |text: &str, expect: Option<Duration>| {
            assert_eq!(parse(text.as_bytes()), expect, "{text}");
        };
        check("1S", Some(Duration::from_secs(1)));
        check("250m", Some(Duration::from_millis(250)));
        check("99999999n", Some(Duration::from_nanos(99_999_999)));
        check("99999999H", Some(LONGEST));
        for bad in ["", "S", "1", "1x", "-1S", "123456789S", " 1S", "1.5S"] {
            check(bad, None);
        }
    }
}
