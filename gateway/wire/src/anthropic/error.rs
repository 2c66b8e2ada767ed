//! Errors towards callers, in Anthropic's form.

use crate::words::Words;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
    /// Stands inside the error, where SDKs show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<&'a RawValue>,
}

/// A whole error body.
pub(crate) fn error_body(words: &Words<'_>) -> Bytes {
    json(words).into()
}

/// The event that ends a stream which failed: no `message_stop` follows it (semantics S2.1).
pub(crate) fn error_event(words: &Words<'_>) -> Bytes {
    [b"event: error\ndata: ", &json(words)[..], b"\n\n"].concat().into()
}

/// Strings and a value that is JSON already cannot fail to be written; raw line ends would end an event's data.
fn json(words: &Words<'_>) -> Vec<u8> {
    let Words { message, attempts, .. } = *words;
    let error = Error { kind: family(words), message, attempts };
    let mut body = serde_json::to_vec(&Envelope { kind: "error", error }).unwrap_or_default();
    for byte in &mut body {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' '; // only white space of `attempts` can hold one
        }
    }
    body
}

/// The type that Anthropic has for this kind of error. Its list is closed: SDKs choose their exception by it.
/// Source: Anthropic's errors page.
fn family(words: &Words<'_>) -> &'static str {
    match (words.kind, words.code) {
        (_, Some("model_not_found" | "unknown_url")) | ("not_found_error", _) => "not_found_error",
        (_, Some("body_too_large")) | ("request_too_large", _) => "request_too_large",
        (_, Some("insufficient_quota")) | ("insufficient_quota" | "billing_error", _) => "billing_error",
        ("invalid_request_error", _) => "invalid_request_error",
        ("authentication_error", _) => "authentication_error",
        ("permission_error", _) => "permission_error",
        ("rate_limit_error", _) => "rate_limit_error",
        ("timeout_error", _) => "timeout_error",
        ("overloaded_error", _) => "overloaded_error",
        _ => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_anthropics_form_and_escapes_what_it_quotes() {
        let error = Words {
            message: "no \"m\"\n\u{1}é",
            kind: "invalid_request_error",
            param: Some("p"),
            ..Words::default()
        };
        let body =
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"no \"m\"\n\u0001é"}}"#;
        assert_eq!(error_body(&error), body);
        assert_eq!(error_event(&error), format!("event: error\ndata: {body}\n\n"));
    }

    #[test]
    fn attempts_stand_inside_the_error_as_they_are() {
        let attempts = RawValue::from_string("[{\"target\":\"a\",\n\"n\":1.0}]".to_owned()).unwrap();
        let error =
            Words { message: "m", kind: "overloaded_error", attempts: Some(&attempts), ..Words::default() };
        assert_eq!(
            error_body(&error),
            "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\",\"attempts\":[{\"target\":\"a\", \"n\":1.0}]}}"
        );
    }

    #[test]
    fn every_type_is_one_of_anthropics() {
        for (kind, code, expected) in [
            ("server_error", "internal_error", "api_error"),
            ("upstream_error", "upstream_unavailable", "api_error"),
            ("", "", "api_error"),
            ("invalid_request_error", "model_not_found", "not_found_error"),
            ("invalid_request_error", "body_too_large", "request_too_large"),
            ("insufficient_quota", "insufficient_quota", "billing_error"),
            ("rate_limit_error", "request_too_large", "rate_limit_error"),
            ("overloaded_error", "overloaded", "overloaded_error"),
            ("timeout_error", "", "timeout_error"),
        ] {
            let words = Words { kind, code: Some(code), ..Words::default() };
            assert_eq!(family(&words), expected, "{kind} {code}");
        }
    }
}
