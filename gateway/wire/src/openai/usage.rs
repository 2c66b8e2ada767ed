//! A vendor's token counts, split once into classes that do not overlap (semantics S4.1).

use weir_config::Usage;

/// The counts that matter, as the vendor sent them.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    prompt: Option<u64>,
    completion: Option<u64>,
    total: Option<u64>,
    cached: u64,
    reasoning: u64,
}

/// Reads the text of a `usage`, which is valid JSON; `None` if it is null, or no object with a count of either
/// side. Counts are known by name wherever they stand: in a details object, or at the top (Together).
///
/// OpenAI's counts are inclusive: prompt contains cached, completion contains reasoning. xAI leaves reasoning
/// out of completion, which shows in its total (16 of 16 recordings: total = p + c + r). OpenRouter's
/// reasoning may exceed the completion that contains it: the sum is what is billed, so the part gives way.
pub(super) fn read(usage: &str) -> Option<Usage> {
    let counts = Counts::read(usage.as_bytes());
    if counts.prompt.is_none() && counts.completion.is_none() {
        return None;
    }
    let prompt = counts.prompt.unwrap_or(0);
    let completion = counts.completion.unwrap_or(0);
    let reasoning = counts.reasoning;
    let apart = reasoning > 0
        && counts.total == prompt.checked_add(completion).and_then(|sum| sum.checked_add(reasoning));
    let completion = if apart { completion.saturating_add(reasoning) } else { completion };
    let cache_read = counts.cached.min(prompt);
    let reasoning = reasoning.min(completion);
    Some(Usage { input: prompt - cache_read, cache_read, output: completion - reasoning, reasoning })
}

impl Counts {
    /// A key is what stands between quotes before a colon. Inside a string its closing quote would be escaped.
    fn read(usage: &[u8]) -> Self {
        let mut counts = Self::default();
        for colon in memchr::memchr_iter(b':', usage) {
            let key = usage.get(..colon).unwrap_or_default().trim_ascii_end();
            let Some(key) = key.strip_suffix(b"_tokens\"") else { continue };
            let count = || count(usage.get(colon + 1..).unwrap_or_default().trim_ascii_start());
            if key.ends_with(b"\"prompt") {
                counts.prompt = counts.prompt.or(count());
            } else if key.ends_with(b"\"completion") {
                counts.completion = counts.completion.or(count());
            } else if key.ends_with(b"\"total") {
                counts.total = counts.total.or(count());
            } else if key.ends_with(b"\"cached") || key.ends_with(b"\"prompt_cache_hit") {
                counts.cached = counts.cached.max(count().unwrap_or(0)); // DeepSeek sends both
            } else if key.ends_with(b"\"reasoning") {
                counts.reasoning = counts.reasoning.max(count().unwrap_or(0));
            }
        }
        counts
    }
}

/// The count that `text` begins with. Some servers write whole numbers as floats, -1 for unknown, or null.
fn count(text: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0')),
            b'.' | b'e' | b'E' => return float(text),
            _ => return (at > 0).then_some(number),
        }
    }
    Some(number)
}

#[cold]
fn float(text: &[u8]) -> Option<u64> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace());
    let number: f64 = std::str::from_utf8(text.get(..end.unwrap_or(text.len()))?).ok()?.parse().ok()?;
    Some(number as u64) // saturates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(usage: &str) -> Option<(u64, u64, u64, u64)> {
        read(usage).map(|usage| (usage.input, usage.cache_read, usage.output, usage.reasoning))
    }

    #[test]
    fn s4_1_classes_are_disjoint() {
        let cases = [
            (r#"{"prompt_tokens":10,"completion_tokens":4}"#, Some((10, 0, 4, 0))),
            (
                r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":1}}"#,
                Some((7, 3, 3, 1)),
            ),
            (
                r#"{ "prompt_tokens" : 10 , "completion_tokens" : 4.0 , "prompt_tokens_details" : null }"#,
                Some((10, 0, 4, 0)),
            ),
            (
                r#"{"prompt_tokens":10,"completion_tokens":4,"prompt_cache_hit_tokens":6,"prompt_cache_miss_tokens":4}"#,
                Some((4, 6, 4, 0)),
            ),
            (r#"{"prompt_tokens":10,"completion_tokens":4,"cached_tokens":6}"#, Some((4, 6, 4, 0))),
            (r#"{"prompt_tokens":10,"completion_tokens":null}"#, Some((10, 0, 0, 0))),
            (r#"{"completion_tokens":-1,"prompt_tokens":10}"#, Some((10, 0, 0, 0))),
            ("null", None),
            ("{}", None),
            ("[]", None),
            (r#"{"input_tokens":4,"output_tokens":4}"#, None),
        ];
        for (usage, expected) in cases {
            assert_eq!(split(usage), expected, "{usage}");
        }
    }

    #[test]
    fn s4_1_inconsistent_counts_never_exceed_what_is_billed() {
        let more_reasoning = r#"{"prompt_tokens":1,"completion_tokens":40,"total_tokens":41,"completion_tokens_details":{"reasoning_tokens":50}}"#;
        assert_eq!(split(more_reasoning), Some((1, 0, 0, 40)), "OpenRouter");
        let more_cached =
            r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}"#;
        assert_eq!(split(more_cached), Some((0, 5, 1, 0)));
        let huge = r#"{"prompt_tokens":99999999999999999999,"completion_tokens":1e300,"total_tokens":1,"completion_tokens_details":{"reasoning_tokens":2}}"#;
        assert_eq!(split(huge), Some((u64::MAX, 0, u64::MAX - 2, 2)));
    }

    #[test]
    fn s4_1_reasoning_that_a_vendor_leaves_out_is_added() {
        let xai = r#"{"prompt_tokens":390,"completion_tokens":26,"total_tokens":513,"prompt_tokens_details":{"cached_tokens":192},"completion_tokens_details":{"reasoning_tokens":97}}"#;
        assert_eq!(split(xai), Some((198, 192, 26, 97)));
    }
}
