//! Why an attempt brought no answer.

use weir_config::{Failure, FailureClass};
use weir_wire::Unsayable;

/// So much white space may stand before an answer: some servers send it to keep a connection alive while they work.
pub(super) const BLANK: usize = 64 << 10;

/// Why an attempt brought no answer.
#[derive(Debug)]
pub(crate) enum Missed {
    /// The target failed.
    Failed(Failure),
    /// What is spoken there has no words for what the request asks: it was not asked.
    Unsayable(Unsayable),
    /// This process had too little of something to go on. Whoever was asked is not to blame.
    Lacking(Lack),
}

/// What this process had too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A descriptor or port for a connection to an upstream.
    Socket,
    /// Room in the memory budget for the answer.
    Memory,
}

impl Lack {
    /// What the caller is told.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Socket => "The gateway has no socket left to ask an upstream on.",
            Self::Memory => "The gateway has no memory left for what this stream holds.",
        }
    }
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// An answer, or a stream's first content, that did not come in time.
pub(super) fn late(stream: bool) -> Failure {
    let text = if stream {
        "the upstream's stream did not begin in time"
    } else {
        "the upstream did not answer within the provider's total time"
    };
    Failure::new(FailureClass::Timeout, text)
}

pub(super) fn garbled(what: &str) -> Failure {
    Failure::new(FailureClass::Garbled, what)
}
