//! What comes of a request, before a transport makes an answer of it.

use super::relay::Relay;
use crate::fault::{Fault, LimitState};
use crate::label::Chosen;
use crate::limits::Share;
use crate::observe::RequestId;
use bytes::Bytes;
use weir_config::NanoUsd;
use weir_wire::Dropped;

/// What comes of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An upstream's answer.
    Answer(About, Answer),
    /// None.
    Refusal(RequestId, Fault),
}

/// An upstream's answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// All of it, and the share of the memory budget that it holds.
    Whole(Bytes, Share),
    /// One that is still coming.
    Relay(Relay),
}

/// What is told of an answer, as far as it is known when it begins.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) id: RequestId,
    /// Who answered, and the attempts until then; as far as it may be told.
    pub(crate) way: Option<(Chosen, usize)>,
    pub(crate) limit: Option<LimitState>,
    pub(crate) is_stream: bool,
    /// Fields of the request that whoever answers was not told, by the caller's names.
    pub(crate) dropped: Option<Box<Dropped>>,
    pub(crate) cost: Option<NanoUsd>,
    /// In microseconds.
    pub(crate) overhead: Option<u64>,
}
