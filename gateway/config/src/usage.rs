//! Tokens that a request used, by class.

use serde::{Deserialize, Serialize};

/// The classes of tokens: what usage counts, prices charge, and metrics and the usage log name apart. Disjoint
/// (semantics S4.1): a vendor's inclusive counts are split once, at its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClass {
    /// Input that was neither read from a cache nor written to one.
    Input,
    /// Input read from the vendor's cache.
    CacheRead,
    /// Input written to the vendor's cache, to be kept for minutes.
    CacheWrite,
    /// Input written to the vendor's cache, to be kept for an hour.
    CacheWrite1h,
    /// Output other than reasoning.
    Output,
    /// Output spent on reasoning.
    Reasoning,
}

impl TokenClass {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] =
        [Self::Input, Self::CacheRead, Self::CacheWrite, Self::CacheWrite1h, Self::Output, Self::Reasoning];

    /// Its name in metrics and the usage log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
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
    /// Of [`TokenClass::CacheWrite`].
    #[serde(default)]
    pub cache_write: u64,
    /// Of [`TokenClass::CacheWrite1h`].
    #[serde(default)]
    pub cache_write_1h: u64,
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
            TokenClass::CacheWrite => self.cache_write,
            TokenClass::CacheWrite1h => self.cache_write_1h,
            TokenClass::Output => self.output,
            TokenClass::Reasoning => self.reasoning,
        }
    }

    /// All of the input, whatever came of it.
    pub fn all_input(&self) -> u64 {
        let written = self.cache_write.saturating_add(self.cache_write_1h);
        self.input.saturating_add(self.cache_read).saturating_add(written)
    }

    /// Both together; what no number holds is its largest.
    pub fn plus(&self, more: &Self) -> Self {
        Self {
            input: self.input.saturating_add(more.input),
            cache_read: self.cache_read.saturating_add(more.cache_read),
            cache_write: self.cache_write.saturating_add(more.cache_write),
            cache_write_1h: self.cache_write_1h.saturating_add(more.cache_write_1h),
            output: self.output.saturating_add(more.output),
            reasoning: self.reasoning.saturating_add(more.reasoning),
        }
    }
}
