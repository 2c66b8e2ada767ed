//! Reasoning that callers send back. Chat has no field for it, so there are four: `reasoning_content` (DeepSeek and
//! most servers) and `reasoning` (vLLM, OpenRouter) have its text alone, `thinking_blocks` (LiteLLM) and
//! `reasoning_details` (OpenRouter) the marks, too, that its vendor checks.

use super::wrong::{Wrong, array, members, needed, text};
use crate::hub::Part;
use crate::json::cursor::Cursor;
use crate::json::text::Text;
use bytes::{BufMut as _, BytesMut};

/// What a message carries of it.
#[derive(Default)]
pub(super) struct Thoughts {
    content: Option<Text>,
    reasoning: Option<Text>,
    blocks: Vec<Part>,
    details: Vec<Detail>,
}

impl Thoughts {
    /// Reads a member of a message, if it is one of these.
    pub(super) fn member(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<bool, Wrong> {
        match key {
            "reasoning_content" => self.content = text(key, value)?,
            "reasoning" => self.reasoning = text(key, value)?,
            "thinking_blocks" => {
                self.blocks.clear();
                array(key, value, |_, value| {
                    let mut block = Block::default();
                    members(value, |key, value| block.member(key, value))?;
                    self.blocks.push(block.part()?);
                    Ok(())
                })?;
            }
            "reasoning_details" => {
                self.details.clear();
                array(key, value, |_, value| {
                    self.details.push(Detail::read(value)?);
                    Ok(())
                })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The reasoning once, in its fullest form (case 34).
    pub(super) fn parts(self) -> Vec<Part> {
        if !self.blocks.is_empty() {
            return self.blocks;
        }
        let details = joined(self.details);
        if !details.is_empty() {
            return details;
        }
        let said = |text: &Text| !text.is_empty();
        let plain = self.content.filter(said).or(self.reasoning.filter(said));
        plain.map(|text| Part::Thinking { text, signature: None }).into_iter().collect()
    }
}

/// A block of `thinking_blocks`: Anthropic's own form.
#[derive(Default)]
pub(super) struct Block {
    kind: Option<Text>,
    thinking: Option<Text>,
    signature: Option<Text>,
    data: Option<Text>,
}

impl Block {
    pub(super) fn member(&mut self, key: &str, value: &mut Cursor<'_>) -> Result<(), Wrong> {
        match key {
            "type" => self.kind = text(key, value)?,
            "thinking" => self.thinking = text(key, value)?,
            "signature" => self.signature = text(key, value)?,
            "data" => self.data = text(key, value)?,
            _ => {}
        }
        Ok(())
    }

    /// Its text may be empty: that is what newer Claude sends (case 35).
    pub(super) fn part(self) -> Result<Part, Wrong> {
        let redacted = self.kind.map_or(self.thinking.is_none(), |kind| kind.said() == "redacted_thinking");
        if redacted {
            return Ok(Part::Redacted { data: needed("data", self.data)? });
        }
        let signature = self.signature.filter(|signature| !signature.is_empty());
        Ok(Part::Thinking { text: needed("thinking", self.thinking)?, signature })
    }
}

/// An entry of `reasoning_details`. One block may come as several entries of one index: a stream's pieces.
struct Detail {
    index: Option<Vec<u8>>,
    text: Option<Text>,
    signature: Option<Text>,
    data: Option<Text>,
}

impl Detail {
    fn read(value: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let mut detail = Self { index: None, text: None, signature: None, data: None };
        members(value, |key, value| {
            match key {
                "index" => detail.index = Some(value.value().to_owned()),
                "text" | "summary" => detail.text = text(key, value)?.or(detail.text.take()),
                "signature" => detail.signature = text(key, value)?.filter(|mark| !mark.is_empty()),
                "data" => detail.data = text(key, value)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(detail)
    }

    /// Whether `next` goes on with the block that this one ends.
    fn goes_on(&self, next: &Self) -> bool {
        let plain = self.data.is_none() && next.data.is_none() && self.signature.is_none();
        plain && self.index.is_some() && self.index == next.index
    }
}

fn joined(details: Vec<Detail>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut details = details.into_iter().peekable();
    while let Some(first) = details.next() {
        if let Some(data) = first.data {
            parts.push(Part::Redacted { data });
            continue;
        }
        let mut texts: Vec<Text> = first.text.iter().cloned().collect();
        let mut last = first;
        while let Some(next) = details.next_if(|next| last.goes_on(next)) {
            texts.extend(next.text.clone());
            last = next;
        }
        if texts.iter().any(|text| !text.is_empty()) || last.signature.is_some() {
            parts.push(Part::Thinking { text: one(texts), signature: last.signature });
        }
    }
    parts
}

/// Texts, one behind the other.
fn one(mut texts: Vec<Text>) -> Text {
    if texts.len() == 1
        && let Some(only) = texts.pop()
    {
        return only;
    }
    let mut all = BytesMut::with_capacity(texts.iter().map(Text::len).sum::<usize>() + 2);
    all.put_u8(b'"');
    texts.iter().for_each(|text| all.put(text.inside()));
    all.put_u8(b'"');
    Text::read(all.freeze())
}
