//! The fields that every API's requests have, read and judged alike.

use super::BadRequest;

/// A model's name has at most so many bytes: longer ones are no names, and they would fill logs and metrics.
const MAX_MODEL_BYTES: usize = 256;

/// The body as text.
pub(crate) fn utf8(body: &[u8]) -> Result<&str, BadRequest> {
    simdutf8::basic::from_utf8(body).map_err(|_| {
        let at = std::str::from_utf8(body).map_or_else(|error| error.valid_up_to(), str::len);
        BadRequest::syntax(body, at, "it is not UTF-8")
    })
}

/// The name of a model, 1 to 256 bytes.
pub(crate) fn model(value: &str) -> Result<String, BadRequest> {
    let bad = |message: String| BadRequest::field("model", message);
    if !value.starts_with('"') {
        return Err(wrong_type("model", "a string", value));
    }
    let model = match value.get(1..value.len().saturating_sub(1)) {
        Some(plain) if memchr::memchr(b'\\', plain.as_bytes()).is_none() => plain.to_owned(),
        _ => serde_json::from_str(value).map_err(|error| bad(format!("`model` cannot be read: {error}.")))?,
    };
    match model.len() {
        0 => Err(bad("`model` is empty.".to_owned())),
        1..=MAX_MODEL_BYTES => Ok(model),
        length => Err(bad(format!("`model` has {length} bytes; it may have {MAX_MODEL_BYTES}."))),
    }
}

/// A boolean; null is as good as absent, as at OpenAI.
pub(crate) fn boolean(param: &'static str, value: &str) -> Result<bool, BadRequest> {
    match value {
        "true" => Ok(true),
        "false" | "null" => Ok(false),
        _ => Err(wrong_type(param, "a boolean", value)),
    }
}

/// `param` has another type than the `wanted` one.
pub(crate) fn wrong_type(param: &'static str, wanted: &str, value: &str) -> BadRequest {
    let given = match value.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    BadRequest::field(param, format!("`{param}` must be {wanted}, not {given}."))
}
