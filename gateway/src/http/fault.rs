//! Makes a response of a `Fault`. Nothing else builds an error response.

use super::numbers;
use super::{API, OutBody, X_REQUEST_ID};
use crate::fault::{Blame, Fault, FaultKind, LimitState, Retry};
use crate::observe::{Outcome, Recorder, RequestId};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::borrow::Cow;
use std::time::Duration;
use weir_wire::{BadRequest, Words};

const ERROR_SOURCE: HeaderName = HeaderName::from_static("x-weir-error-source");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
pub(super) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
pub(super) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
pub(super) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

/// Refuses the request that `recorder` records.
pub(crate) fn refuse(recorder: &mut Recorder, id: RequestId, fault: Fault) -> Response<OutBody> {
    recorder.event.outcome = Outcome { status: fault.status(), code: fault.code() };
    refusal(id, fault)
}

/// The response that tells `fault`.
pub(crate) fn refusal(id: RequestId, fault: Fault) -> Response<OutBody> {
    let mut response = Response::new(OutBody::Whole(Some(body(&fault))));
    *response.status_mut() =
        StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_REQUEST_ID, id.header());
    headers.insert(ERROR_SOURCE, HeaderValue::from_static(source(fault.kind)));
    if fault.kind.closes() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    match fault.retry {
        Retry::Unsaid => {}
        Retry::Never => drop(headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"))),
        Retry::After(wait) => tell_wait(headers, wait),
    }
    if let Some(limit) = fault.limit {
        tell_limit(headers, limit);
    }
    response
}

fn source(kind: FaultKind) -> &'static str {
    match kind.blame() {
        Blame::Caller => "caller",
        Blame::Gateway => "gateway",
        Blame::Upstream => "upstream",
    }
}

/// Whole seconds for `retry-after`, milliseconds for SDKs that read them; both rounded up: a moment too early
/// would be refused again.
fn tell_wait(headers: &mut HeaderMap, wait: Duration) {
    let millis = wait.as_nanos().div_ceil(1_000_000);
    headers.insert(RETRY_AFTER, number(u64::try_from(millis.div_ceil(1000)).unwrap_or(u64::MAX)));
    headers.insert(RETRY_AFTER_MS, number(u64::try_from(millis).unwrap_or(u64::MAX)));
}

/// As OpenAI writes them: numbers, and the reset as a duration.
fn tell_limit(headers: &mut HeaderMap, limit: LimitState) {
    headers.insert(LIMIT, number(limit.limit.into()));
    headers.insert(REMAINING, number(limit.remaining.into()));
    headers.insert(RESET, written(|to| numbers::milliseconds(to, limit.reset)));
}

fn number(number: u64) -> HeaderValue {
    written(|to| numbers::number(to, number))
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> HeaderValue {
    let mut to = Vec::new();
    write(&mut to);
    HeaderValue::try_from(to).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

fn body(fault: &Fault) -> Bytes {
    let attempts =
        serde_json::value::to_raw_value(&fault.attempts).ok().filter(|_| !fault.attempts.is_empty());
    API.error_body(&Words { attempts: attempts.as_deref(), ..words(fault) })
}

/// The fault as the last event of a stream that has begun.
pub(crate) fn stream_error(fault: &Fault) -> Bytes {
    API.error_event(&words(fault))
}

/// What the fault says, but for what was tried.
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

/// A body that is no chat request.
pub(crate) fn bad_request(bad: BadRequest) -> Fault {
    Fault { param: bad.param.map(Cow::Borrowed), ..Fault::new(FaultKind::InvalidRequest, bad.message) }
}

/// The same for a model that does not exist and for one that the key may not use.
pub(crate) fn model_not_found(model: &str) -> Fault {
    let text = format!(
        "The model {model:?} does not exist here, or this key may not use it. `GET /v1/models` lists what it may."
    );
    Fault { param: Some(Cow::Borrowed("model")), ..Fault::new(FaultKind::ModelNotFound, text) }
}
