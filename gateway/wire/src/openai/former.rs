//! What the gateway calls until it asks through the crate's root alone.

use crate::asked::{Additions, Asked, BadRequest, Pieces};
use crate::{Api, Words};
use bytes::Bytes;
use std::ops::{Deref, DerefMut};

/// A chat request.
#[derive(Debug, Clone)]
pub struct ChatRequest(Asked);

#[expect(missing_docs, reason = "as in `Asked` and `Facts`")]
impl ChatRequest {
    pub const SEARCHES: usize = Asked::SEARCHES;

    pub fn read(body: Bytes) -> Result<Self, BadRequest> {
        Asked::read(Api::Chat, body).map(Self)
    }

    pub fn encode(&self, upstream_model: &str, usage: bool) -> Pieces {
        self.0.encode(Api::Chat, upstream_model, Additions { usage }).body
    }

    pub fn model(&self) -> &str {
        &self.facts().model
    }

    pub fn stream(&self) -> bool {
        self.facts().stream
    }

    pub fn choices(&self) -> u32 {
        self.facts().choices
    }

    pub fn includes_usage(&self) -> bool {
        self.facts().includes_usage
    }

    pub fn brings_stream_options(&self) -> bool {
        self.facts().brings_stream_options
    }

    pub fn text_bytes(&self) -> u64 {
        self.facts().text_bytes
    }

    #[expect(clippy::len_without_is_empty, reason = "a request has a model, so it is never empty")]
    pub fn len(&self) -> usize {
        self.facts().length
    }
}

impl Deref for ChatRequest {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.0
    }
}

impl DerefMut for ChatRequest {
    fn deref_mut(&mut self) -> &mut Asked {
        &mut self.0
    }
}

/// A whole error body.
pub fn write_error(error: &Words<'_>) -> Bytes {
    Api::Chat.error_body(error)
}

/// The event that ends a stream that failed.
pub fn write_stream_error(error: &Words<'_>) -> Bytes {
    Api::Chat.error_event(error)
}
