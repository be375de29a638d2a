//! The simulated phones: every message a simulated vendor took, and how many requests it saw for them.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Json, Router, extract::Query, routing::get};
use futures_util::future::select_all;
use serde::{Deserialize, Serialize, Serializer};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::domain::channel::Channel;

/// Arrivals that a slow subscriber may lag behind before it misses some.
const BACKLOG: usize = 1024;

/// A message that a simulated vendor took. It prints its id only: number and text are for the simulated phone.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The vendor's id of it.
    pub sid: String,
    /// The way it came.
    #[serde(serialize_with = "name_of")]
    pub channel: Channel,
    /// Whom it went to: the number, or the LINE user id, as the request had it. Where the request had a hash only, the
    /// number that the vendor knows by it.
    pub to: String,
    /// The sender, or the messaging service that picks one.
    pub from: String,
    /// What the person reads or hears. Of a template: the approved wording, filled in.
    pub body: String,
    /// The language of the voice or the template, where the vendor is told one.
    pub language: Option<String>,
    /// Seconds for which the vendor may try to deliver it, where the request said so.
    pub validity: Option<u32>,
    /// Milliseconds since 1970.
    pub received_at: u64,
}

impl Message {
    /// Whether it went to this number or LINE user id. Of numbers only the digits are compared.
    pub fn is_for(&self, destination: &str) -> bool {
        let is_number = |text: &str| !text.bytes().any(|byte| byte.is_ascii_alphabetic());
        if is_number(destination) && is_number(&self.to) {
            return digits(&self.to).eq(digits(destination));
        }
        self.to == destination
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", self.sid)
    }
}

/// How many requests a simulated vendor saw. A request that it never answers, or whose answer it loses on purpose, is
/// seen all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Requests that arrived whole, refused ones included.
    pub seen: u64,
    /// Messages taken, whether or not the sender was told.
    pub taken: u64,
}

/// Every message taken, oldest first; clones share it. Only the last ones are kept.
#[derive(Clone, Debug)]
pub struct Inbox(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    capacity: usize,
    messages: Mutex<VecDeque<Arc<Message>>>,
    arrivals: broadcast::Sender<Arc<Message>>,
    seen: AtomicU64,
    taken: AtomicU64,
}

impl Inbox {
    /// An empty inbox that keeps the last `capacity` messages.
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Shelf {
            capacity,
            messages: Mutex::default(),
            arrivals: broadcast::Sender::new(BACKLOG),
            seen: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        }))
    }

    /// The messages kept, oldest first.
    pub fn list(&self) -> Vec<Arc<Message>> {
        self.messages().iter().cloned().collect()
    }

    /// The messages kept that went to this number or LINE user id, oldest first.
    pub fn to(&self, destination: &str) -> Vec<Arc<Message>> {
        let messages = self.messages();
        let same = |message: &&Arc<Message>| message.is_for(destination);
        messages.iter().filter(same).cloned().collect()
    }

    /// Tells of every message from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Message>> {
        self.0.arrivals.subscribe()
    }

    /// The last message to this number or LINE user id; waits for the first one without end.
    pub async fn arrival(&self, destination: &str) -> Arc<Message> {
        // Subscribed before looking, so that nothing can arrive unnoticed in between.
        let mut arrivals = self.subscribe();
        loop {
            if let Some(message) = self.to(destination).pop() {
                return message;
            }
            // A lagging subscriber has missed some and looks again; the sender lives as long as `self`.
            let _ = arrivals.recv().await;
        }
    }

    /// How many requests and messages there were since the start, kept or not.
    pub fn counts(&self) -> Counts {
        Counts {
            seen: self.0.seen.load(Ordering::Relaxed),
            taken: self.0.taken.load(Ordering::Relaxed),
        }
    }

    /// Counts a request.
    pub(super) fn see(&self) {
        self.0.seen.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a message in; the oldest one leaves when there is no room.
    pub(super) fn take(&self, message: Message) {
        let message = Arc::new(message);
        let mut messages = self.messages();
        self.0.taken.fetch_add(1, Ordering::Relaxed);
        messages.push_back(message.clone());
        if messages.len() > self.0.capacity {
            messages.pop_front();
        }
        // Told while the list is held, so that subscribers see the order of the list. Nobody listening is no error.
        let _ = self.0.arrivals.send(message);
    }

    fn messages(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Message>>> {
        let messages = self.0.messages.lock();
        messages.unwrap_or_else(PoisonError::into_inner)
    }
}

/// What arrives in several inboxes, from the moment it was made.
#[derive(Debug)]
pub struct Arrivals(Vec<broadcast::Receiver<Arc<Message>>>);

impl Arrivals {
    /// Listens to all of these.
    pub(super) fn of<'a>(inboxes: impl IntoIterator<Item = &'a Inbox>) -> Self {
        Self(inboxes.into_iter().map(Inbox::subscribe).collect())
    }

    /// The next message. An error tells how many were missed, or that an inbox is gone.
    pub async fn next(&mut self) -> Result<Arc<Message>, RecvError> {
        let waits = self.0.iter_mut().map(|inbox| Box::pin(inbox.recv()));
        let (arrived, ..) = select_all(waits).await;
        arrived
    }
}

/// Two paths that no vendor has: they let tests in other processes, and curious people, look at the phones.
pub(super) fn paths<S: Clone + Send + Sync + 'static>(inbox: &Inbox) -> Router<S> {
    let (messages, counts) = (inbox.clone(), inbox.clone());
    Router::new()
        .route(
            "/sandbox/messages",
            get(async move |Query(wanted): Query<Wanted>| Json(messages.shown(&wanted.to))),
        )
        .route("/sandbox/counts", get(async move || Json(counts.counts())))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    to: String,
}

impl Inbox {
    fn shown(&self, to: &str) -> Vec<Message> {
        let found = if to.is_empty() {
            self.list()
        } else {
            self.to(to)
        };
        found.iter().map(|one| Message::clone(one)).collect()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
fn name_of<S: Serializer>(channel: &Channel, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(channel.as_str())
}

fn digits(number: &str) -> impl Iterator<Item = u8> + '_ {
    number.bytes().filter(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sid: &str, to: &str) -> Message {
        Message {
            sid: sid.to_owned(),
            channel: Channel::Sms,
            to: to.to_owned(),
            from: "+15005550006".to_owned(),
            body: "Your code is 482913".to_owned(),
            language: None,
            validity: Some(300),
            received_at: 0,
        }
    }

    fn sids(messages: &[Arc<Message>]) -> Vec<&str> {
        messages.iter().map(|one| one.sid.as_str()).collect()
    }

    #[test]
    fn it_keeps_the_last_and_counts_all() {
        let inbox = Inbox::new(2);
        for sid in ["SM1", "SM2", "SM3"] {
            inbox.see();
            inbox.take(message(sid, "+14155550123"));
        }
        inbox.see();
        assert_eq!(sids(&inbox.list()), ["SM2", "SM3"]);
        assert_eq!(inbox.counts(), Counts { seen: 4, taken: 3 });
    }

    #[test]
    fn numbers_are_found_in_any_writing() {
        let inbox = Inbox::new(9);
        inbox.take(message("SM1", "+14155550123"));
        inbox.take(message("SM2", "+819012345678"));
        for writing in ["+819012345678", "819012345678", " 81 90-1234-5678"] {
            assert_eq!(sids(&inbox.to(writing)), ["SM2"], "{writing}");
        }
        assert!(inbox.to("+8190").is_empty());
    }

    #[test]
    fn line_user_ids_are_no_numbers() {
        let inbox = Inbox::new(9);
        let id = "U0123456789abcdef0123456789abcdef";
        inbox.take(message("M1", id));
        assert_eq!(sids(&inbox.to(id)), ["M1"]);
        for other in ["01234567890123456789", "U0123456789abcdef0123456789abcdee"] {
            assert!(inbox.to(other).is_empty(), "{other}");
        }
    }

    #[tokio::test]
    async fn arrivals_come_from_every_inbox() {
        let inboxes = [Inbox::new(9), Inbox::new(9)];
        let mut arrivals = Arrivals::of(&inboxes);
        for (inbox, sid) in inboxes.iter().zip(["SM1", "SM2"]) {
            inbox.take(message(sid, "+14155550123"));
            let arrived = arrivals.next().await.expect("a message");
            assert_eq!(arrived.sid, sid);
        }
    }

    #[test]
    fn a_message_is_shown_with_its_channel() {
        let shown = serde_json::to_value(message("SM1", "+14155550123")).expect("JSON");
        assert_eq!(shown["channel"], "sms");
    }

    #[tokio::test]
    async fn an_arrival_is_found_before_and_after() {
        let inbox = Inbox::new(9);
        let later = async {
            tokio::task::yield_now().await;
            inbox.take(message("SM1", "+14155550199"));
            inbox.take(message("SM2", "+14155550123"));
        };
        let (found, ()) = tokio::join!(inbox.arrival("+14155550123"), later);
        assert_eq!(found.sid, "SM2");
        assert_eq!(inbox.arrival("+14155550123").await.sid, "SM2");
    }

    #[test]
    fn a_message_prints_without_number_and_text() {
        let shown = format!("{:?}", message("SM1", "+14155550123"));
        assert_eq!(shown, "Message(SM1)");
    }
}
