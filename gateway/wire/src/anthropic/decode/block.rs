//! One block of an answer, from its beginning to its end. One is open at a time.

use super::super::fields::{filled, known, text};
use super::super::frame;
use crate::hub::Event;
use crate::json::text::{Json, Text};
use bytes::Bytes;
use weir_config::Failure;

/// What a block is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    /// It was not said: each delta is what it says it is.
    #[default]
    Untold,
    Text,
    Thinking,
    Redacted,
    /// The `call`th call of the answer.
    Call(u32),
    /// One that callers of other APIs have no part in.
    Other,
}

/// The block that is open.
#[derive(Debug, Default)]
pub(super) struct Open {
    kind: Kind,
    /// The mark under a thinking block. Said at its end: a later one replaces it, as in Anthropic's own SDK.
    signature: Option<Text>,
    /// The arguments that a call began with. Anthropic's own begins with `{}`; some imitators give all of them here, and
    /// in Anthropic's SDK those of the deltas replace them.
    given: Option<Text>,
}

impl Open {
    /// A block begins as this `block` says. `calls`: so many calls have begun before.
    ///
    /// # Errors
    /// It is a call of nothing.
    pub(super) fn begin(block: &Bytes, calls: &mut u32, out: &mut Vec<Event>) -> Result<Self, Failure> {
        let [kind, said, thinking, signature, data, id, name, input] =
            known(block, &["type", "text", "thinking", "signature", "data", "id", "name", "input"]);
        let mut open = Self::default();
        match kind.unwrap_or_default() {
            br#""text""# => {
                open.kind = Kind::Text;
                out.extend(text(block, said).map(Event::Text));
            }
            br#""thinking""# => {
                open.kind = Kind::Thinking;
                out.extend(text(block, thinking).map(Event::Thinking));
                open.signature = text(block, signature);
            }
            br#""redacted_thinking""# => {
                open.kind = Kind::Redacted;
                out.extend(text(block, data).map(Event::Redacted));
            }
            br#""tool_use""# => {
                let call = *calls;
                open.kind = Kind::Call(call);
                open.given = arguments(block, input);
                let name = text(block, name).ok_or_else(|| frame::because("a tool call has no name"))?;
                out.push(Event::Call { call, id: text(block, id), name });
                *calls += 1;
            }
            _ => open.kind = Kind::Other,
        }
        Ok(open)
    }

    /// Takes what is added to it.
    ///
    /// # Errors
    /// It is a call's arguments, and no call is open.
    pub(super) fn delta(&mut self, delta: &[u8], out: &mut Vec<Event>) -> Result<(), Failure> {
        if matches!(self.kind, Kind::Other | Kind::Redacted) {
            return Ok(());
        }
        let [kind, said, thinking, json, signature] =
            known(delta, &["type", "text", "thinking", "partial_json", "signature"]);
        let copied = |value: Option<&[u8]>| Some(Text::read(Bytes::copy_from_slice(filled(value)?)));
        match kind.unwrap_or_default() {
            br#""text_delta""# => out.extend(copied(said).map(Event::Text)),
            br#""thinking_delta""# => out.extend(copied(thinking).map(Event::Thinking)),
            br#""signature_delta""# => self.signature = copied(signature).or(self.signature.take()),
            br#""input_json_delta""# => {
                let Some(json) = copied(json) else { return Ok(()) };
                let Kind::Call(call) = self.kind else {
                    return Err(frame::because("it gives arguments where no tool is called"));
                };
                self.given = None;
                out.push(Event::Arguments { call, json });
            }
            _ => {}
        }
        Ok(())
    }

    /// It has ended.
    pub(super) fn end(self, out: &mut Vec<Event>) {
        out.extend(self.signature.map(Event::Signature));
        if let (Kind::Call(call), Some(json)) = (self.kind, self.given) {
            out.push(Event::Arguments { call, json });
        }
        if self.kind != Kind::Other {
            out.push(Event::BlockEnd);
        }
    }
}

/// A call's arguments that its block brings, as the text of their JSON, in the model's own order and spelling; none where
/// they are empty. A string is that text already.
fn arguments(block: &Bytes, input: Option<&[u8]>) -> Option<Text> {
    let input = input?;
    if input.starts_with(b"\"") {
        return text(block, Some(input));
    }
    let is_empty = input.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"}"));
    let json = Json::read(block.slice_ref(input));
    (!is_empty).then(|| Text::new(&String::from_utf8_lossy(json.bytes())))
}
