//! Heads that hyper refuses by itself: it answers them without a body, before any code of ours has seen a request. Here
//! the refusal gets the shape of all others; and what has merely more lines than hyper takes at first is read anew.

use super::fault::refusal;
use super::receive::{DISCARD_BYTES, DISCARD_IDLE, DISCARD_WITHIN, no_room};
use super::{OutBody, guarded::Guarded};
use crate::fault::{Fault, FaultKind};
use crate::observe::RequestId;
use bytes::Bytes;
use http::Response;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// The status with which hyper refuses a head, if `written` is such an answer: all it writes has this form, and nothing
/// of ours is without a request id.
pub(super) fn refused_by_hyper(written: &[u8]) -> Option<u16> {
    let rest = written.strip_prefix(b"HTTP/1.1 4")?;
    if written.len() > 256 || !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let text = std::str::from_utf8(written).ok()?;
    let bare = text.contains("\r\ncontent-length: 0\r\n") && !text.contains("\r\nx-request-id:");
    let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
    digits.parse::<u16>().ok().filter(|_| bare).map(|rest| 400 + rest)
}

/// Whether the head that `read` begins with takes more than `most` bytes, or will. Behind it may be much of a body.
pub(super) fn is_too_large(read: &[u8], most: usize) -> bool {
    let blank = read.iter().take_while(|byte| b"\r\n".contains(byte)).count(); // hyper passes over empty lines
    let head = read.get(blank..).unwrap_or_default();
    let ends = memchr::memchr_iter(b'\n', head).map(|at| at + 1);
    let mut empty = ends.map(|at| head.get(at..).unwrap_or_default()).filter_map(|rest| {
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        rest.strip_prefix(b"\n").map(<[u8]>::len)
    });
    match empty.next() {
        Some(behind) => read.len() - behind > most,
        None => read.len() >= most,
    }
}

/// Why a head is refused with `status`.
pub(super) fn fault(status: u16, max_bytes: usize, random: u64) -> Fault {
    match status {
        400 => {
            let text = "This is not HTTP/1.1: the request's line or a header of it cannot be read.";
            Fault::new(FaultKind::InvalidRequest, text)
        }
        503 => no_room(random), // by ourselves
        _ => Fault::headers_too_large(max_bytes),
    }
}

/// Tells the caller why its head is refused, and closes.
pub(super) async fn refuse(io: Guarded, fault: Fault, id: RequestId, within: Duration) {
    let (mut stream, answer) = (io.into_stream(), written(refusal(id, fault)));
    let told = async {
        stream.write_all(&answer).await?;
        stream.shutdown().await
    };
    // Closing on unread bytes resets the connection, and the caller may lose what it was told.
    if let Ok(Ok(())) = tokio::time::timeout(within, told).await {
        drop(tokio::time::timeout(DISCARD_WITHIN, read_out(&mut stream)).await);
    }
}

/// `response`, which is whole, as the last of its connection.
fn written(response: Response<OutBody>) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let body = if let OutBody::Whole(Some(body)) = body { body } else { Bytes::new() };
    let reason = parts.status.canonical_reason().unwrap_or_default();
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16());
    for (name, value) in &parts.headers {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    text += &format!("connection: close\r\ncontent-length: {}\r\ndate: {date}\r\n\r\n", body.len());
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

/// Reads, and forgets, what the caller still sends: as much of it as of a refused body.
async fn read_out(stream: &mut (impl AsyncRead + Unpin)) {
    let (mut piece, mut left) = ([0; 4096], DISCARD_BYTES);
    while let Ok(Ok(read @ 1..)) = tokio::time::timeout(DISCARD_IDLE, stream.read(&mut piece)).await {
        let Some(rest) = left.checked_sub(read) else { return };
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::ReadBuf;
    use tokio::time::Instant;

    /// A caller who sends so many bytes, as many as are asked for at once.
    struct Sends(usize);

    impl AsyncRead for Sends {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            if self.0 == 0 {
                return Poll::Pending; // and wakes nobody
            }
            let bytes = buf.remaining().min(self.0);
            buf.initialize_unfilled_to(bytes);
            buf.advance(bytes);
            self.0 -= bytes;
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s9_4_what_an_unreadable_caller_still_sends_is_read_within_bounds() {
        let (began, mut silent) = (Instant::now(), Sends(10));
        read_out(&mut silent).await;
        assert_eq!((began.elapsed(), silent.0), (DISCARD_IDLE, 0));
        let (began, mut endless) = (Instant::now(), Sends(usize::MAX));
        read_out(&mut endless).await;
        let read = usize::MAX - endless.0;
        assert!(
            began.elapsed() < DISCARD_IDLE && (DISCARD_BYTES..DISCARD_BYTES + 4097).contains(&read),
            "{read}"
        );
    }

    #[test]
    fn s10_6_a_head_ends_with_its_first_empty_line() {
        for (read, most) in [
            ("GET / HTTP/1.1\r\na: b\r\n\r\n", 24),
            ("GET / HTTP/1.1\na: b\n\n", 21),
            ("GET / HTTP/1.1\r\na: b\n\r\n", 23),
            ("\r\n\nGET / HTTP/1.1\r\na: b\r\n\r\n", 27),
        ] {
            for read in [read.to_owned(), format!("{read}body\r\n\r\nbody"), format!("{read}\n")] {
                assert!(!is_too_large(read.as_bytes(), most), "{read:?}");
                assert!(is_too_large(read.as_bytes(), most - 1), "{read:?}");
            }
            let unfinished = read.trim_end();
            assert!(!is_too_large(unfinished.as_bytes(), most), "more of it may come: {read:?}");
            assert!(is_too_large(unfinished.as_bytes(), unfinished.len()), "and will: {read:?}");
        }
        assert!(!is_too_large(b"", 1));
    }

    #[test]
    fn only_hypers_own_answers_are_taken_for_refusals() {
        let date = "date: Tue, 01 Dec 2026 01:00:00 GMT\r\n\r\n";
        let own = |status: &str| {
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n{date}").into_bytes()
        };
        assert_eq!(refused_by_hyper(&own("400 Bad Request")), Some(400));
        assert_eq!(refused_by_hyper(&own("431 Request Header Fields Too Large")), Some(431));
        for other in [
            own("200 OK"),
            own("503 Service Unavailable"),
            own("404 Not Found\r\nx-request-id: req_1"),
            [own("400 Bad Request"), b"{}".to_vec()].concat(),
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n".to_vec(),
            b"HTTP/1.1 4".to_vec(),
            b"{\"choices\":[]}".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(refused_by_hyper(&other), None, "{}", String::from_utf8_lossy(&other));
        }
    }
}
