//! One content block: as a unary message has it, and as a start with deltas. JSON is written as text, because its
//! fields are to stand in Anthropic's order.

use serde_json::Value;

use crate::Seen;

#[derive(Debug, Clone)]
pub(super) enum Block {
    Text(Vec<String>),
    Thinking { text: String, signature: String },
    Redacted(String),
    Call { name: String, input: Vec<String> },
    Whole(String),
}

impl Block {
    pub(super) fn text(pieces: Vec<String>) -> Self {
        Self::Text(pieces)
    }

    pub(super) fn thinking(text: &str, signature: &str) -> Self {
        Self::Thinking { text: text.into(), signature: signature.into() }
    }

    pub(super) fn redacted_thinking(data: &str) -> Self {
        Self::Redacted(data.into())
    }

    pub(super) fn call(name: &str, input: Vec<String>) -> Self {
        Self::Call { name: name.into(), input }
    }

    pub(super) fn whole(block: &Value) -> Self {
        Self::Whole(block.to_string())
    }

    pub(super) fn thinks(&self) -> bool {
        matches!(self, Self::Thinking { .. } | Self::Redacted(_))
    }

    /// The block of a unary message.
    pub(super) fn json(&self, seen: &Seen, index: usize) -> String {
        match self {
            Self::Text(pieces) => block("text", &[("text", &text(&pieces.concat()))]),
            Self::Thinking { text: thought, signature } => {
                block("thinking", &[("thinking", &text(thought)), ("signature", &text(signature))])
            }
            Self::Redacted(data) => block("redacted_thinking", &[("data", &text(data))]),
            Self::Call { name, input } if input.is_empty() => call(seen, index, name, "{}"),
            Self::Call { name, input } => call(seen, index, name, &input.concat()),
            Self::Whole(block) => block.clone(),
        }
    }

    /// The `content_block` of its start.
    pub(super) fn start(&self, seen: &Seen, index: usize) -> String {
        match self {
            Self::Text(_) => block("text", &[("text", r#""""#)]),
            Self::Thinking { .. } => block("thinking", &[("thinking", r#""""#), ("signature", r#""""#)]),
            Self::Call { name, .. } => call(seen, index, name, "{}"),
            Self::Redacted(_) | Self::Whole(_) => self.json(seen, index),
        }
    }

    /// The `delta` of each of its deltas.
    pub(super) fn deltas(&self) -> Vec<String> {
        match self {
            Self::Text(pieces) => {
                pieces.iter().map(|piece| block("text_delta", &[("text", &text(piece))])).collect()
            }
            Self::Thinking { text: thought, signature } => {
                let thought = Some(thought).filter(|thought| !thought.is_empty());
                let thought = thought.map(|thought| block("thinking_delta", &[("thinking", &text(thought))]));
                let signature = block("signature_delta", &[("signature", &text(signature))]);
                thought.into_iter().chain([signature]).collect()
            }
            Self::Call { input, .. } => {
                // The first is empty in every recording; of a call without arguments it is the only one.
                let pieces = [String::new()].into_iter().chain(input.iter().cloned());
                pieces.map(|piece| block("input_json_delta", &[("partial_json", &text(&piece))])).collect()
            }
            Self::Redacted(_) | Self::Whole(_) => Vec::new(),
        }
    }
}

/// A string as JSON.
pub(super) fn text(string: &str) -> String {
    Value::from(string).to_string()
}

fn block(kind: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields.iter().map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
    format!(r#"{{"type":"{kind}"{fields}}}"#)
}

fn call(seen: &Seen, index: usize, name: &str, input: &str) -> String {
    let id = format!(r#""toolu_{}_{index}""#, seen.number);
    block("tool_use", &[("id", &id), ("name", &text(name)), ("input", input)])
}
