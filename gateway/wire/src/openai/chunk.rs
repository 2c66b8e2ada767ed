//! One event of a chat stream: what is in it.

use super::failure::is_error;
use super::said::said;
use super::usage;
use serde::Deserialize;
use serde_json::value::RawValue;
use weir_config::Usage;

/// What one chunk says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Text, reasoning, a refusal or a tool call, or a finish reason.
    pub(super) content: bool,
    /// A choice has a finish reason.
    pub(super) finished: bool,
    pub(super) usage: Option<Usage>,
    /// `choices` is empty and there is a usage: the chunk that is only sent to those who ask.
    pub(super) only_usage: bool,
    /// There is an `error` with something in it.
    pub(super) failed: bool,
    pub(super) output_bytes: u64,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    x_groq: Option<Groq<'a>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

/// Groq's own place for usage, filled without being asked.
#[derive(Deserialize)]
struct Groq<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

impl Chunk {
    /// Reads the data of one event; `None` if it is no chunk of a chat stream.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let raw: Raw<'_> = serde_json::from_slice(data).ok()?;
        let usage = raw.usage.and_then(|usage| usage::read(usage.get()));
        let failed = raw.error.is_some_and(|error| is_error(error.get()));
        if raw.choices.is_none() && usage.is_none() && !failed {
            return None;
        }
        let choices = raw.choices.unwrap_or_default();
        let mut chunk = Self { only_usage: choices.is_empty() && usage.is_some(), failed, ..Self::default() };
        chunk.usage = usage
            .or_else(|| raw.x_groq.and_then(|groq| groq.usage).and_then(|usage| usage::read(usage.get())));
        for choice in choices {
            // an empty reason is none: Snowflake, TGI
            chunk.finished |= choice.finish_reason.is_some_and(|reason| reason.get().len() > r#""""#.len());
            let said = choice.delta.map(|delta| said(delta.get().as_bytes())).unwrap_or_default();
            chunk.content |= said.anything;
            chunk.output_bytes += said.bytes;
        }
        chunk.content |= chunk.finished;
        Some(chunk)
    }
}
