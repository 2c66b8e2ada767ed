//! An answer in one piece, from the same events as its chunks.

use super::calls::{self, Calls};
use super::ending::{self, Ending};
use super::{Back, Event};
use crate::json::text::Text;
use crate::json::write::Writer;
use bytes::Bytes;
use weir_config::UnixSeconds;

/// What the answer's message says, put together from its pieces.
#[derive(Default)]
struct Message {
    content: Vec<Text>,
    refusal: Vec<Text>,
    reasoning: Vec<Text>,
    blocks: Vec<Block>,
    /// The last block of reasoning is open.
    reasons: bool,
    calls: Vec<Call>,
    begun: Calls,
    ending: Ending,
}

/// A block of reasoning.
#[derive(Default)]
struct Block {
    texts: Vec<Text>,
    signature: Option<Text>,
    /// What only its vendor can read, in place of both.
    redacted: Option<Text>,
}

struct Call {
    id: Text,
    name: Text,
    arguments: Vec<Text>,
}

/// The answer that `events` are, in one piece.
pub(crate) fn whole(events: Vec<Event>, id: &str, created: UnixSeconds, model: &Text, back: &Back) -> Bytes {
    let mut message = Message::default();
    for event in events {
        message.event(event, id, back);
    }
    message.end();
    let mut out = Writer::with_capacity(1 << 10);
    out.open('{');
    message.ending.write_head("chat.completion", (id, created, model), &mut out);
    out.key("choices");
    out.open('[');
    out.open('{');
    out.key("index");
    out.number(0);
    message.write(&mut out);
    out.key("logprobs");
    out.value(b"null");
    message.ending.write_finish(!message.calls.is_empty(), &mut out);
    out.close('}');
    out.close(']');
    if let Some(counted) = message.ending.usage() {
        out.key("usage");
        ending::write_usage(&counted, &mut out);
    }
    out.close('}');
    out.bytes()
}

impl Message {
    fn event(&mut self, event: Event, answer: &str, back: &Back) {
        match event {
            Event::Text(text) | Event::Refusal(text) | Event::Thinking(text) if text.is_empty() => {}
            Event::Text(text) => {
                self.complete();
                self.content.push(text);
            }
            Event::Refusal(text) => {
                self.complete();
                self.ending.refuses = true;
                self.refusal.push(text);
            }
            Event::Thinking(text) => {
                self.reasoning.push(text.clone());
                self.block(|block| block.texts.push(text));
            }
            Event::Signature(signature) => {
                let marked = (back.mark)(&signature);
                self.block(|block| block.signature = Some(marked));
                self.reasons = false;
            }
            Event::Redacted(data) => {
                let marked = (back.mark)(&data);
                self.reasons = false;
                self.block(|block| block.redacted = Some(marked));
                self.reasons = false;
            }
            Event::Call { call, id, name } => self.call((call, id, name), answer, back),
            Event::Arguments { call, json } => {
                if let Some(index) = self.begun.index(call).filter(|_| !json.is_empty()) {
                    self.reasons = false;
                    self.add_arguments(index, json);
                }
            }
            Event::BlockEnd => {
                self.reasons = false;
                self.begun.end_block();
            }
            Event::Finish(finish) => self.ending.finish = Some(finish),
            Event::Usage(counted) => self.ending.usage = Some(counted),
            Event::Tier(tier) => self.ending.tier = ending::tier(&tier),
            Event::Start { .. } => {}
        }
    }

    /// All has come. What calls lack is added as in the stream.
    fn end(&mut self) {
        let is_cut = self.ending.is_cut();
        for index in 0..self.calls.len() {
            if self.begun.lacks_arguments(index, is_cut) {
                self.add_arguments(index, Text::new("{}"));
            }
        }
        if let Some(why) = self.ending.refusal() {
            self.refusal.push(why);
        }
    }

    fn complete(&mut self) {
        if let Some(index) = self.begun.take_ended() {
            self.add_arguments(index, Text::new("{}"));
        }
    }

    fn add_arguments(&mut self, index: usize, json: Text) {
        self.begun.has_arguments(index);
        if let Some(call) = self.calls.get_mut(index) {
            call.arguments.push(json);
        }
    }

    /// Adds to the block of reasoning that is open, or to a new one.
    fn block(&mut self, add: impl FnOnce(&mut Block)) {
        self.complete();
        if !std::mem::replace(&mut self.reasons, true) {
            self.blocks.push(Block::default());
        }
        self.blocks.last_mut().map(add);
    }

    fn call(&mut self, (number, id, name): (u32, Option<Text>, Text), answer: &str, back: &Back) {
        self.reasons = false;
        self.complete();
        let Some(index) = self.begun.begin(number) else { return };
        let id = id.unwrap_or_else(|| calls::id(answer, index));
        let name = (back.name)(&name.said()).unwrap_or(name);
        self.calls.push(Call { id, name, arguments: Vec::new() });
    }

    fn write(&self, out: &mut Writer) {
        out.key("message");
        out.open('{');
        out.key("role");
        out.string("assistant");
        let is_other = !self.calls.is_empty() || !self.refusal.is_empty();
        out.key("content");
        joined_or_null(&self.content, self.content.is_empty() && is_other, out);
        out.key("refusal");
        joined_or_null(&self.refusal, self.refusal.is_empty(), out);
        if !self.reasoning.is_empty() {
            out.key("reasoning_content");
            out.joined(&self.reasoning);
        }
        self.write_blocks(out);
        self.write_calls(out);
        out.close('}');
    }

    fn write_blocks(&self, out: &mut Writer) {
        if self.blocks.is_empty() {
            return;
        }
        out.key("thinking_blocks");
        out.open('[');
        for block in &self.blocks {
            out.open('{');
            out.key("type");
            if let Some(data) = &block.redacted {
                out.string("redacted_thinking");
                out.key("data");
                out.text(data);
            } else {
                out.string("thinking");
                out.key("thinking");
                out.joined(&block.texts);
            }
            if let Some(signature) = &block.signature {
                out.key("signature");
                out.text(signature);
            }
            out.close('}');
        }
        out.close(']');
    }

    fn write_calls(&self, out: &mut Writer) {
        if self.calls.is_empty() {
            return;
        }
        out.key("tool_calls");
        out.open('[');
        for call in &self.calls {
            out.open('{');
            out.key("id");
            out.text(&call.id);
            out.key("type");
            out.string("function");
            out.key("function");
            out.open('{');
            out.key("name");
            out.text(&call.name);
            out.key("arguments");
            out.joined(&call.arguments);
            out.close('}');
            out.close('}');
        }
        out.close(']');
    }
}

/// The texts as one string, or null.
fn joined_or_null(texts: &[Text], is_null: bool, out: &mut Writer) {
    if is_null { out.value(b"null") } else { out.joined(texts) }
}
