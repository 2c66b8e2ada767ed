//! Messages as Anthropic's API answers them, written by hand from recordings of it: the one unary body here, the
//! events of a stream in `frames`. It decides shapes only; pacing, splitting and failures are `Answer`'s.

mod block;
mod frames;
mod tokens;

use bytes::Bytes;
use serde_json::Value;

pub use tokens::{Tokens, Told};

use crate::answer::Body;
use crate::pieces::{self, JSON_PIECE};
use crate::{Answer, Form, Seen};
use block::{Block, text};

/// A message. [`Message::answer`] makes an [`Answer`] of it.
#[derive(Debug, Clone)]
pub struct Message {
    blocks: Vec<Block>,
    model: Option<String>,
    stop: String,
    sequence: Option<String>,
    usage: Option<Tokens>,
    told: Told,
    form: Form,
    ping: bool,
    finished: bool,
    error_after: Option<(usize, String)>,
}

impl Message {
    /// One text block with this text, in one delta; 9 tokens in and 12 out, stop reason `end_turn`.
    pub fn says(text: impl Into<String>) -> Self {
        Self::pieces([text])
    }

    /// One text block with a delta for each piece; a unary message has them joined.
    pub fn pieces<T: Into<String>>(pieces: impl IntoIterator<Item = T>) -> Self {
        let mut message = Self::empty();
        message.blocks.push(Block::text(pieces.into_iter().map(Into::into).collect()));
        message
    }

    /// No block at all.
    pub fn empty() -> Self {
        Self {
            blocks: Vec::new(),
            model: None,
            stop: "end_turn".into(),
            sequence: None,
            usage: Some(Tokens::new(9, 12)),
            told: Told::Twice,
            form: Form::AsAsked,
            ping: true,
            finished: true,
            error_after: None,
        }
    }

    /// So many text deltas in place of all blocks: `t0 `, `t1 ` and so on.
    pub fn events(mut self, deltas: usize) -> Self {
        self.blocks = vec![Block::text((0..deltas).map(|n| format!("t{n} ")).collect())];
        self
    }

    /// Another text block, after those that are there.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::text(vec![text.into()]));
        self
    }

    /// A thinking block before all that is no thinking, as Anthropic has it. Newest models send an empty text.
    pub fn thinking(self, text: &str, signature: &str) -> Self {
        self.thought(Block::thinking(text, signature))
    }

    /// Thinking that Anthropic encrypted; its place is that of `thinking`.
    pub fn redacted_thinking(self, data: &str) -> Self {
        self.thought(Block::redacted_thinking(data))
    }

    /// A call of a tool, after the blocks that are there, with this input (JSON, as text); the stop reason becomes
    /// `tool_use`. The id is `toolu_` with the request's number and the block's. `{}` has an empty delta alone.
    pub fn calls(self, name: &str, input: &str) -> Self {
        let pieces = if input == "{}" { Vec::new() } else { pieces::of(input, JSON_PIECE) };
        self.calls_in(name, pieces)
    }

    /// The same, with the input's pieces as a stream is to have them; no pieces are `{}`.
    pub fn calls_in<T: Into<String>>(mut self, name: &str, input: impl IntoIterator<Item = T>) -> Self {
        self.blocks.push(Block::call(name, input.into_iter().map(Into::into).collect()));
        self.stop = "tool_use".into();
        self
    }

    /// A block as it is, whole in its start, as results of Anthropic's own tools come.
    pub fn block(mut self, block: &Value) -> Self {
        self.blocks.push(Block::whole(block));
        self
    }

    /// The `model` of the answer; by default the one that was asked for.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The stop reason.
    pub fn stop(mut self, reason: &str) -> Self {
        self.stop = reason.into();
        self
    }

    /// Stopped by one of the caller's sequences: this one.
    pub fn stop_sequence(mut self, sequence: &str) -> Self {
        self.sequence = Some(sequence.into());
        self.stop("stop_sequence")
    }

    /// The tokens to report; `None` leaves usage out everywhere.
    pub fn usage(mut self, usage: impl Into<Option<Tokens>>) -> Self {
        self.usage = usage.into();
        self
    }

    /// Which events of a stream tell the input's tokens.
    pub fn told(mut self, told: Told) -> Self {
        self.told = told;
        self
    }

    /// Unary or stream, whatever the request says.
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Leaves out the ping behind the first block's start.
    pub fn without_ping(mut self) -> Self {
        self.ping = false;
        self
    }

    /// Ends a stream behind its last block: no `message_delta`, no `message_stop`.
    pub fn unfinished(mut self) -> Self {
        self.finished = false;
        self
    }

    /// After so many events of the stream comes `event: error` with this type, and then nothing but its end.
    pub fn error_after(mut self, events: usize, kind: &str, message: &str) -> Self {
        let error = format!(r#"{{"type":{},"message":{}}}"#, text(kind), text(message));
        self.error_after = Some((events, error));
        self
    }

    /// The answer that carries it.
    pub fn answer(self) -> Answer {
        Answer::with(200, Body::Message(Box::new(self))).header("request-id", "req_upstream")
    }

    pub(crate) fn is_stream(&self, seen: &Seen) -> bool {
        self.form.is_stream(seen)
    }

    pub(crate) fn unary(&self, seen: &Seen) -> Bytes {
        let blocks: Vec<String> =
            self.blocks.iter().enumerate().map(|(index, block)| block.json(seen, index)).collect();
        let usage = self.usage.map(|usage| format!(r#","usage":{}"#, usage.unary())).unwrap_or_default();
        let envelope = self.envelope(seen, &blocks.join(","), &self.stop_fields());
        format!("{{{envelope}{usage}}}").into()
    }

    /// What a message has but its usage, without the braces.
    fn envelope(&self, seen: &Seen, content: &str, stop: &str) -> String {
        let model = self.model.clone().or_else(|| seen.model()).unwrap_or_else(|| "unnamed".into());
        format!(
            r#""model":{},"id":"msg_{}","type":"message","role":"assistant","content":[{content}],{stop}"#,
            text(&model),
            seen.number,
        )
    }

    fn stop_fields(&self) -> String {
        let sequence = self.sequence.as_deref().map_or_else(|| "null".into(), text);
        format!(r#""stop_reason":{},"stop_sequence":{sequence},"stop_details":null"#, text(&self.stop))
    }

    fn thought(mut self, block: Block) -> Self {
        let at = self.blocks.iter().take_while(|block| block.thinks()).count();
        self.blocks.insert(at, block);
        self
    }
}

impl From<Message> for Answer {
    fn from(message: Message) -> Self {
        message.answer()
    }
}
