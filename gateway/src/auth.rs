//! Who calls: finds the key of a request (semantics S10.5). It says nothing of why a key is refused.

use crate::fault::{Fault, FaultKind};
use crate::live::{KeyText, Live, LiveKey};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use weir_config::{Digest, UnixSeconds};

/// The key of a request, if exactly one of the values presented is one.
pub(crate) fn authenticate(
    live: &Live,
    headers: &HeaderMap,
    now: UnixSeconds,
) -> Result<Arc<LiveKey>, Fault> {
    let mut found: Option<&KeyText> = None;
    for presented in headers.iter().filter_map(|(name, value)| presented(name, value)) {
        let Some(text) = live.key(&Digest::of(presented)).filter(|text| text.is_valid(now)) else { continue };
        match found {
            Some(other) if !Arc::ptr_eq(&other.key, &text.key) => return Err(ambiguous()),
            _ => found = Some(text),
        }
    }
    found.map(|text| Arc::clone(&text.key)).ok_or_else(refused)
}

/// The key that a header carries, if it is one that does: OpenAI's, Anthropic's, Azure's, Google's.
fn presented<'a>(name: &HeaderName, value: &'a HeaderValue) -> Option<&'a [u8]> {
    match name.as_str() {
        "authorization" => {
            let (scheme, key) = value.as_bytes().split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then_some(key.trim_ascii())
        }
        "x-api-key" | "api-key" | "x-goog-api-key" => Some(value.as_bytes().trim_ascii()),
        _ => None,
    }
}

/// One text for every reason: a caller without a key learns nothing.
fn refused() -> Fault {
    Fault::new(
        FaultKind::InvalidApiKey,
        "The API key is missing or not valid here. Send a key of this gateway as `Authorization: Bearer <key>`.",
    )
}

fn ambiguous() -> Fault {
    Fault::new(
        FaultKind::AmbiguousCredentials,
        "Two different API keys were sent, and both are valid. Send one, in one header.",
    )
}
