//! A caller that writes its own bytes: what no HTTP client would send, and when.

use crate::harness::{KEY, Reply, World};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Only a failing test ever waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub struct Raw<S = TcpStream> {
    pub stream: S,
    buffer: Vec<u8>,
    /// How long it waits for bytes.
    patience: Duration,
}

/// One answer, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl RawReply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl From<RawReply> for Reply {
    fn from(reply: RawReply) -> Self {
        let RawReply { status, headers, body } = reply;
        Self { status, headers, text: String::from_utf8_lossy(&body).into_owned(), broken: false }
    }
}

/// The head of a chat request with the world's key and whatever `more` has, each line ended by CRLF.
pub fn chat_head(more: &str) -> String {
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: weir\r\nauthorization: Bearer {KEY}\r\n{more}\r\n")
}

/// A whole chat request.
pub fn chat(body: &str) -> String {
    chat_head(&format!("content-length: {}\r\n", body.len())) + body
}

impl Raw {
    pub async fn to(world: &World) -> Self {
        Self::connect(world.data).await
    }

    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), PATIENCE)
    }

    /// A connection that takes in almost nothing unless it is read from.
    pub async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::over(socket.connect(address).await.unwrap(), PATIENCE)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// A caller on this connection.
    pub fn over(stream: S, patience: Duration) -> Self {
        Self { stream, buffer: Vec::new(), patience }
    }

    /// Writes; whether the other side still took it.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// More bytes; 0 at the end, also if that is a reset.
    async fn more(&mut self) -> usize {
        let mut piece = vec![0; 64 << 10];
        let read = tokio::time::timeout(self.patience, self.stream.read(&mut piece)).await;
        let read = read.expect("the gateway neither answers nor closes").unwrap_or(0);
        self.buffer.extend_from_slice(&piece[..read]);
        read
    }

    /// The next answer; `None`: the connection ended without one.
    pub async fn reply(&mut self) -> Option<RawReply> {
        loop {
            if let Some((reply, used)) = parse(&self.buffer, false) {
                self.buffer.drain(..used);
                return Some(reply);
            }
            if self.more().await == 0 {
                let last = parse(&self.buffer, true).map(|(reply, _)| reply);
                self.buffer.clear();
                return last;
            }
        }
    }

    /// Everything until the connection ends.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&mut self, request: impl AsRef<[u8]>) -> RawReply {
        self.send(request).await;
        self.reply().await.expect("the connection ended without an answer")
    }

    /// Reads until `text` has come.
    pub async fn read_past(&mut self, text: &str) {
        while !self.buffer.windows(text.len()).any(|window| window == text.as_bytes()) {
            assert!(
                self.more().await > 0,
                "ended before {text:?}: {}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }
}

/// An answer at the front of `buffer` and its length. `ended`: no more will come.
fn parse(buffer: &[u8], ended: bool) -> Option<(RawReply, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(buffer).ok()? else { return None };
    let status = response.code?;
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers: BTreeMap<String, String> = response
        .headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
        .collect();
    let rest = &buffer[head..];
    let (body, used) = if headers.contains_key("transfer-encoding") {
        dechunk(rest)?
    } else if let Some(length) = headers.get("content-length") {
        let length: usize = length.parse().ok()?;
        (rest.get(..length)?.to_vec(), length)
    } else if ended || status == 204 {
        (rest.to_vec(), rest.len())
    } else {
        return None;
    };
    Some((RawReply { status, headers, body }, head + used))
}

/// A whole chunked body at the front of `rest`.
fn dechunk(rest: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = rest[at..].windows(2).position(|pair| pair == b"\r\n")?;
        let size = std::str::from_utf8(&rest[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        body.extend_from_slice(rest.get(at..at + size)?);
        rest.get(at + size..at + size + 2)?;
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}
