//! What a caller reads of a fault, in the shape of the API that it calls.

use crate::fault::Fault;
use bytes::Bytes;
use weir_wire::{Api, Words};

/// What whoever calls nothing that is served is answered in.
pub(crate) const API: Api = Api::Chat;

/// The fault as the body of an answer.
pub(crate) fn error_body(api: Api, fault: &Fault) -> Bytes {
    let attempts =
        serde_json::value::to_raw_value(&fault.attempts).ok().filter(|_| !fault.attempts.is_empty());
    api.error_body(&Words { attempts: attempts.as_deref(), ..words(fault) })
}

/// The fault as the last event of a stream that no upstream has begun.
pub(crate) fn error_event(api: Api, fault: &Fault) -> Bytes {
    api.error_event(&words(fault))
}

/// What `fault` says.
pub(crate) fn words(fault: &Fault) -> Words<'_> {
    let (_, kind, code) = fault.kind.shape();
    Words {
        message: &fault.message,
        kind: fault.upstream_type.as_deref().unwrap_or(kind),
        param: fault.param.as_deref(),
        code: Some(fault.upstream_code.as_deref().unwrap_or(code)),
        attempts: None,
    }
}
