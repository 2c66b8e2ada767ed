//! OpenAI's token counts, split once into classes that do not overlap (semantics S4.1): by the names that OpenAI has
//! for them, wherever its many imitators put them.

use crate::json::number;
use crate::usage::{Counted, most_tokens};
use weir_config::Usage;

/// Where in an answer a count stands, the most trusted place first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In `usage`, and in what details it has.
    Usage,
    /// The count of a whole side, deeper in `usage`.
    Nested,
    /// In Groq's `x_groq.usage`, filled without being asked.
    Groq,
    /// In `choices[0].usage`: Moonshot.
    Choice,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Prompt,
    Completion,
    Total,
    Cached,
    Reasoning,
}

impl Field {
    /// Counts are known by name wherever they stand: in a details object, or at the top (Together).
    pub(crate) fn named(key: &[u8]) -> Option<Self> {
        Some(match key.strip_suffix(b"_tokens")? {
            b"prompt" => Self::Prompt,
            b"completion" => Self::Completion,
            b"total" => Self::Total,
            b"cached" | b"prompt_cache_hit" => Self::Cached, // DeepSeek sends both
            b"reasoning" => Self::Reasoning,
            _ => return None,
        })
    }
}

/// The counts of one place, as the vendor sent them: the largest of each, since they only grow, and some vendors
/// send zeros at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    prompt: Option<u64>,
    completion: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    reasoning: Option<u64>,
}

impl Counts {
    fn field(&mut self, field: Field) -> &mut Option<u64> {
        match field {
            Field::Prompt => &mut self.prompt,
            Field::Completion => &mut self.completion,
            Field::Total => &mut self.total,
            Field::Cached => &mut self.cached,
            Field::Reasoning => &mut self.reasoning,
        }
    }

    /// Whether all of them can be true.
    fn are_believable(&self, most: u64) -> bool {
        let Self { prompt, completion, total, cached, reasoning } = *self;
        let side = |count: Option<u64>| count.is_none_or(|count| count <= most);
        let total = total.is_none_or(|total| total <= most.saturating_mul(2));
        side(prompt) && side(completion) && total && side(cached) && side(reasoning)
    }

    fn merge(&mut self, other: &Self, most: u64) {
        let Self { prompt, completion, total, cached, reasoning } = *other;
        let side = |count: Option<u64>| count.filter(|count| *count <= most);
        self.prompt = self.prompt.max(side(prompt));
        self.completion = self.completion.max(side(completion));
        self.total = self.total.max(total.filter(|total| *total <= most.saturating_mul(2)));
        self.cached = self.cached.max(side(cached));
        self.reasoning = self.reasoning.max(side(reasoning));
    }
}

/// All counts of an answer, or of the part of it that has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    places: [Counts; 4],
    /// A side was given a number, believable or not.
    told: bool,
}

impl Tally {
    /// A number at `place`, as it is written.
    pub(crate) fn count(&mut self, place: Place, field: Field, text: &[u8]) {
        let is_side = matches!(field, Field::Prompt | Field::Completion | Field::Total);
        // A detail belongs to the counts around it, however deep it stands.
        let place = if place == Place::Nested && !is_side { Place::Usage } else { place };
        self.told |= is_side && matches!(text.first(), Some(b'-' | b'0'..=b'9'));
        if let Some(counts) = self.places.get_mut(place as usize) {
            let most = counts.field(field);
            *most = (*most).max(number::count(text));
        }
    }

    /// What a later chunk says as well, where it can be true: a side has at most `most` tokens.
    pub(crate) fn merge(&mut self, later: &Self, most: u64) {
        self.told |= later.told;
        self.places.iter_mut().zip(&later.places).for_each(|(counts, later)| counts.merge(later, most));
    }

    /// What of it can be true of a model with this `context_window`.
    pub(crate) fn believable(&self, context_window: Option<u64>) -> Self {
        let mut believable = Self::default();
        believable.merge(self, most_tokens(context_window));
        believable
    }

    /// Whether there is a usage at all.
    pub(crate) fn is_told(&self) -> bool {
        self.told
    }

    /// The first number of a field that is not zero, the most trusted place first.
    fn first(&self, field: impl Fn(&Counts) -> Option<u64>) -> Option<u64> {
        let told = || self.places.iter().filter_map(&field);
        told().find(|count| *count > 0).or_else(|| told().next())
    }

    /// What was counted; `None` if no side was, or nothing but zeros: an answered request has used something.
    ///
    /// OpenAI's counts are inclusive: prompt contains cached, completion contains reasoning. xAI leaves reasoning
    /// out of completion, which shows in its total (16 of 16 recordings: total = p + c + r). OpenRouter's
    /// reasoning may exceed the completion that contains it: the sum is what is billed, so the part gives way.
    pub(crate) fn counted(&self) -> Option<Counted> {
        let total = self.first(|counts| counts.total);
        let (prompt, completion) =
            (self.first(|counts| counts.prompt), self.first(|counts| counts.completion));
        let rest = |side: Option<u64>| total?.checked_sub(side?);
        let (prompt, completion) = (prompt.or_else(|| rest(completion)), completion.or_else(|| rest(prompt)));
        if prompt.unwrap_or(0) == 0 && completion.unwrap_or(0) == 0 {
            return None;
        }
        let (input, output) = (prompt.is_some(), completion.is_some());
        let (prompt, completion) = (prompt.unwrap_or(0), completion.unwrap_or(0));
        let reasoning = self.first(|counts| counts.reasoning).unwrap_or(0);
        let sum = prompt.checked_add(completion).and_then(|sum| sum.checked_add(reasoning));
        let apart = reasoning > 0 && total.is_some() && total == sum;
        let completion = if apart { completion.saturating_add(reasoning) } else { completion };
        let cache_read = self.first(|counts| counts.cached).unwrap_or(0).min(prompt);
        let reasoning = reasoning.min(completion);
        let usage = Usage {
            input: prompt - cache_read,
            cache_read,
            output: completion - reasoning,
            reasoning,
            ..Usage::default()
        };
        Some(Counted { usage, input, output })
    }
}

/// Reads the text of a `usage` as nearly all are, of a model with this `context_window`: no side is given twice, all
/// numbers are whole and can be true. `None`: it is another, or none. It says what [`Tally`] says of any, at a fraction
/// of the cost.
///
/// A key is what stands between quotes before a colon: inside a string its closing quote would be escaped.
pub(crate) fn plain(usage: &[u8], context_window: Option<u64>) -> Option<Counted> {
    let mut tally = Tally::default();
    for colon in memchr::memchr_iter(b':', usage) {
        let Some(key) = usage.get(..colon)?.trim_ascii_end().strip_suffix(b"_tokens\"") else { continue };
        let side = |side: &Option<u64>| side.is_none();
        let [counts, ..] = &mut tally.places;
        let (field, is_first) = if key.ends_with(b"\"prompt") {
            (Field::Prompt, side(&counts.prompt))
        } else if key.ends_with(b"\"completion") {
            (Field::Completion, side(&counts.completion))
        } else if key.ends_with(b"\"total") {
            (Field::Total, side(&counts.total))
        } else if key.ends_with(b"\"cached") || key.ends_with(b"\"prompt_cache_hit") {
            (Field::Cached, true)
        } else if key.ends_with(b"\"reasoning") {
            (Field::Reasoning, true)
        } else {
            continue;
        };
        let value = usage.get(colon + 1..)?.trim_ascii_start();
        let digits = value.iter().position(|byte| !byte.is_ascii_digit())?;
        match value.get(digits)? {
            b',' | b'}' | b' ' | b'\n' | b'\r' if is_first && digits > 0 => {
                tally.count(Place::Usage, field, value.get(..digits)?);
            }
            b'n' if digits == 0 => {} // null
            _ => return None,
        }
    }
    let [counts, ..] = &tally.places;
    counts.are_believable(most_tokens(context_window)).then(|| tally.counted())?
}

#[cfg(test)]
mod tests;
