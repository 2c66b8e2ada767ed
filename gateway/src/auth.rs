//! Who calls: finds the key of a request (semantics S10.5). It says nothing of why a key is refused.

use crate::fault::{Fault, FaultKind};
use crate::live::{KeyText, Live, LiveKey};
use http::{HeaderMap, HeaderName, header};
use std::sync::Arc;
use weir_config::{Digest, UnixSeconds};

/// The headers that carry keys: OpenAI's, Anthropic's, Azure's, Google's.
static KEY_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// The key of a request, if exactly one of the values presented is one.
pub(crate) fn authenticate(
    live: &Live,
    headers: &HeaderMap,
    now: UnixSeconds,
) -> Result<Arc<LiveKey>, Fault> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter().filter_map(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(key.trim_ascii())
    });
    let named =
        KEY_HEADERS.iter().flat_map(|name| headers.get_all(name)).map(|value| value.as_bytes().trim_ascii());
    let mut found: Option<&KeyText> = None;
    for presented in bearer.chain(named) {
        let Some(text) = live.key(&Digest::of(presented)).filter(|text| text.is_valid(now)) else { continue };
        match found {
            Some(other) if !Arc::ptr_eq(&other.key, &text.key) => return Err(ambiguous()),
            _ => found = Some(text),
        }
    }
    found.map(|text| Arc::clone(&text.key)).ok_or_else(refused)
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
