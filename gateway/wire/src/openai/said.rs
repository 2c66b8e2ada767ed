//! How much a model said in a piece of an answer.
//!
//! Strings are known by the key that they stand under: the fields differ from vendor to vendor (`content` is a
//! string or an array of parts, reasoning has three names), the names of what holds text do not.

use super::strings::Strings;

/// What was found in one value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Bytes of text, reasoning and tool calls, escapes as written: a rough size.
    pub(super) bytes: u64,
    /// Whether there was anything a reader would miss: text, or data that stands for it (audio, images,
    /// encrypted reasoning).
    pub(super) anything: bool,
    /// How many bytes of the input the value has.
    pub(super) length: usize,
}

/// Reads the first value of `json`, an object or array.
pub(super) fn said(json: &[u8]) -> Said {
    let mut found = Said::default();
    let mut key: &[u8] = b"";
    let mut reasoned = false; // OpenRouter repeats `reasoning` in `reasoning_details`
    let mut strings = Strings::of(json);
    for string in strings.by_ref() {
        if string.is_key {
            key = string.text;
            continue;
        }
        if string.text.is_empty() {
            continue;
        }
        match key {
            b"text" | b"summary" if reasoned => {}
            b"content" | b"reasoning_content" | b"refusal" | b"text" | b"thinking" | b"arguments"
            | b"name" | b"input" | b"summary" | b"transcript" | b"reasoning" => {
                reasoned |= key == b"reasoning";
                found.bytes += string.text.len() as u64;
                found.anything = true;
            }
            b"data" | b"url" | b"signature" => found.anything = true,
            _ => {}
        }
    }
    found.length = strings.at();
    found
}
