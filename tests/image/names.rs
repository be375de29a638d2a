//! Names in a container without a C library's files: from its hosts file, and from a DNS server as a cluster has one.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    thread,
};

use tempfile::TempDir;

use crate::engine::Engine;

/// The name that a service has in a cluster.
const SERVICE: &str = "tollgate-admin.otp.svc.cluster.local";

#[test]
fn names_are_looked_up_as_in_a_cluster() {
    let engine = Engine::new();
    let door = door();
    let dns = nameserver();
    let folder = TempDir::with_prefix("tollgate-names-").unwrap();
    let file = folder.path().join("resolv.conf");
    let search = "search otp.svc.cluster.local svc.cluster.local cluster.local";
    let text = format!("{search}\nnameserver {dns}\noptions ndots:5\n");
    fs::write(&file, text).unwrap();
    let resolver = format!("--volume={}:/etc/resolv.conf:ro", file.display());
    let ask = |options: &[&str], name: &str| {
        let url = format!("http://{name}:{}/readyz", door.port());
        engine.run(options, &["healthcheck", "http", &url])
    };
    // As the chart's test pods write it, as its configuration does, and whole.
    for name in ["tollgate-admin", "tollgate-admin.otp.svc", SERVICE] {
        let asked = ask(&[&resolver], name);
        assert_eq!(asked.code, Some(0), "{name}: {}", asked.said);
    }
    let asked = ask(&["--add-host=written.test:127.0.0.1"], "written.test");
    assert_eq!(asked.code, Some(0), "{}", asked.said);
    let asked = ask(&[&resolver], "nobody");
    assert_eq!(asked.code, Some(1), "{}", asked.said);
}

/// A door that says it is well, for as long as the tests run.
fn door() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 1024]));
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
        }
    });
    address
}

/// A DNS server that knows one service. Its port is given by the protocol, so it takes an address of loopback that
/// nobody else will have.
fn nameserver() -> Ipv4Addr {
    let mine = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 64 | mine[1], mine[2], mine[3].max(2));
    let socket = UdpSocket::bind((address, 53)).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            drop(socket.send_to(&answer(&buffer[..length]), from));
        }
    });
    address
}

/// The answer to a query with one question.
fn answer(query: &[u8]) -> Vec<u8> {
    const HEADER: usize = 12;
    let mut name = Vec::new();
    let mut at = HEADER;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        name.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
        at = end;
    }
    let question = &query[HEADER..at + 5];
    let known = name.join(".") == SERVICE;
    let is_v4 = query[at + 1..at + 3] == [0, 1];
    let (code, answers) = match (known, is_v4) {
        (true, true) => (0, 1),
        (true, false) => (0, 0),
        (false, _) => (3, 0),
    };
    let mut answer = query[..2].to_vec();
    answer.extend([0x85, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    answer.extend(question);
    if answers == 1 {
        // The name above, an address, one minute.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    answer
}
