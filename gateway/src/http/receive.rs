//! Takes in a request's body: whole, bounded in size, in time and by the memory budget (semantics S9.3, S9.4).

use crate::app::Gateway;
use crate::attempt::Collected;
use crate::fault::{Fault, FaultKind, Retry};
use crate::memory::Held;
use bytes::Bytes;
use http::{Request, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::{Duration, Instant};

/// A body may take this long, and a second more for each KiB that has come.
const GRACE: Duration = Duration::from_secs(10);
const BYTES_PER_SECOND: u64 = 1024;
/// A body whose length is not told takes its share of the memory budget in steps of this many bytes.
const STEP: u64 = 64 << 10;
/// After an overload everybody comes back: spread over this long.
const SPREAD: Duration = Duration::from_secs(2);

/// The body and the share of the memory budget that it holds.
pub(crate) async fn receive(
    request: Request<Incoming>,
    max: u64,
    gateway: &Gateway,
) -> Result<(Bytes, Held), Fault> {
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Fault::new(
            FaultKind::InvalidRequest,
            "The request's body is compressed. Send it as it is, without `Content-Encoding`.",
        ));
    }
    let mut body = request.into_body();
    let told = body.size_hint().exact();
    if told.is_some_and(|told| told > max) {
        return Err(too_large(max));
    }
    let mut held = hold(gateway, told.unwrap_or(STEP).max(1)).await?;
    let began = Instant::now();
    let mut collected = Collected::default();
    while !body.is_end_stream() {
        let length = collected.len() as u64;
        let until = began + GRACE + Duration::from_secs(length / BYTES_PER_SECOND);
        let frame = match tokio::time::timeout_at(until.into(), body.frame()).await {
            Err(_) => return Err(too_slow(length)),
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

fn too_slow(received: u64) -> Fault {
    let text = format!(
        "The request's body comes too slowly: {received} bytes so far, and at least {BYTES_PER_SECOND} a second are \
         asked for."
    );
    Fault::new(FaultKind::BodyTooSlow, text)
}
