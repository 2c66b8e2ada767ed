//! Who calls: finds the key of a request (semantics S10.5). It says nothing of why a key is refused.

use crate::fault::{Fault, FaultKind};
use crate::live::{KeyText, Live, LiveKey};
use std::sync::Arc;
use weir_config::{Digest, UnixSeconds};

/// The key of a request, if exactly one of those `presented` is one.
pub(crate) fn authenticate<'a>(
    live: &Live,
    presented: impl Iterator<Item = &'a [u8]>,
    now: UnixSeconds,
) -> Result<Arc<LiveKey>, Fault> {
    let mut found: Option<&KeyText> = None;
    for presented in presented {
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
