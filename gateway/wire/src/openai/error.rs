//! Errors towards callers, in OpenAI's form: all four keys, null where there is nothing to say.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

/// The inside of an error body.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ErrorBody<'a> {
    /// For the developer who reads it.
    pub message: &'a str,
    /// The family: `invalid_request_error`, `rate_limit_error` ….
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The field of the request that is at fault.
    pub param: Option<&'a str>,
    /// What programs compare with.
    pub code: Option<&'a str>,
    /// What was tried: a JSON array, written as it is. Stands inside the error, where SDKs show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: &'a ErrorBody<'a>,
}

/// A whole error body.
pub fn write_error(error: &ErrorBody<'_>) -> Bytes {
    json(error).into()
}

/// The frame that ends a stream that failed: no `[DONE]` and no finish reason follow it (semantics S2.1).
pub fn write_stream_error(error: &ErrorBody<'_>) -> Bytes {
    let mut frame = b"data: ".to_vec();
    frame.extend_from_slice(&json(error));
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

/// Strings and a value that is JSON already cannot fail to be written; raw line ends would end a frame.
fn json(error: &ErrorBody<'_>) -> Vec<u8> {
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
        let error =
            ErrorBody { message: "no \"m\"\n\u{1}é", kind: "invalid_request_error", ..ErrorBody::default() };
        let body = r#"{"error":{"message":"no \"m\"\n\u0001é","type":"invalid_request_error","param":null,"code":null}}"#;
        assert_eq!(write_error(&error), body);
        assert_eq!(write_stream_error(&error), format!("data: {body}\n\n"));
    }

    #[test]
    fn attempts_stand_inside_the_error_as_they_are() {
        let attempts = RawValue::from_string("[{\"target\":\"a\",\n\"n\":1.0}]".to_owned()).unwrap();
        let error = ErrorBody {
            message: "m",
            kind: "k",
            param: Some("p"),
            code: Some("c"),
            attempts: Some(&attempts),
        };
        assert_eq!(
            write_stream_error(&error),
            "data: {\"error\":{\"message\":\"m\",\"type\":\"k\",\"param\":\"p\",\"code\":\"c\",\"attempts\":[{\"target\":\"a\", \"n\":1.0}]}}\n\n"
        );
    }
}
