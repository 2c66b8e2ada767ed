//! Takes in a request's body: whole, bounded in size, in time and by the memory budget (semantics S9.3, S9.4).

use crate::app::Gateway;
use crate::attempt::Collected;
use crate::coding::is_coding;
use crate::fault::{Fault, FaultKind, Retry};
use crate::memory::Held;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Version, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::{Duration, Instant};

/// A body whose length is not told takes its share of the memory budget in steps of this many bytes.
const STEP: u64 = 64 << 10;
/// After an overload everybody comes back: spread over this long.
const SPREAD: Duration = Duration::from_secs(2);

/// So much of a refused body is still read, so long in all, and so long without a byte. As nginx's lingering close.
const DISCARD_BYTES: usize = 64 << 20;
const DISCARD_WITHIN: Duration = Duration::from_secs(30);
const DISCARD_IDLE: Duration = Duration::from_secs(5);

/// The body and the share of the memory budget that it holds. The request came when it `began`.
pub(crate) async fn receive(
    headers: &HeaderMap,
    body: &mut Incoming,
    max: u64,
    gateway: &Gateway,
    began: Instant,
) -> Result<(Bytes, Held), Fault> {
    if headers.get_all(header::CONTENT_ENCODING).iter().any(|value| is_coding(value.as_bytes())) {
        return Err(Fault::new(
            FaultKind::CompressedBody,
            "The request's body is compressed. Send it as it is, without `Content-Encoding`.",
        ));
    }
    let told = body.size_hint().exact();
    if told.is_some_and(|told| told > max) {
        return Err(too_large(max));
    }
    let mut held = hold(gateway, told.unwrap_or(STEP).max(1)).await?;
    let bounds = &gateway.bounds;
    let mut collected = Collected::default();
    while !body.is_end_stream() {
        let length = collected.len() as u64;
        let until = began + bounds.body_grace + Duration::from_secs(length / bounds.body_rate.max(1));
        let frame = match tokio::time::timeout_at(until.into(), body.frame()).await {
            Err(_) => return Err(too_slow(length, bounds.body_rate)),
            Ok(None) => break,
            // The caller has left, or speaks no HTTP any more: nobody will read the answer.
            Ok(Some(Err(_))) => return Err(Fault::new(FaultKind::InvalidRequest, "The body broke off.")),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(piece) = frame.into_data() else { continue };
        let length = length + piece.len() as u64;
        if length > max {
            return Err(too_large(max));
        }
        if length > held.bytes() {
            held.merge(hold(gateway, STEP.max(piece.len() as u64)).await?);
        }
        collected.push(piece, told.unwrap_or(0));
    }
    Ok((collected.into_bytes(), held))
}

/// Reads what is left of a refused request's body, and forgets it. Most clients read no answer before they have sent
/// everything, and closing on unread bytes resets the connection: they would see a broken pipe, not the refusal.
pub(crate) async fn discard(head: &Parts, mut body: Incoming) {
    // Who waits for `100 Continue` sends nothing yet, and HTTP/2 can refuse a single stream.
    if head.headers.contains_key(header::EXPECT) || head.version == Version::HTTP_2 {
        return;
    }
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

async fn hold(gateway: &Gateway, bytes: u64) -> Result<Held, Fault> {
    gateway.memory.hold(bytes).await.map_err(|_| {
        let jitter = gateway.workers.first().map_or(0, |worker| worker.random()) % SPREAD.as_millis() as u64;
        let wait = Duration::from_secs(1) + Duration::from_millis(jitter);
        Fault::new(
            FaultKind::Overloaded,
            "The gateway holds as many bodies as its memory allows. Try again shortly.",
        )
        .retry(Retry::After(wait))
    })
}

fn too_large(max: u64) -> Fault {
    let text = format!("The request's body is larger than the {max} bytes that this gateway takes.");
    Fault::new(FaultKind::BodyTooLarge, text)
}

fn too_slow(received: u64, rate: u64) -> Fault {
    let text = format!(
        "The request's body comes too slowly: {received} bytes so far, and at least {rate} a second are \
         asked for."
    );
    Fault::new(FaultKind::BodyTooSlow, text)
}
