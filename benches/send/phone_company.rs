//! The provider's stand-in: answers each message as Twilio does, as fast as can be, and counts.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::TaskTracker;

/// What came in so far.
#[derive(Default)]
struct Count {
    messages: AtomicU64,
    bytes: AtomicU64,
}

/// Serves on a free port and prints its address.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let count = Arc::new(Count::default());
    let connections = TaskTracker::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn(converse(stream, Arc::clone(&count)));
    }
}

/// Answers one request after the other until the connection ends.
async fn converse(mut stream: TcpStream, count: Arc<Count>) {
    let mut received = BytesMut::with_capacity(4096);
    loop {
        while let Some((head, whole)) = request(&received) {
            let answer = if received.starts_with(b"POST ") {
                let number = count.messages.fetch_add(1, Ordering::Relaxed);
                let body = u64::try_from(whole - head).unwrap_or_default();
                count.bytes.fetch_add(body, Ordering::Relaxed);
                created(number)
            } else {
                let messages = count.messages.load(Ordering::Relaxed);
                let bytes = count.bytes.load(Ordering::Relaxed);
                answer("200 OK", &format!("{messages} {bytes}"))
            };
            received.advance(whole);
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut received).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The length of the first request's head, and of the whole of it, once it is all there.
fn request(received: &[u8]) -> Option<(usize, usize)> {
    let head = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = str::from_utf8(&received[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let named = name.eq_ignore_ascii_case("content-length");
        named.then(|| value.trim().parse().ok())?
    });
    let whole = head + length.unwrap_or(0_usize);
    (received.len() >= whole).then_some((head, whole))
}

/// A created message, with an id of its own.
fn created(number: u64) -> String {
    let body = format!(
        concat!(
            r#"{{"account_sid":"AC00000000000000000000000000000001","api_version":"2010-04-01","body":"Your code","#,
            r#""date_created":"Mon, 02 Mar 2026 09:15:30 +0000","date_sent":null,"#,
            r#""date_updated":"Mon, 02 Mar 2026 09:15:30 +0000","direction":"outbound-api","error_code":null,"#,
            r#""error_message":null,"from":"+15005550006","messaging_service_sid":null,"num_media":"0","#,
            r#""num_segments":"1","price":null,"price_unit":"USD","sid":"SM{:032x}","status":"queued","#,
            r#""subresource_uris":{{"media":"/Media.json"}},"to":"+447400000000","uri":"/Messages.json"}}"#
        ),
        number
    );
    answer("201 Created", &body)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
