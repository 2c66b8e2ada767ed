//! A chat request as its caller wrote it: what routing needs is read, the rest stays bytes.
//!
//! Rewriting touches `model` and, where usage must be asked for, `stream_options.include_usage` (semantics
//! S2.7); everything else reaches the vendor byte for byte. No DOM: numbers would be rewritten, unknown
//! fields reordered, and it costs ten times as much. No copy either: what is rewritten stands between slices of
//! what the caller wrote, however many attempts there are.

use crate::json::scan::{self, Flaw, Position, Span};
use crate::media;
use bytes::{Buf, Bytes};
use serde::Deserialize;
use smallvec::SmallVec;
use std::ops::Range;

/// The fields that are read.
const KEYS: [&str; 4] = ["model", "stream", "stream_options", "n"];

/// A model's name has at most so many bytes: longer ones are no names, and they would fill logs and metrics.
const MAX_MODEL_BYTES: usize = 256;

/// UTF-8's byte order mark. Some programs write one in front of their JSON, which has no place for it (RFC 8259,
/// section 8.1): it is passed over, and not sent on.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A body in pieces, to be sent one after the other: the caller's own bytes, shared, and what stands between them.
pub type Pieces = SmallVec<[Bytes; 5]>;

/// A request for `POST /v1/chat/completions`.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    body: Bytes,
    /// The body's, also once it is given up.
    length: usize,
    text_bytes: u64,
    model: String,
    model_at: Span,
    stream: bool,
    options: Options,
    choices: u32,
}

/// `stream_options`, as far as it is read.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    /// Where it stands, also if it is null.
    at: Option<Span>,
    /// Where the value of its `include_usage` stands, within the body.
    include_usage_at: Option<Span>,
    include_usage: bool,
    /// An object with at least one field.
    filled: bool,
}

/// Why a body is no chat request, in words for the developer who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadRequest {
    /// The whole explanation, position included.
    pub message: String,
    /// The field that is at fault, if one is.
    pub param: Option<&'static str>,
    /// Where the text stops being JSON, if it is none.
    pub position: Option<Position>,
}

impl BadRequest {
    fn field(param: &'static str, message: String) -> Self {
        Self { message, param: Some(param), position: None }
    }

    fn syntax(body: &[u8], at: usize, why: &str) -> Self {
        let position = Position::of(body, at);
        let Position { line, column } = position;
        let message = format!("The body is not valid JSON at line {line}, column {column}: {why}.");
        Self { message, param: None, position: Some(position) }
    }

    fn of(body: &str, flaw: Flaw, keys: &[&'static str]) -> Self {
        let bad = Self::syntax(body.as_bytes(), flaw.at, &flaw.to_string());
        match flaw.duplicate().and_then(|which| keys.get(which)) {
            Some(key) => Self { message: format!("`{key}` is given twice."), param: Some(key), ..bad },
            None => Self::alike(body, flaw, keys).unwrap_or(bad),
        }
    }

    /// A key is not one that is read, but some servers would read it as that.
    fn alike(body: &str, flaw: Flaw, keys: &[&'static str]) -> Option<Self> {
        let key = keys.get(flaw.alike()?)?;
        let mut written = serde_json::Deserializer::from_str(body.get(flaw.at..)?);
        let written = String::deserialize(&mut written).ok()?;
        let message =
            format!("`{written}` must be written `{key}`: some servers read both as the same field.");
        Some(Self::field(key, message))
    }
}

impl ChatRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// If it is not one JSON object in UTF-8 (at most 64 levels deep), if a field that is read has the wrong
    /// type, is given twice or differs from its name in case, or if `model` is missing, empty or longer than 256 bytes. Other fields, and
    /// fields that are missing otherwise, are the vendor's to judge.
    pub fn read(mut body: Bytes) -> Result<Self, BadRequest> {
        if body.starts_with(BYTE_ORDER_MARK) {
            body.advance(BYTE_ORDER_MARK.len());
        }
        let text = utf8(&body)?;
        let [model_at, stream, options, n] =
            scan::object(text, &KEYS).map_err(|flaw| BadRequest::of(text, flaw, &KEYS))?;
        let model_at =
            model_at.ok_or_else(|| BadRequest::field("model", "`model` is missing.".to_owned()))?;
        let model = read_model(model_at.of(text))?;
        let stream = stream.map_or(Ok(false), |at| boolean("stream", at.of(text)))?;
        let options = options.map_or(Ok(Options::default()), |at| Options::read(text, at))?;
        // What `n` may be is the vendor's to judge.
        let choices = n.and_then(|at| at.of(text).parse().ok()).map_or(1, |n: u32| n.max(1));
        let text_bytes = media::text_bytes(&body);
        Ok(Self { model, model_at, stream, options, choices, length: body.len(), text_bytes, body })
    }

    /// The model that is asked for, 1 to 256 bytes.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the answer is to be streamed.
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// How many choices are asked for: `n`, or one if it is missing or no count.
    pub fn choices(&self) -> u32 {
        self.choices
    }

    /// Whether the caller asked for a stream's usage.
    pub fn includes_usage(&self) -> bool {
        self.options.include_usage
    }

    /// The body's size in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a request has a model, so it is never empty")]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the caller brought stream options, whatever they say.
    pub fn brings_stream_options(&self) -> bool {
        self.options.at.is_some()
    }

    /// How often [`ChatRequest::holds`] searches the body at most.
    pub const SEARCHES: usize = 2;

    /// Whether the caller wrote `text`, as far as the body is still there.
    pub fn holds(&self, text: &str) -> bool {
        let written = |text: &str| memchr::memmem::find(&self.body, text.as_bytes()).is_some();
        written(text) || text.contains('/') && written(&text.replace('/', r"\/"))
    }

    /// Its size as text, for assuming how many tokens it is: images, audio and files count as a constant each.
    pub fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// Gives the body's bytes up, because nobody else will be asked: encoding it afterwards makes no sense.
    pub fn forget_body(&mut self) {
        self.body = Bytes::new();
    }

    /// The body for an upstream that calls the model `upstream_model`. `ask_usage` asks for a stream's usage;
    /// it does nothing to a request that is unary or that asks already. The caller's own bytes alone, if nothing
    /// changes.
    pub fn encode(&self, upstream_model: &str, ask_usage: bool) -> Pieces {
        let inside = self.model_at.start + 1..self.model_at.end - 1;
        let model = (self.model != upstream_model).then(|| (inside, escaped(upstream_model)));
        let usage = (ask_usage && self.stream && !self.options.include_usage).then(|| self.usage_edit());
        let usage_first = usage.as_ref().is_some_and(|(at, _)| at.start < self.model_at.start);
        let [first, second] = if usage_first { [usage, model] } else { [model, usage] };
        splice(&self.body, first.into_iter().chain(second))
    }

    /// What to write, and in place of what, so that the stream's usage is asked for.
    fn usage_edit(&self) -> Edit {
        let Options { at, include_usage_at, filled, .. } = self.options;
        let (place, text) = match (at, include_usage_at) {
            (None, _) => {
                let after_model = self.model_at.end;
                (after_model..after_model, r#","stream_options":{"include_usage":true}"#)
            }
            (Some(_), Some(value)) => (value.start..value.end, "true"),
            (Some(at), None) if filled => (at.start + 1..at.start + 1, r#""include_usage":true,"#),
            (Some(at), None) => (at.start..at.end, r#"{"include_usage":true}"#),
        };
        (place, Bytes::from_static(text.as_bytes()))
    }
}

impl Options {
    fn read(text: &str, at: Span) -> Result<Self, BadRequest> {
        const PARAM: &str = "stream_options";
        const INNER: &str = "stream_options.include_usage";
        let value = at.of(text);
        match value.as_bytes() {
            b"null" => return Ok(Self { at: Some(at), ..Self::default() }),
            [b'{', ..] => {}
            _ => return Err(wrong_type(PARAM, "an object", value)),
        }
        let [include_usage] = scan::object(value, &["include_usage"])
            .map_err(|flaw| BadRequest::of(text, Flaw { at: at.start + flaw.at, ..flaw }, &[INNER]))?;
        let within = |span: Span| Span { start: at.start + span.start, end: at.start + span.end };
        Ok(Self {
            at: Some(at),
            include_usage_at: include_usage.map(within),
            include_usage: include_usage.map_or(Ok(false), |span| boolean(INNER, span.of(value)))?,
            filled: value.contains('"'),
        })
    }
}

fn utf8(body: &[u8]) -> Result<&str, BadRequest> {
    simdutf8::basic::from_utf8(body).map_err(|_| {
        let at = std::str::from_utf8(body).map_or_else(|error| error.valid_up_to(), str::len);
        BadRequest::syntax(body, at, "it is not UTF-8")
    })
}

fn read_model(value: &str) -> Result<String, BadRequest> {
    let bad = |message: String| BadRequest::field("model", message);
    if !value.starts_with('"') {
        return Err(wrong_type("model", "a string", value));
    }
    let model = match value.get(1..value.len().saturating_sub(1)) {
        Some(plain) if memchr::memchr(b'\\', plain.as_bytes()).is_none() => plain.to_owned(),
        _ => serde_json::from_str(value).map_err(|error| bad(format!("`model` cannot be read: {error}.")))?,
    };
    match model.len() {
        0 => Err(bad("`model` is empty.".to_owned())),
        1..=MAX_MODEL_BYTES => Ok(model),
        length => Err(bad(format!("`model` has {length} bytes; it may have {MAX_MODEL_BYTES}."))),
    }
}

/// A boolean; null is as good as absent, as at OpenAI.
fn boolean(param: &'static str, value: &str) -> Result<bool, BadRequest> {
    match value {
        "true" => Ok(true),
        "false" | "null" => Ok(false),
        _ => Err(wrong_type(param, "a boolean", value)),
    }
}

fn wrong_type(param: &'static str, wanted: &str, value: &str) -> BadRequest {
    let given = match value.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    BadRequest::field(param, format!("`{param}` must be {wanted}, not {given}."))
}

/// What to write in place of these bytes.
type Edit = (Range<usize>, Bytes);

/// `text` as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> Bytes {
    if scan::plain(text.as_bytes()) == text.len() {
        return Bytes::copy_from_slice(text.as_bytes());
    }
    let quoted = serde_json::Value::from(text).to_string();
    Bytes::copy_from_slice(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().as_bytes())
}

/// `body` with `edits`, which are sorted and do not overlap.
fn splice(body: &Bytes, edits: impl Iterator<Item = Edit>) -> Pieces {
    let mut pieces = Pieces::new();
    let mut from = 0;
    for (place, text) in edits {
        pieces.push(part(body, from..place.start));
        pieces.push(text);
        from = place.end;
    }
    pieces.push(part(body, from..body.len()));
    pieces
}

/// These bytes of `body`, shared; none of one that was given up.
fn part(body: &Bytes, place: Range<usize>) -> Bytes {
    if body.get(place.clone()).is_some() { body.slice(place) } else { Bytes::new() }
}

#[cfg(test)]
mod tests;
