//! Reads one HTTP/1.1 request from a connection: where it ends, and what it says. It accepts what clients
//! send (a length or chunks, pipelining, `expect: 100-continue`) and gives up on anything else.

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::Instant;

use crate::Seen;
use crate::chunks::{self, Decoded};
use crate::wire::Wire;

const HEADERS: usize = 64;
const READ: usize = 16 * 1024;

/// A whole request at the front of the buffer.
pub(crate) struct Framed {
    /// Bytes of request line and headers.
    head: usize,
    /// Bytes of everything.
    total: usize,
    /// The body, if it came in chunks; else it lies in the buffer.
    decoded: Option<Vec<u8>>,
}

struct Head {
    length: usize,
    body: Length,
    expects_continue: bool,
}

#[derive(Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunks,
}

/// The next request, or `None` when the client has left or does not speak HTTP.
pub(crate) async fn read(stream: &impl Wire, buffer: &mut BytesMut) -> Option<Framed> {
    let mut head = None;
    loop {
        if head.is_none() {
            head = parse(buffer)?;
            if head.as_ref().is_some_and(|head| head.expects_continue) {
                // Best effort: a client that gets no answer here sends its body anyway.
                let _ = stream.try_write(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
        }
        if let Some(head) = &head {
            match head.body {
                Length::Bytes(body) if buffer.len() >= head.length + body => {
                    return Some(Framed { head: head.length, total: head.length + body, decoded: None });
                }
                Length::Bytes(_) => {}
                Length::Chunks => match chunks::decode(buffer.get(head.length..).unwrap_or_default()) {
                    Decoded::Whole(body, wire) => {
                        let total = head.length + wire;
                        return Some(Framed { head: head.length, total, decoded: Some(body) });
                    }
                    Decoded::More => {}
                    Decoded::Broken => return None,
                },
            }
        }
        if !more(stream, buffer).await {
            return None;
        }
    }
}

/// Waits for bytes; false when there will be none.
pub(crate) async fn more(stream: &impl Wire, buffer: &mut BytesMut) -> bool {
    loop {
        buffer.reserve(READ);
        match stream.try_read(buffer) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        if stream.readable().await.is_err() {
            return false;
        }
    }
}

/// `Some(None)`: not all there yet. `None`: not HTTP.
fn parse(buffer: &[u8]) -> Option<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(buffer).ok()? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Some(None),
    };
    let mut head = Head { length, body: Length::Bytes(0), expects_continue: false };
    for header in request.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            head.body = Length::Bytes(std::str::from_utf8(header.value).ok()?.trim().parse().ok()?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            head.body = Length::Chunks;
        } else if header.name.eq_ignore_ascii_case("expect") {
            head.expects_continue = true;
        }
    }
    Some(Some(head))
}

impl Framed {
    pub(crate) fn head<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        buffer.get(..self.head).unwrap_or_default()
    }

    pub(crate) fn body<'a>(&'a self, buffer: &'a [u8]) -> &'a [u8] {
        match &self.decoded {
            Some(body) => body,
            None => buffer.get(self.head..self.total).unwrap_or_default(),
        }
    }

    /// Drops the request from the buffer, unread.
    pub(crate) fn skip(self, buffer: &mut BytesMut) {
        buffer.advance(self.total);
    }

    /// Takes the request out of the buffer.
    pub(crate) fn take(self, buffer: &mut BytesMut, number: u64, connection: u64) -> Seen {
        let wire = buffer.split_to(self.total).freeze();
        let body = match self.decoded {
            Some(body) => Bytes::from(body),
            None => wire.slice(self.head..),
        };
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        // It was parsed before; should it fail now, the fields stay empty.
        let _ = request.parse(&wire);
        let headers = request
            .headers
            .iter()
            .map(|header| {
                (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
            })
            .collect();
        Seen {
            number,
            connection,
            at: Instant::now().into_std(),
            method: request.method.unwrap_or_default().to_owned(),
            path: request.path.unwrap_or_default().to_owned(),
            headers,
            body,
        }
    }
}
