//! Heads that hyper refuses by itself: it answers them without a body, before any code of ours has seen a request. Here
//! the refusal gets the shape of all others; and what has merely more lines than hyper takes at first is read anew.

use super::lingering::Lingering;
use super::refusal::refusal;
use super::upload::DISCARD_IDLE;
use super::{OutBody, guarded::Guarded};
use crate::clock;
use crate::fault::{Fault, FaultKind};
use crate::observe::RequestId;
use crate::words;
use bytes::Bytes;
use http::Response;
use std::future::poll_fn;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

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
        503 => Fault::no_room(random), // by ourselves
        _ => Fault::headers_too_large(max_bytes),
    }
}

/// Tells the caller why its head is refused, and closes.
pub(super) async fn refuse(io: Guarded, fault: Fault, id: RequestId, within: Duration) {
    let (mut stream, answer) = (io.into_stream(), written(refusal(id, words::API, fault)));
    let told = async {
        stream.write_all(&answer).await?;
        stream.shutdown().await
    };
    if let Ok(Ok(())) = tokio::time::timeout(within, told).await {
        let mut lingering = Lingering::new(clock::now() + DISCARD_IDLE);
        poll_fn(|cx| lingering.poll(cx, &mut stream)).await;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
