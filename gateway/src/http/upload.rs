//! Takes in a request's body: whole, bounded in size, in time and by the memory budget (semantics S9.3, S9.4).

use crate::app::Gateway;
use crate::bounds::Bounds;
use crate::clock;
use crate::coding::is_coding;
use crate::collected::Collected;
use crate::fault::{Fault, FaultKind};
use crate::limits::{Class, SMALL};
use crate::pipeline::Received;
use crate::worker::Worker;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Version, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::error::Error as _;
use std::io;
use std::time::{Duration, Instant};

/// So much of a refused request is still read, so long in all, and so long without a byte. As nginx's lingering close.
pub(super) const DISCARD_BYTES: usize = 64 << 20;
pub(super) const DISCARD_WITHIN: Duration = Duration::from_secs(30);
pub(super) const DISCARD_IDLE: Duration = Duration::from_secs(5);

/// A request's body that may still be on its way.
#[derive(Debug)]
pub(super) struct Upload {
    body: Incoming,
    /// Its caller sends nothing unless it is told `100 Continue`, which hyper tells when the body is first asked for.
    waits: bool,
}

impl Upload {
    /// The body behind `head`.
    pub(super) fn new(head: &Parts, body: Incoming) -> Self {
        let expected = head.headers.get_all(header::EXPECT).iter().next_back();
        let waits = expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        Self { body, waits: waits && head.version > Version::HTTP_10 }
    }

    /// Whether it is known to be no larger than `most`.
    pub(super) fn is_at_most(&self, most: u64) -> bool {
        self.body.size_hint().upper().is_some_and(|upper| upper <= most)
    }

    /// Whether its caller sends nothing before it is told to.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// What should still be read of it, its request being refused. Most clients read no answer before they have sent
    /// everything, and closing on unread bytes resets the connection: they would see a broken pipe, not the refusal.
    pub(super) fn unread(self) -> Option<Incoming> {
        (!self.body.is_end_stream() && !self.waits).then_some(self.body)
    }

    async fn next(&mut self) -> Option<Result<Frame<Bytes>, hyper::Error>> {
        self.waits = false;
        self.body.frame().await
    }

    /// Takes it in, no more than `max` bytes of it, from a request with `headers` that came when it `began`. It takes
    /// its share of the memory budget as it comes, whatever length is told.
    pub(super) async fn receive(
        &mut self,
        headers: &HeaderMap,
        max: u64,
        gateway: &Gateway,
        worker: &Worker,
        began: Instant,
    ) -> Result<Received, Fault> {
        refuse_compressed(headers)?;
        let told = self.body.size_hint().exact();
        if told.is_some_and(|told| told > max) {
            return Err(too_large(max));
        }
        let bounds = &gateway.bounds;
        let mut share = gateway.memory.share();
        let mut buffer = Collected::of_length(told);
        let (waits_since, mut waited_for_room) = (clock::now(), Duration::ZERO);
        while !self.body.is_end_stream() {
            let until = began + patience(bounds, buffer.len() as u64);
            let frame = match tokio::time::timeout_at(until.into(), self.next()).await {
                Err(_) => return Err(too_slow(buffer.len(), bounds)),
                Ok(None) => break,
                Ok(Some(Err(error))) => return Err(broken_off(&error)),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(piece) = frame.into_data() else { continue };
            let length = (buffer.len() + piece.len()) as u64;
            if length > max {
                return Err(too_large(max));
            }
            let class = if told.unwrap_or(length) <= SMALL { Class::Small } else { Class::Body };
            let room = buffer.room_with(&piece) as u64;
            if share.try_grow(room, class).is_err() {
                let full_since = clock::now();
                share.grow(room, class).await.map_err(|_| Fault::no_room(worker.random()))?;
                waited_for_room += clock::since(full_since);
            }
            buffer.push(piece);
        }
        let took = clock::since(waits_since).saturating_sub(waited_for_room);
        Ok(Received { body: buffer.into_bytes(), share, took })
    }
}

/// How long a body of which `length` bytes have come may take.
fn patience(bounds: &Bounds, length: u64) -> Duration {
    bounds.body_grace + Duration::from_millis(length.saturating_mul(1000) / bounds.body_rate.max(1))
}

fn refuse_compressed(headers: &HeaderMap) -> Result<(), Fault> {
    if headers.get_all(header::CONTENT_ENCODING).iter().any(|value| is_coding(value.as_bytes())) {
        let text = "The request's body is compressed. Send it as it is, without `Content-Encoding`.";
        return Err(Fault::new(FaultKind::CompressedBody, text));
    }
    Ok(())
}

/// Reads what is left of a refused request's body, and forgets it.
pub(super) async fn discard(mut body: Incoming) {
    let read = async {
        let mut left = DISCARD_BYTES;
        while !body.is_end_stream() {
            let frame = tokio::time::timeout(DISCARD_IDLE, body.frame()).await;
            let Ok(Some(Ok(frame))) = frame else { return };
            let piece = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(piece) else { return };
            left = rest;
        }
    };
    drop(tokio::time::timeout(DISCARD_WITHIN, read).await);
}

/// The body ended with `error`: its caller has left, or sends what is no chunk.
fn broken_off(error: &hyper::Error) -> Fault {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match source.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            Fault::new(FaultKind::InvalidRequest, "The body is not framed as HTTP/1.1 frames one.")
        }
        _ => {
            let text = "The request's body ended before it was whole: bytes that `Content-Length` tells of are missing, \
                        or the last chunk is. Send it again.";
            Fault::new(FaultKind::CallerLeft, text)
        }
    }
}

fn too_large(max: u64) -> Fault {
    let text = format!("The request's body is larger than the {max} bytes that this gateway takes.");
    Fault::new(FaultKind::BodyTooLarge, text)
}

fn too_slow(received: usize, bounds: &Bounds) -> Fault {
    let text = format!(
        "The request's body comes too slowly: {received} bytes so far. It may take {} s, and a second more for each {} \
         bytes.",
        bounds.body_grace.as_secs_f64(),
        bounds.body_rate
    );
    Fault::new(FaultKind::BodyTooSlow, text)
}
