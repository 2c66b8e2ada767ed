//! Blocks as Anthropic writes them.

use super::caches::Caches;
use super::fields::{field, kind};
use super::said::{At, Block};
use super::{input, media};
use crate::hub::{Names, Part, Unsayable};
use crate::json::text::Text;
use crate::json::write::Writer;

/// Writes blocks.
pub(super) struct Blocks<'a> {
    pub(super) out: &'a mut Writer,
    pub(super) names: &'a Names,
    pub(super) caches: &'a mut Caches,
}

impl Blocks<'_> {
    /// An array of blocks.
    pub(super) fn write_all(&mut self, blocks: &[Block<'_>]) -> Result<(), Unsayable> {
        self.out.open('[');
        for block in blocks {
            self.out.open('{');
            self.write(block)?;
            self.caches.write(self.out, block.cache);
            self.out.close('}');
        }
        self.out.close(']');
        Ok(())
    }

    /// The fields of a block, without its marker.
    fn write(&mut self, block: &Block<'_>) -> Result<(), Unsayable> {
        let out = &mut *self.out;
        let own = |text: &Text| block.own.clone().unwrap_or_else(|| text.clone());
        match block.part {
            // Messages has no block for a refusal of the past: its words are what was said.
            Part::Text { text, .. } | Part::Refusal { text } => field_text(out, &own(text)),
            Part::Call { id, name, arguments, .. } => {
                kind(out, "tool_use");
                field(out, "id", &own(id));
                field(out, "name", &self.names.upstreams_name(name));
                out.key("input");
                input::write(out, arguments);
            }
            Part::Result { id, parts, is_error, .. } => {
                kind(out, "tool_result");
                field(out, "tool_use_id", &own(id));
                result(out, parts, block.at)?;
                if *is_error {
                    out.key("is_error");
                    out.boolean(true);
                }
            }
            Part::Thinking { text, signature } => {
                kind(out, "thinking");
                field(out, "thinking", text);
                field(out, "signature", &signature.as_ref().map_or_else(|| Text::new(""), own));
            }
            Part::Redacted { data } => {
                kind(out, "redacted_thinking");
                field(out, "data", &own(data));
            }
            part => return medium(out, part, block.at),
        }
        Ok(())
    }
}

/// What a call came to. A single text stands as it is.
fn result(out: &mut Writer, parts: &[Part], at: At<'_>) -> Result<(), Unsayable> {
    let is_said = |part: &&Part| !matches!(part, Part::Text { text, .. } if text.is_blank());
    let said: Vec<&Part> = parts.iter().filter(is_said).collect();
    match &said[..] {
        [] => {}
        [Part::Text { text, .. }] => field(out, "content", text),
        all => {
            out.key("content");
            out.open('[');
            for (position, part) in all.iter().enumerate() {
                out.open('{');
                match part {
                    Part::Text { text, .. } => field_text(out, text),
                    part => medium(out, part, At { position, ..at })?,
                }
                out.close('}');
            }
            out.close(']');
        }
    }
    Ok(())
}

/// A picture or a document.
fn medium(out: &mut Writer, part: &Part, at: At<'_>) -> Result<(), Unsayable> {
    match part {
        Part::Image { source, .. } => media::image(out, source, at),
        Part::Document { source, name, .. } => media::document(out, source, name.as_ref(), at),
        Part::Audio { .. } => Err(at.unsayable("Anthropic's Messages takes no audio.")),
        _ => Err(at.unsayable("The result of a tool can hold text, images and documents.")),
    }
}

fn field_text(out: &mut Writer, text: &Text) {
    kind(out, "text");
    field(out, "text", text);
}
