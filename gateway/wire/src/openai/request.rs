//! Where a chat request has what is read of it, and what is written in place of that.
//!
//! Rewriting touches `model` and, where usage must be asked for, `stream_options.include_usage` (semantics S2.7).

use crate::asked::fields::{boolean, model, wrong_type};
use crate::asked::pieces::{Edit, Pieces, escaped, splice};
use crate::asked::{Additions, BadRequest, Facts};
use crate::json::number;
use crate::json::scan::{self, Flaw, Span};
use crate::media;
use bytes::Bytes;

/// The fields that are read.
const KEYS: [&str; 4] = ["model", "stream", "stream_options", "n"];

/// Where the fields stand that may be rewritten.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    model: Span,
    options: Options,
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

/// Reads a request.
///
/// # Errors
/// If it is not one JSON object (at most 64 levels deep), if a field that is read has the wrong type, is given twice or
/// differs from its name in case, or if `model` is missing, empty or longer than 256 bytes. Other fields, and fields that
/// are missing otherwise, are the vendor's to judge.
pub(crate) fn read(text: &str) -> Result<(Facts, Places), BadRequest> {
    let [model_at, stream, options, n] =
        scan::object(text, &KEYS).map_err(|flaw| BadRequest::of(text, flaw, &KEYS))?;
    let model_at = model_at.ok_or_else(|| BadRequest::field("model", "`model` is missing.".to_owned()))?;
    let model = model(model_at.of(text))?;
    let stream = stream.map_or(Ok(false), |at| boolean("stream", at.of(text)))?;
    let options = options.map_or(Ok(Options::default()), |at| Options::read(text, at))?;
    let facts = Facts {
        model,
        stream,
        // What `n` may be is the vendor's to judge.
        choices: n
            .and_then(|at| u32::try_from(number::whole(at.of(text).as_bytes())?).ok())
            .map_or(1, |n| n.max(1)),
        includes_usage: options.include_usage,
        brings_stream_options: options.at.is_some(),
        text_bytes: media::text_bytes(text.as_bytes()),
        length: text.len(),
    };
    Ok((facts, Places { model: model_at, options }))
}

impl Places {
    /// The same request, whose `body` and `facts` these are, to an upstream that speaks the same and calls the model
    /// `upstream_model`.
    pub(crate) fn rewrite(
        &self,
        body: &Bytes,
        facts: &Facts,
        upstream_model: &str,
        additions: Additions,
    ) -> Pieces {
        let inside = self.model.start + 1..self.model.end - 1;
        let model = (facts.model != upstream_model).then(|| (inside, escaped(upstream_model)));
        let asks = additions.usage && facts.stream && !facts.includes_usage;
        let usage = asks.then(|| self.usage_edit());
        let usage_first = usage.as_ref().is_some_and(|(at, _)| at.start < self.model.start);
        let [first, second] = if usage_first { [usage, model] } else { [model, usage] };
        splice(body, first.into_iter().chain(second))
    }

    /// What to write, and in place of what, so that the stream's usage is asked for.
    fn usage_edit(&self) -> Edit {
        let Options { at, include_usage_at, filled, .. } = self.options;
        let (place, text) = match (at, include_usage_at) {
            (None, _) => {
                let after_model = self.model.end;
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

#[cfg(test)]
mod tests;
