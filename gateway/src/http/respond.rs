//! Responses to requests that an upstream answered, and their headers.

use super::body::PIECE;
use super::decimal::decimal;
use super::fault::tell_limit;
use super::outbox::Outbox;
use super::{OutBody, X_REQUEST_ID, refuse};
use crate::attempt::Committed;
use crate::call::Call;
use crate::fault::{Fault, LimitState};
use crate::memory::Held;
use crate::observe::{Outcome, RequestId, micros};
use crate::relay::Relay;
use crate::settle::settle_whole;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use weir_config::{Disclosure, NanoUsd};

const PROVIDER: HeaderName = HeaderName::from_static("x-weir-provider");
const MODEL: HeaderName = HeaderName::from_static("x-weir-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-weir-attempts");
const OVERHEAD: HeaderName = HeaderName::from_static("x-weir-overhead-ms");
const COST: HeaderName = HeaderName::from_static("x-weir-cost-usd");
/// Bodies of so many bytes stay in the memory budget while they are sent: a socket's buffer takes less at once. On
/// HTTP/2, where a caller may have many answers and take none of them, all that are larger than one piece.
const COUNTED: usize = 64 << 10;
/// Without the charset some clients take it for Latin-1, and cut events at a byte 0x85.
const SSE: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
/// nginx and others in front would keep a stream until it is whole.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The response to `call`, whatever came of it.
pub(crate) fn respond((mut call, result): (Box<Call>, Result<Committed, Fault>)) -> Response<OutBody> {
    let id = call.recorder.event.id;
    let committed = match result {
        Ok(committed) => committed,
        Err(fault) => return refuse(&mut call.recorder, id, fault),
    };
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(X_REQUEST_ID, id.header());
    tell_way(&mut headers, &call);
    if let Some(limit) = call.limit {
        tell_limit(&mut headers, limit);
    }
    let body = match committed {
        Committed::Whole(whole) => {
            settle_whole(&mut call, &whole);
            call.recorder.event.outcome = Outcome::OK;
            headers.insert(CONTENT_TYPE, JSON);
            tell_cost(&mut headers, &call);
            tell_overhead(&mut headers, &call);
            call.held.shrink(whole.room); // the request's body goes
            OutBody::Whole(Some(until_taken(whole.body, call.held)))
        }
        Committed::Flow(flow) => {
            match flow.idle {
                Some(_) => tell_stream(&mut headers),
                None => drop(headers.insert(CONTENT_TYPE, JSON)),
            }
            tell_overhead(&mut headers, &call);
            OutBody::Relay(Relay::flowing(call, *flow))
        }
    };
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response
}

/// A large body counts in the memory budget until its caller has taken it.
fn until_taken(body: Bytes, held: Held) -> Bytes {
    struct Sending {
        body: Bytes,
        _held: Held,
    }
    impl AsRef<[u8]> for Sending {
        fn as_ref(&self) -> &[u8] {
            &self.body
        }
    }
    let counted = if Outbox::current().is_some() { PIECE + 1 } else { COUNTED };
    if body.len() < counted { body } else { Bytes::from_owner(Sending { body, _held: held }) }
}

/// A stream that is begun before anybody has committed: what is not known yet is left out.
pub(crate) fn begun_stream(id: RequestId, limit: Option<LimitState>, relay: Relay) -> Response<OutBody> {
    let mut response = Response::new(OutBody::Relay(relay));
    let headers = response.headers_mut();
    tell_stream(headers);
    headers.insert(X_REQUEST_ID, id.header());
    if let Some(limit) = limit {
        tell_limit(headers, limit);
    }
    response
}

/// What every stream says, so that nobody on its way stores or holds it.
fn tell_stream(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, SSE);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
}

/// Who answered, as far as `listener.disclosure` lets it be told.
fn tell_way(headers: &mut HeaderMap, call: &Call) {
    let event = &call.recorder.event;
    let Some(chosen) = &event.chosen else { return };
    if call.settings.listener.disclosure == Disclosure::None {
        return;
    }
    headers.insert(PROVIDER, chosen.provider.header.clone());
    headers.insert(MODEL, chosen.model.header.clone());
    let attempts = match event.attempts.len() {
        1 => HeaderValue::from_static("1"), // no allocation for nearly all
        more => HeaderValue::from(more),
    };
    headers.insert(ATTEMPTS, attempts);
}

fn tell_cost(headers: &mut HeaderMap, call: &Call) {
    if let Some(NanoUsd(nanos)) = call.recorder.event.cost {
        headers.insert(COST, decimal(nanos / 1_000_000_000, nanos % 1_000_000_000, 9, ""));
    }
}

/// Milliseconds that were ours: neither the caller's nor an upstream's.
fn tell_overhead(headers: &mut HeaderMap, call: &Call) {
    let event = &call.recorder.event;
    let micros = micros(event.overhead(event.began.elapsed()));
    headers.insert(OVERHEAD, decimal(micros / 1000, micros % 1000, 3, ""));
}
