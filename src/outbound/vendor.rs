//! A scripted vendor on port 0, for tests: it answers as it was told, and fails the test on a call that nobody
//! expected, naming it.

use std::{
    collections::VecDeque,
    fmt::Write,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What the vendor does with the next request, once it has read all of it.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Sends these bytes, and waits for the next request on the same connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and closes the connection.
    BytesThenCut(Vec<u8>),
    /// Sends these bytes and then nothing, for ever.
    BytesThenSilence(Vec<u8>),
}

impl Reply {
    /// A whole answer.
    pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut text = format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        Self::Bytes(format!("{text}\r\n{body}").into_bytes())
    }

    /// Closes the connection without a word.
    pub(crate) fn cut() -> Self {
        Self::BytesThenCut(Vec::new())
    }

    /// Never answers.
    pub(crate) fn silence() -> Self {
        Self::BytesThenSilence(Vec::new())
    }
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Request line and headers.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Call {
    /// The value of a header, named in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }
}

#[derive(Clone, Debug, Default)]
struct Seen {
    connections: usize,
    closed: usize,
    calls: Vec<Call>,
    unexpected: Vec<String>,
}

/// The vendor; it stops when it is dropped, and only then says what nobody expected or nobody asked for.
#[derive(Debug)]
pub(crate) struct Vendor {
    address: SocketAddr,
    seen: watch::Receiver<Seen>,
    script: Arc<Mutex<VecDeque<Reply>>>,
    _tasks: JoinSet<()>,
}

impl Vendor {
    /// Listens, and will answer one request with each reply, in order.
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let (tell, seen) = watch::channel(Seen::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&script), Arc::new(tell)));
        Self {
            address,
            seen,
            script,
            _tasks: tasks,
        }
    }

    /// Where it listens, as `http://…` without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a reply to the script.
    pub(crate) fn expect(&self, reply: Reply) {
        lock(&self.script).push_back(reply);
    }

    /// The requests so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.seen.borrow().calls.clone()
    }

    /// How many connections it took so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.borrow().connections
    }

    /// Waits until so many connections were taken.
    pub(crate) async fn connected(&self, count: usize) {
        let enough = |seen: &Seen| seen.connections >= count;
        self.seen.clone().wait_for(enough).await.unwrap();
    }

    /// Waits until so many connections are closed.
    pub(crate) async fn disconnected(&self, count: usize) {
        let enough = |seen: &Seen| seen.closed >= count;
        self.seen.clone().wait_for(enough).await.unwrap();
    }

    /// Waits until so many requests have been read whole.
    pub(crate) async fn called(&self, count: usize) {
        let enough = |seen: &Seen| seen.calls.len() >= count;
        self.seen.clone().wait_for(enough).await.unwrap();
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let unexpected = self.seen.borrow().unexpected.clone();
        assert!(unexpected.is_empty(), "unexpected calls: {unexpected:?}");
        let left = lock(&self.script).len();
        assert!(left == 0, "{left} replies nobody asked for");
    }
}

fn lock(script: &Mutex<VecDeque<Reply>>) -> MutexGuard<'_, VecDeque<Reply>> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(
    listener: TcpListener,
    script: Arc<Mutex<VecDeque<Reply>>>,
    tell: Arc<watch::Sender<Seen>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        tell.send_modify(|seen| seen.connections += 1);
        let (script, tell) = (Arc::clone(&script), Arc::clone(&tell));
        connections.spawn(async move {
            serve(stream, &script, &tell).await;
            tell.send_modify(|seen| seen.closed += 1);
        });
    }
}

async fn serve(mut stream: TcpStream, script: &Mutex<VecDeque<Reply>>, tell: &watch::Sender<Seen>) {
    while let Some(call) = read(&mut stream).await {
        let reply = lock(script).pop_front();
        let line = call.head.lines().next().unwrap_or_default().to_owned();
        tell.send_modify(|seen| {
            seen.calls.push(call);
            seen.unexpected.extend(reply.is_none().then_some(line));
        });
        // A peer that went away in the middle is part of some stories.
        match reply {
            Some(Reply::Bytes(bytes)) => drop(stream.write_all(&bytes).await),
            Some(Reply::BytesThenSilence(bytes)) => {
                drop(stream.write_all(&bytes).await);
                std::future::pending::<()>().await;
            }
            Some(Reply::BytesThenCut(bytes)) => return drop(stream.write_all(&bytes).await),
            None => return,
        }
    }
}

/// The next whole request; `None` when the peer closed before it was whole.
async fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let body = String::new();
    let mut call = Call { head, body };
    let length = call
        .header("content-length")
        .map_or(0, |n| n.parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    call.body = String::from_utf8_lossy(&bytes[head_end + 4..]).into_owned();
    Some(call)
}
