//! A provider that fails on purpose: refuses, hangs, lies, floods or is slow, as it is told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::patience::in_time;

/// The id of every message that this provider takes.
pub(crate) const MESSAGE_ID: &str = "SM00000000000000000000000000000001";

/// What it does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Takes the message.
    Accept,
    /// Takes the message and answers after this time.
    Slow(Duration),
    /// Takes the message and answers once it is released.
    Hold,
    /// Lets the connection come and never reads from it.
    HangUnread,
    /// Reads the request and never answers.
    Hang,
    /// Answers with a status, header lines (each with its line end) and a body.
    Answer(u16, &'static str, &'static str),
    /// Answers 201 with ten mebibytes of nothing.
    Flood,
    /// Closes the connection once it has the request.
    Close,
}

/// The running provider.
pub(crate) struct Vendor {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: CancellationToken,
    // Holds the port of a provider that refuses.
    _closed: Option<TcpSocket>,
}

struct Desk {
    acts: Mutex<VecDeque<Act>>,
    seen: watch::Sender<usize>,
    connections: AtomicUsize,
    released: CancellationToken,
}

impl Vendor {
    /// Does the same with every request.
    pub(crate) async fn that(act: Act) -> Self {
        Self::script([act]).await
    }

    /// Does this with one request after the other, and the last of it with every further one.
    pub(crate) async fn script(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vendor = Self::at(listener.local_addr().unwrap(), acts, None);
        let (desk, tasks) = (vendor.desk.clone(), TaskTracker::new());
        let stop = vendor.stop.clone();
        tasks.clone().spawn(async move {
            let accept = async {
                while let Ok((stream, _)) = listener.accept().await {
                    desk.connections.fetch_add(1, Ordering::Relaxed);
                    let serving = serve(stream, desk.clone());
                    let stop = stop.clone();
                    tasks.spawn(async move { stop.run_until_cancelled(serving).await });
                }
            };
            stop.run_until_cancelled(accept).await
        });
        vendor
    }

    /// Refuses every connection.
    pub(crate) fn refusing() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Bound and not listening: nobody else can get the port, and nobody gets through.
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self::at(socket.local_addr().unwrap(), [], Some(socket))
    }

    fn at(
        address: SocketAddr,
        acts: impl IntoIterator<Item = Act>,
        closed: Option<TcpSocket>,
    ) -> Self {
        Self {
            address,
            desk: Arc::new(Desk {
                acts: Mutex::new(acts.into_iter().collect()),
                seen: watch::Sender::default(),
                connections: AtomicUsize::new(0),
                released: CancellationToken::new(),
            }),
            stop: CancellationToken::new(),
            _closed: closed,
        }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The settings of a provider at this vendor that is given up on after `timeout`.
    pub(crate) fn settings(&self, timeout: &str) -> Value {
        json!({
            "kind": "twilio",
            "base_url": format!("http://{}", self.address),
            "account_sid": "AC00000000000000000000000000000001",
            "auth_token": { "env": "TWILIO_TOKEN" },
            "senders": { "default": "+15005550006" },
            "timeout": timeout,
        })
    }

    /// How many requests it has read whole.
    pub(crate) fn requests(&self) -> usize {
        *self.desk.seen.borrow()
    }

    /// How many connections it has taken.
    pub(crate) fn connections(&self) -> usize {
        self.desk.connections.load(Ordering::Relaxed)
    }

    /// Waits until it has read so many requests.
    pub(crate) async fn has_seen(&self, requests: usize) {
        let mut seen = self.desk.seen.subscribe();
        let enough = seen.wait_for(|seen| *seen >= requests);
        in_time("the provider's requests", enough).await.unwrap();
    }

    /// Answers every request that is held, and holds no further one.
    pub(crate) fn release(&self) {
        self.desk.released.cancel();
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Desk {
    fn next(&self) -> Act {
        let mut acts = self.acts.lock().unwrap();
        if acts.len() > 1 {
            return acts.pop_front().unwrap();
        }
        acts.front().unwrap().clone()
    }

    /// Looks at what comes next without taking it.
    fn reads(&self) -> bool {
        !matches!(self.acts.lock().unwrap().front(), Some(Act::HangUnread))
    }
}

async fn serve(mut stream: TcpStream, desk: Arc<Desk>) {
    if !desk.reads() {
        desk.next();
        return std::future::pending().await;
    }
    while read(&mut stream).await.is_some() {
        let act = desk.next();
        desk.seen.send_modify(|seen| *seen += 1);
        // A peer that went away meanwhile is part of some stories.
        match act {
            Act::Accept => drop(stream.write_all(&accepted()).await),
            Act::Slow(time) => {
                tokio::time::sleep(time).await;
                drop(stream.write_all(&accepted()).await);
            }
            Act::Hold => {
                desk.released.cancelled().await;
                drop(stream.write_all(&accepted()).await);
            }
            Act::Answer(status, headers, body) => {
                drop(stream.write_all(&answer(status, headers, body)).await);
            }
            Act::Flood => flood(&mut stream).await,
            Act::Close => return,
            Act::Hang | Act::HangUnread => std::future::pending().await,
        }
    }
}

/// Reads the next whole request; `None` when the peer has closed.
async fn read(stream: &mut TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let whole = head + length.map_or(0, |length| length.parse::<usize>().unwrap());
    while bytes.len() < whole {
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    Some(())
}

fn accepted() -> Vec<u8> {
    let kind = "content-type: application/json\r\n";
    answer(
        201,
        kind,
        &format!(r#"{{"sid":"{MESSAGE_ID}","status":"queued"}}"#),
    )
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

async fn flood(stream: &mut TcpStream) {
    static PIECE: [u8; 64 * 1024] = [b' '; 64 * 1024];
    const PIECES: usize = 160;
    let head = format!(
        "HTTP/1.1 201 X\r\ncontent-length: {}\r\n\r\n",
        PIECE.len() * PIECES
    );
    let mut written = stream.write_all(head.as_bytes()).await;
    for _ in 0..PIECES {
        // Whoever is flooded may well hang up.
        if written.is_err() {
            return;
        }
        written = stream.write_all(&PIECE).await;
    }
}
