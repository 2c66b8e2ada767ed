//! Makes a response of a `Fault`. Nothing else builds an error response.

use super::numbers;
use super::{OutBody, X_REQUEST_ID};
use crate::fault::{Blame, Fault, FaultKind, LimitState, Retry};
use crate::observe::RequestId;
use crate::words;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::time::Duration;
use weir_wire::Api;

const ERROR_SOURCE: HeaderName = HeaderName::from_static("x-weir-error-source");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
pub(super) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
pub(super) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
pub(super) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

/// The response that tells `fault` to a caller of `api`.
pub(super) fn refusal(id: RequestId, api: Api, fault: Fault) -> Response<OutBody> {
    let mut response = Response::new(OutBody::Whole(Some(words::error_body(api, &fault))));
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
