//! Why an answer ended, in the words of OpenAI and its imitators.

use crate::hub::Reason;

/// Words for the end of what was to be said, or for a stop sequence.
const STOP: [&str; 6] = ["stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete"];
/// Words for a bound. `model_length` is Mistral's.
const LENGTH: [&str; 4] = ["length", "max_tokens", "model_length", "model_context_window_exceeded"];
/// Words for tools that are to be called.
const CALLS: [&str; 4] = ["tool_calls", "function_call", "tool_use", "tool_call"];
/// Words for a filter or a refusal. `sensitive` is Z.ai's, those behind it are Google's.
const FILTER: [&str; 9] = [
    "content_filter",
    "refusal",
    "sensitive",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "language",
];

/// What a finish reason means. One that nobody knows is an end like any other.
pub(super) fn reason(word: &str) -> Reason {
    let is_of = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
    match () {
        () if is_of(&LENGTH) => Reason::Length,
        () if is_of(&CALLS) => Reason::Calls,
        () if is_of(&FILTER) => Reason::Filter,
        () => Reason::Stop,
    }
}

/// Whether it is a word for why something ended. Where a stop sequence is told, some servers repeat their reason.
pub(super) fn is_reason(word: &str) -> bool {
    STOP.iter().chain(&LENGTH).chain(&CALLS).chain(&FILTER).any(|known| word.eq_ignore_ascii_case(known))
}
