//! A vendor's token counts, split once into classes that do not overlap (semantics S4.1).

use crate::scan::{self, Span};
use weir_config::Usage;

const KEYS: [&str; 7] = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    "prompt_cache_hit_tokens", // DeepSeek's own name, beside the details only since 2025
    "cached_tokens",           // Together and Moonshot: at the top
];

/// Reads the text of a `usage`; `None` if it is null, or no object with a count of either side.
///
/// OpenAI's counts are inclusive: prompt contains cached, completion contains reasoning. xAI leaves reasoning
/// out of completion, which shows in its total (16 of 16 recordings: total = p + c + r). OpenRouter's
/// reasoning may exceed the completion that contains it: the sum is what is billed, so the part gives way.
pub(super) fn read(usage: &str) -> Option<Usage> {
    let [prompt, completion, total, prompt_details, completion_details, hit, cached] =
        scan::object(usage, &KEYS).ok()?;
    let number = |at: Option<Span>| at.and_then(|at| count(at.of(usage)));
    let detail = |at: Option<Span>, key| at.and_then(|at| part(at.of(usage), key));
    let (prompt, completion) = match (number(prompt), number(completion)) {
        (None, None) => return None,
        (prompt, completion) => (prompt.unwrap_or(0), completion.unwrap_or(0)),
    };
    let cache_read = detail(prompt_details, "cached_tokens").or(number(hit)).or(number(cached)).unwrap_or(0);
    let cache_read = cache_read.min(prompt);
    let reasoning = detail(completion_details, "reasoning_tokens").unwrap_or(0);
    let apart = reasoning > 0
        && number(total) == prompt.checked_add(completion).and_then(|sum| sum.checked_add(reasoning));
    let completion = if apart { completion.saturating_add(reasoning) } else { completion };
    let reasoning = reasoning.min(completion);
    Some(Usage { input: prompt - cache_read, cache_read, output: completion - reasoning, reasoning })
}

/// One count of a details object, which may be null.
fn part(details: &str, key: &str) -> Option<u64> {
    let [value] = scan::object(details, &[key]).ok()?;
    count(value?.of(details))
}

/// A count. Some servers write whole numbers as floats, and -1 for unknown.
fn count(value: &str) -> Option<u64> {
    value.parse().ok().or_else(|| {
        let float: f64 = value.parse().ok()?;
        (float >= 0.0).then_some(float as u64) // saturates
    })
}
