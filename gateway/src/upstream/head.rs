//! What the head of an upstream's answer says, whatever it came over.

use http::{HeaderMap, StatusCode};

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// The body claims to be an event stream.
    pub(crate) claims_events: bool,
    /// The body is compressed, although it was asked not to be.
    pub(crate) compressed: bool,
    /// Of a success those that the request wants; all of any other answer, for what they say about waiting.
    pub(crate) headers: HeaderMap,
}

impl Head {
    /// A head without headers.
    pub(super) fn new(status: StatusCode, claims_events: bool) -> Self {
        Self { status, claims_events, compressed: false, headers: HeaderMap::new() }
    }
}
