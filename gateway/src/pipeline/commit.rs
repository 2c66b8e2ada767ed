//! What an attempt commits: an answer that is the caller's from here on.

use super::flow::Flow;
use bytes::Bytes;

/// An answer that is the caller's from here on.
#[derive(Debug)]
pub(crate) enum Committed {
    /// All of a unary answer; what it comes to is booked.
    Whole(Whole),
    /// An answer that is still coming.
    Flow(Box<Flow>),
}

/// All of a unary answer.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) body: Bytes,
    /// How many bytes of memory the body takes.
    pub(crate) room: u64,
}
