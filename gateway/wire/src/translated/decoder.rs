//! Which dialect is read.

use crate::api::Api;
use crate::hub::Event;
use crate::{anthropic, openai, sse};
use bytes::Bytes;
use weir_config::{Failure, UnixSeconds, VendorRow};

/// Reads a stream's frames.
pub(super) enum Decoder {
    Chat(Box<openai::ChatDecoder>),
    Messages(Box<anthropic::MessagesDecoder>),
}

impl Decoder {
    /// A stream of an account that speaks `from`.
    pub(super) fn new(from: Api, row: &'static VendorRow, context_window: Option<u64>) -> Self {
        match from {
            Api::Chat => Self::Chat(Box::new(openai::ChatDecoder::new(row, context_window))),
            Api::Messages => Self::Messages(Box::new(anthropic::MessagesDecoder::new(row, context_window))),
        }
    }

    /// What one frame says.
    pub(super) fn frame(
        &mut self,
        frame: &sse::Event<'_>,
        now: UnixSeconds,
        out: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        match self {
            Self::Chat(chat) => chat.frame(frame, now, out),
            Self::Messages(messages) => messages.frame(frame, now, out),
        }
    }

    /// The upstream has ended: the failure, if there is one but that it may not be whole.
    pub(super) fn end(&self, now: UnixSeconds) -> Result<(), Failure> {
        match self {
            Self::Chat(chat) => chat.end(now),
            Self::Messages(_) => Ok(()),
        }
    }

    /// Whether the last event came.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Chat(chat) => chat.is_done(),
            Self::Messages(messages) => messages.is_done(),
        }
    }

    /// Whether it was told why the answer ended.
    pub(super) fn is_finished(&self) -> bool {
        match self {
            Self::Chat(chat) => chat.is_finished(),
            Self::Messages(messages) => messages.is_finished(),
        }
    }
}

/// What the body of a unary answer says, of an account that speaks `from`.
pub(super) fn whole(
    from: Api,
    row: &'static VendorRow,
    context_window: Option<u64>,
    body: &Bytes,
    now: UnixSeconds,
    out: &mut Vec<Event>,
) -> Result<(), Failure> {
    match from {
        Api::Chat => openai::read_whole(row, context_window, body, now, out).map(drop),
        Api::Messages => anthropic::read_whole(row, context_window, body, now, out).map(drop),
    }
}
