//! A vendor's refusal or misdeed, put into one of the classes of semantics S1.
//!
//! The vendor's code decides first, its words where vendors have no code for it, the status last. No body is
//! assumed to be JSON, and none to have the vendor's own shape: proxies in between answer too. What of it
//! callers may see is sanitised here, once (semantics S10.3).

mod class;
mod date;
mod option;
mod told;
mod wait;

use crate::json::lenient::{read, says_something};
use crate::sanitise::{sanitise, sanitise_but};
use http::HeaderMap;
use std::time::Duration;
use told::Told;
use weir_config::{Failure, FailureClass, UnixSeconds, VendorRow};

/// An `error.param` that is passed on has at most so many bytes.
const MAX_PARAM_BYTES: usize = 128;

/// Classifies an answer that is not 2xx. `is_callers` says of a URL whether the caller wrote it: such a one may be told,
/// because a message is about it.
pub fn failure(
    row: &VendorRow,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    now: UnixSeconds,
    is_callers: &dyn Fn(&str) -> bool,
) -> Failure {
    let told = Told::read(body, now);
    let class = class::of(row, Some(status), &told);
    let wait = if status >= 400 { wait::of(headers, told.wait, now) } else { None };
    build(class, status, told, wait, is_callers)
}

/// Classifies the body of a 2xx answer that is no answer; `None` if it doesn't tell of an error either.
pub(super) fn inside(row: &VendorRow, body: &[u8], now: UnixSeconds) -> Option<Failure> {
    let told = Told::read(body, now);
    told.is_error.then(|| of_told(row, told))
}

/// Classifies the data of an error event in a stream.
pub(super) fn in_stream(row: &VendorRow, data: &[u8], now: UnixSeconds) -> Failure {
    of_told(row, Told::read(data, now))
}

/// What a frame that is no chunk has to say, though it has not the shape of an error: `{"detail": "..."}`. It is the
/// server's, whatever else it may be.
pub(super) fn complaint(row: &VendorRow, data: &[u8], now: UnixSeconds) -> Option<Failure> {
    let told = Some(Told::read(data, now)).filter(|told| told.message.is_some())?;
    Some(Failure { class: FailureClass::ServerError, ..of_told(row, told) })
}

/// Whether the data of a frame has the shape of an error.
pub(super) fn is_told(data: &[u8]) -> bool {
    Told::read(data, UnixSeconds(0)).is_error
}

/// Whether the JSON value of a key `error` tells of one: some vendors send it empty in every answer, or an object of
/// which every field is.
pub(super) fn is_error(value: &[u8]) -> bool {
    match value {
        [b'{' | b'[' | b'"', ..] => says_something(&read(value)),
        scalar => serde_json::from_slice(scalar).map_or(!scalar.is_empty(), |value| says_something(&value)),
    }
}

/// An error that came with a 2xx: its own status, if it states one, stands for the answer's.
fn of_told(row: &VendorRow, told: Told) -> Failure {
    let class = class::of(row, told.status, &told);
    let wait = told.wait.map(wait::bounded);
    build(class, told.status.unwrap_or(200), told, wait, &|_| false)
}

fn build(
    class: FailureClass,
    status: u16,
    told: Told,
    wait: Option<Duration>,
    is_callers: &dyn Fn(&str) -> bool,
) -> Failure {
    use FailureClass::{CallerFault, Misdirected, Overloaded, RateLimited, ServerError};
    let is_callers_matter = matches!(status, 200 | 400 | 422) && matches!(class, CallerFault | Misdirected);
    let refuses_addition = told.mentions_option && is_callers_matter && !option::is_other_matter(&told.codes);
    let message = told.message.map(|message| sanitise_but(&message, is_callers));
    let message = message.filter(|message| !message.is_empty());
    Failure {
        class,
        status: Some(status),
        retry_after: wait.filter(|_| matches!(class, RateLimited | Overloaded | ServerError)),
        message: message.unwrap_or_else(|| own_words(status)),
        kind: told.kind.filter(|kind| is_identifier(kind)),
        code: told.code.filter(|code| is_identifier(code)),
        param: told.param.filter(|param| is_path(param)),
        refuses_addition,
        names_addition: refuses_addition && told.names_option,
        stale: false,
    }
}

fn own_words(status: u16) -> String {
    match status {
        200..=299 => "The upstream sent an error in place of an answer.".to_owned(),
        300..=399 => format!("The upstream answered a redirect ({status}); redirects are not followed."),
        _ => format!("The upstream answered {status} without saying why."),
    }
}

fn is_identifier(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && sanitise(text) == text
}

fn is_path(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]$".contains(&byte);
    (1..=MAX_PARAM_BYTES).contains(&text.len()) && text.bytes().all(plain) && sanitise(text) == text
}

#[cfg(test)]
mod tests;
