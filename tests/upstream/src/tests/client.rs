//! A client that only writes and reads bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Upstream;

pub struct Client(TcpStream);

impl Client {
    pub fn to(upstream: &Upstream) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", upstream.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self(stream)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    pub fn post(&mut self, body: &str) {
        self.post_with("/v1/chat/completions", "Host: x\r\n", body);
    }

    /// A request for Messages, with the headers that Anthropic wants.
    pub fn post_messages(&mut self, body: &str) {
        let headers = "X-Api-Key: sk-1\r\nAnthropic-Version: 2023-06-01\r\n";
        self.post_with("/v1/messages", headers, body);
    }

    /// A request with these header lines.
    pub fn post_with(&mut self, path: &str, headers: &str, body: &str) {
        let length = body.len();
        self.send(format!("POST {path} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}"));
    }

    /// One read: what has arrived.
    pub fn some(&mut self) -> String {
        let mut bytes = [0; 65536];
        let n = self.0.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..n]).into_owned()
    }

    /// Reads until what has come ends like this.
    pub fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
            let mut more = [0; 65536];
            let n = self.0.read(&mut more).unwrap();
            assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&more[..n]);
        }
        bytes
    }

    /// Reads to the end of the connection; says how it ended.
    pub fn rest(&mut self) -> (Vec<u8>, &'static str) {
        let mut bytes = Vec::new();
        let mut more = [0; 65536];
        loop {
            match self.0.read(&mut more) {
                Ok(0) => return (bytes, "closed"),
                Ok(n) => bytes.extend_from_slice(&more[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return (bytes, "reset"),
                Err(error) => {
                    return (bytes, if error.kind() == ErrorKind::WouldBlock { "open" } else { "?" });
                }
            }
        }
    }

    pub fn patience(&self, patience: Duration) {
        self.0.set_read_timeout(Some(patience)).unwrap();
    }
}

/// Undoes the chunks of a response body; panics if the last chunk is missing.
pub fn unchunk(response: &[u8]) -> String {
    let end = memchr::memmem::find(response, b"\r\n\r\n").unwrap();
    assert!(memchr::memmem::find(&response[..end], b"transfer-encoding: chunked").is_some());
    match crate::chunks::decode(&response[end + 4..]) {
        crate::chunks::Decoded::Whole(bytes, _) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}
