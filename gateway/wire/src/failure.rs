//! A vendor's refusal or misdeed, put into one of the classes of semantics S1.
//!
//! The vendor's code decides first, its words where vendors have no code for it, the status last. No body is
//! assumed to be JSON, and none to have the vendor's own shape: proxies in between answer too. What of it
//! callers may see is sanitised here, once (semantics S10.3).

mod class;
mod date;
mod option;
mod report;
mod wait;

use crate::json::lenient::{read, says_something};
use crate::sanitise::{sanitise, sanitise_but};
use http::HeaderMap;
use report::Report;
use std::time::Duration;
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
    let report = Report::read(body, now);
    let class = class::of(row, Some(status), &report);
    let wait = if status >= 400 { wait::of(headers, report.wait, now) } else { None };
    build(class, status, report, wait, is_callers)
}

/// Classifies the body of a 2xx answer that is no answer; `None` if it doesn't tell of an error either.
pub(crate) fn inside(row: &VendorRow, body: &[u8], now: UnixSeconds) -> Option<Failure> {
    let report = Report::read(body, now);
    report.is_error.then(|| of_report(row, report))
}

/// Classifies the data of an error event in a stream. That it is one its frame has said, whatever its shape.
pub(crate) fn in_stream(row: &VendorRow, data: &[u8], now: UnixSeconds) -> Failure {
    of_report(row, Report { is_error: true, ..Report::read(data, now) })
}

/// What a frame that is no chunk has to say, though it has not the shape of an error: `{"detail": "..."}`. It is the
/// server's, whatever else it may be.
pub(crate) fn complaint(row: &VendorRow, data: &[u8], now: UnixSeconds) -> Option<Failure> {
    let report = Some(Report::read(data, now)).filter(|report| report.message.is_some())?;
    Some(Failure { class: FailureClass::ServerError, ..of_report(row, report) })
}

/// Whether the data of a frame has the shape of an error.
pub(crate) fn has_shape(data: &[u8]) -> bool {
    Report::read(data, UnixSeconds(0)).is_error
}

/// Whether the JSON value of a key `error` tells of one: some vendors send it empty in every answer, or an object of
/// which every field is.
pub(crate) fn is_error(value: &[u8]) -> bool {
    match value {
        [b'{' | b'[' | b'"', ..] => says_something(&read(value)),
        scalar => serde_json::from_slice(scalar).map_or(!scalar.is_empty(), |value| says_something(&value)),
    }
}

/// An error that came with a 2xx: its own status, if it states one, stands for the answer's.
fn of_report(row: &VendorRow, report: Report) -> Failure {
    let class = class::of(row, report.status, &report);
    let wait = report.wait.map(wait::bounded);
    build(class, report.status.unwrap_or(200), report, wait, &|_| false)
}

fn build(
    class: FailureClass,
    status: u16,
    report: Report,
    wait: Option<Duration>,
    is_callers: &dyn Fn(&str) -> bool,
) -> Failure {
    use FailureClass::{CallerFault, Misdirected, Overloaded, RateLimited, ServerError};
    let is_callers_matter = matches!(status, 200 | 400 | 422) && matches!(class, CallerFault | Misdirected);
    let refuses_addition =
        report.mentions_option && is_callers_matter && !option::is_other_matter(&report.codes);
    let message = report.message.map(|message| sanitise_but(&message, is_callers));
    let message = message.filter(|message| !message.is_empty());
    Failure {
        class,
        status: Some(status),
        retry_after: wait.filter(|_| matches!(class, RateLimited | Overloaded | ServerError)),
        message: message.unwrap_or_else(|| own_words(status)),
        kind: report.kind.filter(|kind| is_identifier(kind)),
        code: report.code.filter(|code| is_identifier(code)),
        param: report.param.filter(|param| is_path(param)),
        refuses_addition,
        names_addition: refuses_addition && report.names_option,
        stale: false,
        unasked: false,
    }
}

fn own_words(status: u16) -> String {
    match status {
        200..=299 => "The upstream sent an error in place of an answer.".to_owned(),
        300..=303 | 305..=399 => {
            format!("The upstream answered a redirect ({status}); redirects are not followed.")
        }
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
