//! What a caller reads of a fault, in the shape of the API that it calls.

use crate::fault::Fault;
use bytes::Bytes;
use weir_wire::openai::{ErrorBody, write_error, write_stream_error};

/// A comment that keeps a silent stream alive.
pub(crate) const PING: Bytes = Bytes::from_static(b": ping\n\n");

/// The fault as the body of an answer.
pub(crate) fn error_body(fault: &Fault) -> Bytes {
    let attempts =
        serde_json::value::to_raw_value(&fault.attempts).ok().filter(|_| !fault.attempts.is_empty());
    write_error(&ErrorBody { attempts: attempts.as_deref(), ..words(fault) })
}

/// The fault as the last event of a stream that has begun.
pub(crate) fn error_event(fault: &Fault) -> Bytes {
    write_stream_error(&words(fault))
}

fn words(fault: &Fault) -> ErrorBody<'_> {
    let (_, kind, code) = fault.kind.shape();
    ErrorBody {
        message: &fault.message,
        kind: fault.upstream_type.as_deref().unwrap_or(kind),
        param: fault.param.as_deref(),
        code: Some(fault.upstream_code.as_deref().unwrap_or(code)),
        attempts: None,
    }
}
