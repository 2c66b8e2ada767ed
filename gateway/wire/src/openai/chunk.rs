//! One event of a chat stream: what is in it, and a cheap guess whether anything is.

use super::failure::is_error;
use super::said::said;
use super::usage;
use memchr::memmem::Finder;
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

/// Tells chunks that must be read from those that only carry more text, without parsing them.
///
/// A key stands in a text as its quoted name, and inside a JSON string a quote is escaped: so a needle can be
/// found where it means nothing (then the chunk is read in vain), but not be missed. Only a vendor that
/// escapes letters of its own keys would be.
pub(super) struct Prefilter {
    delta: Finder<'static>,
    finish: Finder<'static>,
    usage: Finder<'static>,
    error: Finder<'static>,
}

impl Default for Prefilter {
    fn default() -> Self {
        Self {
            delta: Finder::new(br#""delta""#),
            finish: Finder::new(br#""finish_reason""#),
            usage: Finder::new(br#""usage""#),
            error: Finder::new(br#""error""#),
        }
    }
}

impl Prefilter {
    /// Whether `data` may say more than text: a finish, a usage, an error.
    pub(super) fn tells(&self, data: &[u8]) -> bool {
        has(&self.finish, data, |value| !matches!(value, [b'n', ..] | [b'"', b'"', ..]))
            || has(&self.usage, data, |value| value.first() == Some(&b'{'))
            || has(&self.error, data, |value| !matches!(value.first(), Some(b'n' | b'f')))
    }

    /// Roughly how many bytes of text there are in the deltas of `data`.
    pub(super) fn output_bytes(&self, data: &[u8]) -> u64 {
        let mut bytes = 0;
        let mut rest = data;
        while let Some(at) = self.delta.find(rest) {
            let value = value(rest.get(at + self.delta.needle().len()..).unwrap_or_default());
            let said = if value.first() == Some(&b'{') { said(value) } else { <_>::default() };
            bytes += said.bytes;
            rest = value.get(said.length..).unwrap_or_default();
        }
        bytes
    }
}

/// Whether one of the values of the key that `finder` looks for is of interest.
fn has(finder: &Finder<'_>, data: &[u8], interesting: impl Fn(&[u8]) -> bool) -> bool {
    let mut rest = data;
    while let Some(at) = finder.find(rest) {
        rest = rest.get(at + finder.needle().len()..).unwrap_or_default();
        if interesting(value(rest)) {
            return true;
        }
    }
    false
}

/// What follows a key's colon.
fn value(after_key: &[u8]) -> &[u8] {
    after_key.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start()
}
