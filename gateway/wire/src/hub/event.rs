//! What an answer says, piece by piece, whatever the API that it came in. A unary answer says the same in larger pieces.

use crate::json::text::Text;
use crate::usage::Counted;

/// One thing that an answer says. There is one choice: who asks for more is passed through or refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// It has begun. Said once, before all others.
    Start { id: Option<Text>, model: Option<Text> },
    /// More text.
    Text(Text),
    /// More reasoning.
    Thinking(Text),
    /// The mark under the reasoning before it, with which its block ends.
    Signature(Text),
    /// Reasoning that only its vendor can read, a block of its own.
    Redacted(Text),
    /// More of a refusal's words.
    Refusal(Text),
    /// A call begins, the `call`th of this answer from 0 on. Without an id its vendor gave none.
    Call { call: u32, id: Option<Text>, name: Text },
    /// More of a call's arguments: what the pieces say, joined, is their JSON.
    Arguments { call: u32, json: Text },
    /// The block that the last events were of has ended: what comes is another, though it be of the same kind.
    BlockEnd,
    /// Why it ended. The last one counts.
    Finish(Finish),
    /// What was counted so far: the last one counts.
    Usage(Counted),
    /// The tier that served it, in its vendor's word.
    Tier(Text),
}

impl Event {
    /// How many bytes of text, reasoning, refusal or arguments it has.
    pub(crate) fn said_bytes(&self) -> u64 {
        match self {
            Self::Text(text)
            | Self::Thinking(text)
            | Self::Refusal(text)
            | Self::Arguments { json: text, .. } => text.len() as u64,
            _ => 0,
        }
    }
}

/// Why an answer ended, and its vendor's own word for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finish {
    pub(crate) reason: Reason,
    pub(crate) native: Option<Text>,
    /// Which stop sequence it was, where that is told.
    pub(crate) stop_sequence: Option<Text>,
    /// Why it was refused, where that is told.
    pub(crate) explanation: Option<Text>,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It was all that was to be said, or a stop sequence came.
    Stop,
    /// The bound of its tokens, or the model's window, was reached.
    Length,
    /// Tools are to be called.
    Calls,
    /// The model or a filter refused.
    Filter,
}
