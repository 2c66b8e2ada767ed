//! How much a model said in a piece of an answer.
//!
//! A flat walk over the strings of one JSON value, by the key that each stands under: the fields differ from
//! vendor to vendor (`content` is a string or an array of parts, reasoning has three names), the names of what
//! holds text do not. It checks nothing; what is no JSON counts for little and harms nobody.

use crate::scan::plain;

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

/// Walks the first value of `json`, which begins with a bracket or brace.
pub(super) fn said(json: &[u8]) -> Said {
    let mut found = Said::default();
    let mut key: &[u8] = b"";
    let mut depth = 0u32;
    let mut reasoned = false; // OpenRouter repeats `reasoning` in `reasoning_details`
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let string = string(json.get(at + 1..).unwrap_or_default());
                at += string.len() + 2;
                if next(json, at) == b':' {
                    key = string;
                } else if !string.is_empty() {
                    match key {
                        b"text" | b"summary" if reasoned => {}
                        b"content" | b"reasoning_content" | b"refusal" | b"text" | b"thinking"
                        | b"arguments" | b"name" | b"input" | b"summary" | b"transcript" | b"reasoning" => {
                            reasoned |= key == b"reasoning";
                            found.bytes += string.len() as u64;
                            found.anything = true;
                        }
                        b"data" | b"url" | b"signature" => found.anything = true,
                        _ => {}
                    }
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    at += 1;
                    break;
                }
            }
            _ => {}
        }
        at += 1;
    }
    found.length = at.min(json.len());
    found
}

/// A string's content, given what follows its opening quote.
fn string(after: &[u8]) -> &[u8] {
    let mut at = 0;
    loop {
        at += plain(after.get(at..).unwrap_or_default());
        match after.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') | None => return after.get(..at).unwrap_or(after),
            Some(_) => at += 1,
        }
    }
}

/// The first byte from `at` on that is not white space; 0 at the end.
fn next(json: &[u8], at: usize) -> u8 {
    let rest = json.get(at..).unwrap_or_default();
    rest.iter().copied().find(|byte| !byte.is_ascii_whitespace()).unwrap_or(0)
}
