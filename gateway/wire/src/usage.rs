//! What a vendor counted, and how much of it can be true. Each dialect has names of its own for its counts.

use weir_config::Usage;

/// Bytes per token where nobody told us: the usual rule of thumb for English text.
pub const BYTES_PER_TOKEN: u64 = 4;

/// More tokens than these no model takes or gives at once: ten times the largest window that is sold.
const MOST: u64 = 20_000_000;

/// The most tokens that a side of an answer can have: the model's window, or a bound where that is not known.
pub fn most_tokens(context_window: Option<u64>) -> u64 {
    context_window.unwrap_or(MOST)
}

/// What a vendor counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// In classes that do not overlap; 0 where nothing was told.
    pub usage: Usage,
    /// Whether the input was told.
    pub input: bool,
    /// Whether the output was told.
    pub output: bool,
}

impl Counted {
    /// Only what can be true: no more tokens than the model has room for, as far as that is known.
    #[must_use]
    pub fn believed(self, context_window: Option<u64>) -> Self {
        let most = most_tokens(context_window);
        let Usage { output, reasoning, .. } = self.usage;
        Self {
            input: self.input && self.usage.all_input() <= most,
            output: self.output && output.saturating_add(reasoning) <= most,
            ..self
        }
    }

    /// Whether both sides were told.
    pub(crate) fn is_all(&self) -> bool {
        self.input && self.output
    }
}
