//! Tokens that a request used, by class.

use serde::{Deserialize, Serialize};

/// The classes of tokens: what usage counts, prices charge, and metrics and the usage log name apart. Disjoint
/// (semantics S4.1): a vendor's inclusive counts are split once, at its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClass {
    /// Input that was not read from a cache.
    Input,
    /// Input read from the vendor's cache.
    CacheRead,
    /// Output other than reasoning.
    Output,
    /// Output spent on reasoning.
    Reasoning,
}

impl TokenClass {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Input, Self::CacheRead, Self::Output, Self::Reasoning];

    /// Its name in metrics and the usage log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
        }
    }
}

/// How many tokens of each class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Of [`TokenClass::Input`].
    pub input: u64,
    /// Of [`TokenClass::CacheRead`].
    pub cache_read: u64,
    /// Of [`TokenClass::Output`].
    pub output: u64,
    /// Of [`TokenClass::Reasoning`].
    pub reasoning: u64,
}

impl Usage {
    /// The tokens of `class`.
    pub fn of(&self, class: TokenClass) -> u64 {
        match class {
            TokenClass::Input => self.input,
            TokenClass::CacheRead => self.cache_read,
            TokenClass::Output => self.output,
            TokenClass::Reasoning => self.reasoning,
        }
    }

    /// Both together; what no number holds is its largest.
    pub fn plus(&self, more: &Self) -> Self {
        Self {
            input: self.input.saturating_add(more.input),
            cache_read: self.cache_read.saturating_add(more.cache_read),
            output: self.output.saturating_add(more.output),
            reasoning: self.reasoning.saturating_add(more.reasoning),
        }
    }
}
