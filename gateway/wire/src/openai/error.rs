//! Errors towards callers, in OpenAI's form: all four keys, null where there is nothing to say.

use crate::words::Words;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
    /// Stands inside the error, where SDKs show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<&'a RawValue>,
}

/// A whole error body.
pub(crate) fn error_body(words: &Words<'_>) -> Bytes {
    json(words).into()
}

/// The frame that ends a stream that failed: no `[DONE]` and no finish reason follow it (semantics S2.1).
pub(crate) fn error_event(words: &Words<'_>) -> Bytes {
    let mut frame = b"data: ".to_vec();
    frame.extend_from_slice(&json(words));
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

/// Strings and a value that is JSON already cannot fail to be written; raw line ends would end a frame.
fn json(words: &Words<'_>) -> Vec<u8> {
    let Words { message, kind, param, code, attempts } = *words;
    let error = Error { message, kind, param, code, attempts };
    let mut body = serde_json::to_vec(&Envelope { error }).unwrap_or_default();
    for byte in &mut body {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' '; // only white space of `attempts` can hold one
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_all_four_keys_and_escapes_what_it_quotes() {
        let error = Words { message: "no \"m\"\n\u{1}é", kind: "invalid_request_error", ..Words::default() };
        let body = r#"{"error":{"message":"no \"m\"\n\u0001é","type":"invalid_request_error","param":null,"code":null}}"#;
        assert_eq!(error_body(&error), body);
        assert_eq!(error_event(&error), format!("data: {body}\n\n"));
    }

    #[test]
    fn attempts_stand_inside_the_error_as_they_are() {
        let attempts = RawValue::from_string("[{\"target\":\"a\",\n\"n\":1.0}]".to_owned()).unwrap();
        let error =
            Words { message: "m", kind: "k", param: Some("p"), code: Some("c"), attempts: Some(&attempts) };
        assert_eq!(
            error_event(&error),
            "data: {\"error\":{\"message\":\"m\",\"type\":\"k\",\"param\":\"p\",\"code\":\"c\",\"attempts\":[{\"target\":\"a\", \"n\":1.0}]}}\n\n"
        );
    }
}
