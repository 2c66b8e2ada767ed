//! Responses to requests that an upstream answered.

use super::answer_headers::AnswerHeaders;
use super::body::PIECE;
use super::outbox::Outbox;
use super::{OutBody, refuse};
use crate::attempt::Committed;
use crate::call::Call;
use crate::fault::{Fault, LimitState};
use crate::live::Chosen;
use crate::memory::Held;
use crate::observe::{Outcome, RequestId, micros};
use crate::relay::Relay;
use crate::settle::settle_whole;
use bytes::Bytes;
use http::Response;
use weir_config::Disclosure;

/// Bodies of so many bytes stay in the memory budget while they are sent: a socket's buffer takes less at once. On
/// HTTP/2, where a caller may have many answers and take none of them, all that are larger than one piece.
const COUNTED: usize = 64 << 10;
/// The response to `call`, whatever came of it.
pub(crate) fn respond((mut call, result): (Box<Call>, Result<Committed, Fault>)) -> Response<OutBody> {
    let id = call.recorder.event.id;
    let committed = match result {
        Ok(committed) => committed,
        Err(fault) => {
            let fault = Fault { limit: fault.limit.or(call.limit), ..fault };
            return refuse(&mut call.recorder, id, fault);
        }
    };
    let limit = call.limit;
    let is_stream = matches!(&committed, Committed::Flow(flow) if flow.idle.is_some());
    if let Committed::Whole(whole) = &committed {
        settle_whole(&mut call, whole);
        call.recorder.event.outcome = Outcome::OK;
    }
    let event = &call.recorder.event;
    let headers = AnswerHeaders {
        id,
        way: way(&call),
        limit,
        is_stream,
        cost: event.cost,
        overhead: Some(micros(event.overhead(event.began.elapsed()))),
    };
    let headers = headers.write();
    let body = match committed {
        Committed::Whole(whole) => {
            call.held.shrink(whole.room); // the request's body goes
            OutBody::Whole(Some(until_taken(whole.body, call.held)))
        }
        Committed::Flow(flow) => OutBody::Relay(Relay::flowing(call, *flow)),
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
    let headers = AnswerHeaders { id, way: None, limit, is_stream: true, cost: None, overhead: None };
    let mut response = Response::new(OutBody::Relay(relay));
    *response.headers_mut() = headers.write();
    response
}

/// Who answered, as far as `listener.disclosure` lets it be told, and the attempts until then.
fn way(call: &Call) -> Option<(&Chosen, usize)> {
    let event = &call.recorder.event;
    let chosen = event.chosen.as_ref().filter(|_| call.settings.listener.disclosure != Disclosure::None)?;
    Some((chosen, event.attempts.len()))
}
