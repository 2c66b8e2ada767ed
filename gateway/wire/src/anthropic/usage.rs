//! Anthropic's token counts, split once into classes that do not overlap (semantics S4.1).
//!
//! `input_tokens` has neither what was read from the cache nor what was written to it; `output_tokens` has the thinking
//! in it. A stream counts in its first event and again in its last, where some resellers leave fields out and others
//! begin with zeros: the last value of each field holds, and no zero stands for a count.

use super::fields::{fields, filled, known};
use crate::json::number;
use crate::json::text::Text;
use crate::usage::{Counted, most_tokens};
use bytes::Bytes;
use weir_config::Usage;

/// The fields of a `usage` that are read.
const KEYS: [&str; 7] = [
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "output_tokens",
    "output_tokens_details",
    "service_tier",
];

/// All counts of an answer, or of the part of it that has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    context_window: Option<u64>,
    input: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    cache_write_5m: Option<u64>,
    cache_write_1h: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
    tier: Option<Text>,
}

impl Tally {
    /// Of a model with this window in tokens, if that is known: what is more is not believed.
    pub(crate) fn new(context_window: Option<u64>) -> Self {
        Self { context_window, ..Self::default() }
    }

    /// Takes the next `usage` as it is written. What is no object says nothing.
    pub(crate) fn count(&mut self, usage: &[u8]) {
        let Some([input, read, write, split, output, details, tier]) = fields(usage, &KEYS) else { return };
        let [write_5m, write_1h] =
            known(split.unwrap_or_default(), &["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"]);
        let [thinking] = known(details.unwrap_or_default(), &["thinking_tokens"]);
        let most = most_tokens(self.context_window);
        for (slot, count) in [
            (&mut self.input, input),
            (&mut self.cache_read, read),
            (&mut self.cache_write, write),
            (&mut self.cache_write_5m, write_5m),
            (&mut self.cache_write_1h, write_1h),
            (&mut self.output, output),
            (&mut self.thinking, thinking),
        ] {
            let believed = count.and_then(number::count).filter(|count| *count <= most);
            *slot = believed.filter(|count| *count > 0 || slot.is_none()).or(*slot);
        }
        if let Some(tier) = filled(tier)
            && self.tier.as_ref().is_none_or(|known| known.json() != tier)
        {
            self.tier = Some(Text::read(Bytes::copy_from_slice(tier)));
        }
    }

    /// The tier that served it, in its vendor's word.
    pub(crate) fn tier(&self) -> Option<&Text> {
        self.tier.as_ref()
    }

    /// What was counted, as far as it can be true; `None` if no side was, or nothing but zeros: an answered request has
    /// used something.
    pub(crate) fn counted(&self) -> Option<Counted> {
        let (cache_write, cache_write_1h) = self.written();
        let output = self.output.unwrap_or(0);
        let reasoning = self.thinking.unwrap_or(0).min(output);
        let usage = Usage {
            input: self.input.unwrap_or(0),
            cache_read: self.cache_read.unwrap_or(0),
            cache_write,
            cache_write_1h,
            output: output - reasoning,
            reasoning,
        };
        if usage.all_input() == 0 && output == 0 {
            return None;
        }
        let counted = Counted { usage, input: self.input.is_some(), output: self.output.is_some() };
        let counted = counted.believed(self.context_window);
        (counted.input || counted.output).then_some(counted)
    }

    /// What was written to the cache for 5 minutes, and for an hour. Without the split all of it is for 5 minutes, which
    /// is Anthropic's default (its reference, "Prompt caching").
    fn written(&self) -> (u64, u64) {
        let long = self.cache_write_1h.unwrap_or(0);
        match self.cache_write {
            Some(all) if all > 0 => (all.saturating_sub(long), long.min(all)),
            _ => (self.cache_write_5m.unwrap_or(0), long),
        }
    }
}

#[cfg(test)]
mod tests;
