//! What comes of reading an answer.

use crate::hub::Event;
use crate::usage::Counted;
use bytes::Bytes;

/// A unary answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// What the gateway needs to know of it.
    pub facts: AnswerFacts,
    /// What the caller is sent; `None`: the answer as it is.
    pub body: Option<Bytes>,
}

/// What the gateway needs to know of a unary answer that is held whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerFacts {
    /// What the vendor counted, as far as that can be true; `None` if it did not say.
    pub usage: Option<Counted>,
    /// Roughly how many bytes of text, reasoning and tool calls the choices hold, for assuming a usage: only where
    /// the vendor did not count all, or not so that it can be true, and 0 otherwise.
    pub output_bytes: u64,
}

impl AnswerFacts {
    /// Those of an answer that says `events`.
    pub(crate) fn of(events: &[Event]) -> Self {
        let usage = events.iter().rev().find_map(|event| match event {
            Event::Usage(counted) => Some(*counted),
            _ => None,
        });
        let is_told = usage.is_some_and(|counted| counted.is_all());
        let output_bytes = if is_told { 0 } else { events.iter().map(Event::said_bytes).sum() };
        Self { usage, output_bytes }
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// It is whole: as a stream, after `[DONE]`, or a finish reason for every choice that was asked for.
    Complete,
    /// In the middle, or with a failure.
    Truncated,
}

/// What there is to do once the upstream has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Forward this first: a last frame whose blank line was missing, or what completes one. The next frame
    /// stands for itself then.
    pub bytes: Bytes,
    /// Whether the answer is whole.
    pub end: StreamEnd,
}
