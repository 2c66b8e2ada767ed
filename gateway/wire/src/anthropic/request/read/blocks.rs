//! What a message says, block by block.

use super::Reader;
use super::fields::{At, Object};
use crate::asked::BadRequest;
use crate::hub::{Arguments, Part, Source};
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::{Json, Text};
use bytes::Bytes;

/// What the blocks are of: not all of them stand everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    System,
    Message,
    /// The result of a tool.
    Result,
    /// A document whose content is blocks.
    Document,
}

impl Within {
    /// Whether a block of this kind may stand in it.
    fn takes(self, kind: &str) -> bool {
        match kind {
            "text" => true,
            "image" => self != Self::System,
            "document" => matches!(self, Self::Message | Self::Result),
            "tool_reference" => self == Self::Result,
            "tool_use" | "tool_result" | "thinking" | "redacted_thinking" => self == Self::Message,
            _ => false,
        }
    }
}

impl Reader {
    /// A string or an array of blocks.
    pub(super) fn content(
        &mut self,
        value: &mut Cursor<'_>,
        at: &At<'_>,
        within: Within,
        parts: &mut Vec<Part>,
    ) -> Result<(), BadRequest> {
        match value.kind() {
            Kind::String => {
                parts.push(Part::Text { text: Text::read(value.shared()), cache: None });
                Ok(())
            }
            Kind::Array => {
                value.items(|position, value| self.block(value, &At::Item(at, position), within, parts))
            }
            kind => Err(at.wrong("a string or an array of blocks", kind)),
        }
    }

    fn block(
        &mut self,
        value: &mut Cursor<'_>,
        at: &At<'_>,
        within: Within,
        parts: &mut Vec<Part>,
    ) -> Result<(), BadRequest> {
        let mut content = None;
        let mut block = Object::read_but(value, at, |key, value| {
            let takes = within == Within::Message && key == "content";
            if takes {
                content = Some(self.held(value, &At::Field(at, "content")));
            }
            takes
        })?;
        let kind = block.needed("type")?;
        let kind = kind.said();
        if !within.takes(&kind) {
            let why =
                format_args!("is a block of type `{kind}`, which the model that was chosen has no words for");
            return Err(at.bad(why));
        }
        let cache = block.json("cache_control");
        match &*kind {
            "text" => parts.push(Part::Text { text: block.needed("text")?, cache }),
            "image" => {
                let source = block.cursor("source", image)?;
                let source = source.ok_or_else(|| at.bad("has no `source`"))?;
                parts.push(Part::Image { source, detail: None, cache });
            }
            "document" => self.document(&mut block, cache, at, parts)?,
            "tool_use" => parts.push(call(&mut block, cache)?),
            "tool_result" => parts.push(result(&mut block, content.transpose()?, cache)?),
            "thinking" => parts.push(Part::Thinking {
                text: block.text("thinking")?.unwrap_or_else(|| Text::new("")),
                signature: block.text("signature")?,
            }),
            "redacted_thinking" => parts.push(Part::Redacted { data: block.needed("data")? }),
            // A tool that a search has found. Its name is what the model needs of it.
            _ => parts.push(Part::Text { text: block.needed("tool_name")?, cache }),
        }
        self.rest("messages.content", block);
        Ok(())
    }

    /// What a block holds, if it is a result. What is wrong with it is wrong only then.
    fn held(&mut self, value: &mut Cursor<'_>, at: &At<'_>) -> Result<Vec<Part>, BadRequest> {
        let (mut parts, before) = (Vec::new(), value.clone());
        let read = self.content(value, at, Within::Result, &mut parts);
        read.map(|()| parts).inspect_err(|_| {
            *value = before;
            value.value();
        })
    }

    /// A document. Its `context` is words for the model, so they are said in front of it.
    fn document(
        &mut self,
        block: &mut Object<'_, '_>,
        cache: Option<Json>,
        at: &At<'_>,
        parts: &mut Vec<Part>,
    ) -> Result<(), BadRequest> {
        let name = block.text("title")?;
        if let Some(text) = block.text("context")?.filter(|text| !text.is_empty()) {
            parts.push(Part::Text { text, cache: None });
        }
        let seen = block.cursor("source", |value, at| {
            let mut source = Object::read(value, at)?;
            let kind = source.needed("type")?;
            let source = match &*kind.said() {
                "base64" => data(&mut source)?,
                "url" => Source::Url(source.needed("url")?),
                "text" => Source::Text(source.needed("data")?),
                "content" => {
                    let before = parts.len();
                    source.cursor("content", |value, at| self.content(value, at, Within::Document, parts))?;
                    if parts.len() > before {
                        mark_last(parts, cache);
                    }
                    return Ok(());
                }
                other => return Err(unknown(at, other)),
            };
            parts.push(Part::Document { source, name, cache });
            Ok(())
        })?;
        seen.ok_or_else(|| at.bad("has no `source`"))
    }
}

/// A document of blocks becomes those blocks: its marker stands behind the last.
fn mark_last(parts: &mut [Part], marker: Option<Json>) {
    if let (Some(Part::Text { cache, .. } | Part::Image { cache, .. }), Some(marker)) =
        (parts.last_mut(), marker)
    {
        *cache = Some(marker);
    }
}

fn image(value: &mut Cursor<'_>, at: &At<'_>) -> Result<Source, BadRequest> {
    let mut source = Object::read(value, at)?;
    let kind = source.needed("type")?;
    match &*kind.said() {
        "base64" => data(&mut source),
        "url" => Ok(Source::Url(source.needed("url")?)),
        other => Err(unknown(at, other)),
    }
}

fn data(source: &mut Object<'_, '_>) -> Result<Source, BadRequest> {
    Ok(Source::Data { media_type: source.needed("media_type")?, data: source.needed("data")? })
}

/// A file, say, that lies at Anthropic: nobody else can open it.
fn unknown(at: &At<'_>, kind: &str) -> BadRequest {
    at.bad(format_args!("is of type `{kind}`, which the model that was chosen cannot read"))
}

/// A call. Some clients write null where a tool takes nothing, or nothing at all.
fn call(block: &mut Object<'_, '_>, cache: Option<Json>) -> Result<Part, BadRequest> {
    let input = block.object("input")?;
    // How it was called: by the model itself, unless code that runs at Anthropic did.
    block.json("caller");
    Ok(Part::Call {
        id: block.needed("id")?,
        name: block.needed("name")?,
        arguments: Arguments::Json(input.unwrap_or_else(|| Json::read(Bytes::from_static(b"{}")))),
        cache,
    })
}

fn result(
    block: &mut Object<'_, '_>,
    parts: Option<Vec<Part>>,
    cache: Option<Json>,
) -> Result<Part, BadRequest> {
    Ok(Part::Result {
        id: block.needed("tool_use_id")?,
        parts: parts.unwrap_or_default(),
        is_error: block.boolean("is_error")?.unwrap_or(false),
        cache,
    })
}
