//! Where a request's head carries keys.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The keys that `headers` present.
pub(super) fn keys(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.iter().filter_map(|(name, value)| key(name, value))
}

/// The key that a header carries, if it is one that does: OpenAI's, Anthropic's, Azure's, Google's.
fn key<'a>(name: &HeaderName, value: &'a HeaderValue) -> Option<&'a [u8]> {
    match name.as_str() {
        "authorization" => {
            let (scheme, key) = value.as_bytes().split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then_some(key.trim_ascii())
        }
        "x-api-key" | "api-key" | "x-goog-api-key" => Some(value.as_bytes().trim_ascii()),
        _ => None,
    }
}
