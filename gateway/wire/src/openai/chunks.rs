//! An answer, whatever the API that it came in, as a caller of chat completions reads it: chunks of a stream, and one
//! answer whole.
//!
//! SDKs add up deltas by rules of their own, of which openai-python's are the strictest (`accumulate_delta` in its
//! `lib/streaming/_deltas.py`): a text is only ever added to, what is in a list has an `index`, and indexes count from 0
//! without a gap. No chunk has a key `error`: openai-go takes one with that for a failure, whatever its value.

mod calls;
mod ending;
mod whole;

pub(crate) use whole::whole;

use crate::hub::{CallersName, Event};
use crate::json::text::Text;
use crate::json::write::Writer;
use calls::Calls;
use ending::Ending;
use weir_config::UnixSeconds;

/// A signature, or reasoning that only its vendor can read, with a mark that tells which account it belongs to.
type Mark = dyn Fn(&Text) -> Text + Send + Sync;

/// How what was changed for an account is put back for its caller.
pub(crate) struct Back {
    /// The caller's name of a tool, if the account knows it by another.
    pub(crate) name: CallersName,
    pub(crate) mark: Box<Mark>,
}

/// Writes the chunks of one stream.
pub(crate) struct ChunkWriter {
    id: String,
    created: UnixSeconds,
    model: Text,
    includes_usage: bool,
    back: Back,
    /// What chunks begin with, up to what is in their delta; empty before the first one.
    head: Vec<u8>,
    /// So much of it comes before `choices`.
    shared: usize,
    calls: Calls,
    /// Blocks of reasoning that are over.
    blocks: usize,
    /// One is open.
    reasons: bool,
    ending: Ending,
}

impl ChunkWriter {
    /// A stream whose chunks all have this id, this time and this model, the caller's name for it. `includes_usage`: the
    /// caller asked for a chunk with the usage.
    pub(crate) fn new(
        id: String,
        created: UnixSeconds,
        model: Text,
        includes_usage: bool,
        back: Back,
    ) -> Self {
        Self {
            id,
            created,
            model,
            includes_usage,
            back,
            head: Vec::new(),
            shared: 0,
            calls: Calls::default(),
            blocks: 0,
            reasons: false,
            ending: Ending::default(),
        }
    }

    /// Writes what an event says, as far as that can be said before the end. The first chunk waits for what is said
    /// first, because the service tier is in it.
    pub(crate) fn event(&mut self, event: Event, out: &mut Writer) {
        match event {
            Event::Text(text) | Event::Refusal(text) | Event::Thinking(text) if text.is_empty() => {}
            Event::Text(text) => self.text("content", &text, out),
            Event::Refusal(text) => {
                self.ending.refuses = true;
                self.text("refusal", &text, out);
            }
            Event::Thinking(text) => self.thinking(&text, out),
            Event::Signature(signature) => self.signature(&signature, out),
            Event::Redacted(data) => self.redacted(&data, out),
            Event::Call { call, id, name } => self.call(call, id, &name, out),
            Event::Arguments { call, json } => self.arguments(call, &json, out),
            Event::BlockEnd => {
                self.end_reasoning();
                self.calls.end_block();
            }
            Event::Finish(finish) => self.ending.finish = Some(finish),
            Event::Usage(counted) => self.ending.usage = Some(counted),
            Event::Tier(tier) => {
                self.ending.tier = ending::tier(&tier);
                if !self.head.is_empty() {
                    self.write_head();
                }
            }
            Event::Start { .. } => {}
        }
    }

    /// Writes the end: why it ended, the usage for whom asked, and the end of the stream. Not for an answer that broke
    /// off: nothing but its failure follows then.
    pub(crate) fn end(&mut self, out: &mut Writer) {
        self.begin(out);
        let is_cut = self.ending.is_cut();
        for call in 0..self.calls.len() {
            if self.calls.lacks_arguments(call, is_cut) {
                self.write_arguments(call, &Text::new("{}"), out);
            }
        }
        if let Some(why) = self.ending.refusal() {
            self.chunk(out, |out| {
                out.key("refusal");
                out.text(&why);
            });
        }
        out.begin(&self.head);
        out.raw(b"}");
        self.ending.write_finish(self.calls.len() > 0, out);
        out.raw(if self.includes_usage { b"}],\"usage\":null}\n\n" } else { b"}]}\n\n" });
        if let Some(counted) = self.ending.usage().filter(|_| self.includes_usage) {
            out.begin(self.head.get(..self.shared).unwrap_or_default());
            out.raw(b",\"choices\":[],\"usage\":");
            ending::write_usage(&counted, out);
            out.raw(b"}\n\n");
        }
        out.raw(b"data: [DONE]\n\n");
    }

    /// How many bytes of memory are held in here.
    pub(crate) fn held_bytes(&self) -> usize {
        self.head.capacity() + self.ending.held_bytes() + self.calls.held_bytes()
    }

    fn text(&mut self, key: &'static str, text: &Text, out: &mut Writer) {
        self.say(out, |out| {
            out.key(key);
            out.text(text);
        });
    }

    /// Reasoning goes out under both names that callers read: the text by itself, and the text in blocks, which are sent
    /// back as they came (LiteLLM's convention, its documentation, "Thinking / Reasoning Content"). LiteLLM has no index
    /// in them; openai-python fails at a second one without.
    fn thinking(&mut self, text: &Text, out: &mut Writer) {
        let block = self.blocks;
        self.say(out, |out| {
            out.key("reasoning_content");
            out.text(text);
            open_block(block, "thinking", out);
            out.text(text);
            out.raw(b"}]");
        });
        self.reasons = true;
    }

    fn signature(&mut self, signature: &Text, out: &mut Writer) {
        let marked = (self.back.mark)(signature);
        let block = self.blocks;
        self.reasons = false;
        self.say(out, |out| {
            open_block(block, "thinking", out);
            out.raw(b"\"\"");
            out.key("signature");
            out.text(&marked);
            out.raw(b"}]");
        });
        self.blocks += 1;
    }

    fn redacted(&mut self, data: &Text, out: &mut Writer) {
        self.end_reasoning();
        let marked = (self.back.mark)(data);
        let block = self.blocks;
        self.say(out, |out| {
            open_block(block, "redacted_thinking", out);
            out.text(&marked);
            out.raw(b"}]");
        });
        self.blocks += 1;
    }

    fn end_reasoning(&mut self) {
        self.blocks += usize::from(std::mem::take(&mut self.reasons));
    }

    fn call(&mut self, call: u32, id: Option<Text>, name: &Text, out: &mut Writer) {
        self.end_reasoning();
        self.complete(out);
        let Some(index) = self.calls.begin(call) else { return };
        let id = id.unwrap_or_else(|| calls::id(&self.id, index));
        let callers = (self.back.name)(&name.said());
        self.chunk(out, |out| {
            open_call(index, out);
            out.raw(b",\"id\":");
            out.text(&id);
            out.raw(b",\"type\":\"function\",\"function\":{\"name\":");
            out.text(callers.as_ref().unwrap_or(name));
            out.raw(b",\"arguments\":\"\"}}]");
        });
    }

    fn arguments(&mut self, call: u32, json: &Text, out: &mut Writer) {
        if let Some(index) = self.calls.index(call).filter(|_| !json.is_empty()) {
            self.end_reasoning();
            self.write_arguments(index, json, out);
        }
    }

    fn write_arguments(&mut self, index: usize, json: &Text, out: &mut Writer) {
        self.calls.has_arguments(index);
        self.chunk(out, |out| {
            open_call(index, out);
            out.raw(b",\"function\":{\"arguments\":");
            out.text(json);
            out.raw(b"}}]");
        });
    }

    /// A call that has ended without arguments has empty ones: `""` is no JSON.
    fn complete(&mut self, out: &mut Writer) {
        if let Some(index) = self.calls.take_ended() {
            self.write_arguments(index, &Text::new("{}"), out);
        }
    }

    /// A chunk that is no call's.
    fn say(&mut self, out: &mut Writer, delta: impl FnOnce(&mut Writer)) {
        self.complete(out);
        self.chunk(out, delta);
    }

    fn chunk(&mut self, out: &mut Writer, delta: impl FnOnce(&mut Writer)) {
        self.begin(out);
        out.begin(&self.head);
        delta(out);
        let end: &[u8] = if self.includes_usage {
            b"},\"finish_reason\":null}],\"usage\":null}\n\n"
        } else {
            b"},\"finish_reason\":null}]}\n\n"
        };
        out.raw(end);
    }

    /// The first chunk, before all others.
    fn begin(&mut self, out: &mut Writer) {
        if self.head.is_empty() {
            self.write_head();
            self.chunk(out, |out| out.raw(br#""role":"assistant","content":"""#));
        }
    }

    fn write_head(&mut self) {
        let mut out = Writer::with_capacity(192);
        out.begin(b"data: ");
        out.open('{');
        self.ending.write_head("chat.completion.chunk", (&self.id, self.created, &self.model), &mut out);
        let shared = out.bytes();
        self.shared = shared.len();
        self.head = [&shared, &b",\"choices\":[{\"index\":0,\"delta\":{"[..]].concat();
    }
}

/// What a block of reasoning begins with, up to its text or data.
fn open_block(index: usize, kind: &'static str, out: &mut Writer) {
    out.key("thinking_blocks");
    out.raw(b"[{\"index\":");
    write_index(index, out);
    out.raw(b",\"type\":\"");
    out.raw(kind.as_bytes());
    out.raw(if kind == "thinking" { b"\",\"thinking\":".as_slice() } else { b"\",\"data\":" });
}

/// What a delta of a call begins with.
fn open_call(index: usize, out: &mut Writer) {
    out.key("tool_calls");
    out.raw(b"[{\"index\":");
    write_index(index, out);
}

/// Mostly one digit.
fn write_index(index: usize, out: &mut Writer) {
    match u8::try_from(index) {
        Ok(digit @ 0..=9) => out.raw(&[b'0' + digit]),
        _ => out.number(index as u64),
    }
}

#[cfg(test)]
mod checker;
#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;
