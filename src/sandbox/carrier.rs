//! What becomes of a message that a simulated vendor has checked: it is delivered, or the mishap happens that its
//! destination asks for.

use std::{io, time::Duration};

use axum::{
    body::Body,
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use tokio::time::sleep;

use super::{
    server::HangUp,
    triggers::{Grounds, Mishap},
};

/// The answer that is too large comes in this many pieces of 64 KiB: ten mebibytes.
const FLOOD_PIECES: usize = 160;

/// A message at its vendor, ready to go.
pub(super) trait Carrier {
    /// How the vendor words this refusal; `None` where it knows none.
    fn refusal(&self, grounds: Grounds) -> Option<Response>;

    /// Takes the message, and names it.
    fn deliver(&self) -> Response;

    /// The answer to a message that was taken, without its name.
    fn nameless(&self) -> Response;
}

/// Delivers, or lets the mishap happen. A slow answer takes `slow`.
pub(super) async fn carry(
    carrier: &(impl Carrier + Sync),
    mishap: Option<Mishap>,
    slow: Duration,
) -> Response {
    match mishap {
        None => carrier.deliver(),
        Some(Mishap::Refused(grounds)) => {
            let refusal = carrier.refusal(grounds);
            refusal.unwrap_or_else(|| carrier.deliver())
        }
        Some(Mishap::Outage) => outage(),
        Some(Mishap::Hang) => std::future::pending().await,
        Some(Mishap::Slow) => {
            let delivered = carrier.deliver();
            sleep(slow).await;
            delivered
        }
        Some(Mishap::Lost) => {
            carrier.deliver();
            HangUp.into_response()
        }
        Some(Mishap::Nameless) => {
            carrier.deliver();
            carrier.nameless()
        }
        Some(Mishap::Flood) => flood(carrier.deliver().status()),
        Some(Mishap::Garbage) => {
            carrier.deliver();
            "\u{fffd}{\"id\": 1".into_response()
        }
    }
}

/// What a load balancer shows when nothing stands behind it.
fn outage() -> Response {
    let page = "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>";
    (StatusCode::SERVICE_UNAVAILABLE, Html(page)).into_response()
}

/// Ten mebibytes, of which never more than a piece is in memory.
fn flood(status: StatusCode) -> Response {
    static PIECE: [u8; 64 * 1024] = [b' '; 64 * 1024];
    let piece = Bytes::from_static(&PIECE);
    let pieces = stream::repeat(piece).take(FLOOD_PIECES);
    let pieces = pieces.map(Ok::<_, io::Error>);
    (status, Body::from_stream(pieces)).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;

    use super::*;
    use crate::sandbox::triggers::TRIGGERS;

    /// Refuses fraud only, and counts what it takes.
    #[derive(Default)]
    struct Counting(AtomicU32);

    impl Carrier for Counting {
        fn refusal(&self, grounds: Grounds) -> Option<Response> {
            (grounds == Grounds::Fraud).then(|| StatusCode::FORBIDDEN.into_response())
        }

        fn deliver(&self) -> Response {
            self.0.fetch_add(1, Ordering::Relaxed);
            StatusCode::CREATED.into_response()
        }

        fn nameless(&self) -> Response {
            StatusCode::ACCEPTED.into_response()
        }
    }

    #[tokio::test]
    async fn each_mishap_has_its_answer_and_takes_at_most_one_message() {
        for trigger in TRIGGERS {
            let vendor = Counting::default();
            let answer = carry(&vendor, Some(trigger.mishap), Duration::ZERO);
            let answered = if trigger.mishap == Mishap::Hang {
                answer.now_or_never()
            } else {
                Some(answer.await)
            };
            let status = answered.as_ref().map(|answer| answer.status().as_u16());
            let (expect, taken) = match trigger.mishap {
                Mishap::Refused(Grounds::Fraud) => (Some(403), 0),
                Mishap::Outage => (Some(503), 0),
                Mishap::Hang => (None, 0),
                Mishap::Nameless => (Some(202), 1),
                Mishap::Lost | Mishap::Garbage => (Some(200), 1),
                Mishap::Refused(_) | Mishap::Slow | Mishap::Flood => (Some(201), 1),
            };
            assert_eq!(status, expect, "{}", trigger.suffix);
            let counted = vendor.0.load(Ordering::Relaxed);
            assert_eq!(counted, taken, "{}", trigger.suffix);
            let hung_up = answered.is_some_and(|a| a.extensions().get::<HangUp>().is_some());
            assert_eq!(hung_up, trigger.mishap == Mishap::Lost);
        }
    }
}
