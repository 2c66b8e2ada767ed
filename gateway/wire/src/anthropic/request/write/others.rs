//! Fields of OpenAI's that Messages has no place for.

use super::told::Told;
use crate::hub::{Chat, Other, Part, Unsayable};
use crate::json::number;
use crate::json::text::Json;

/// Tells of the fields that are left out.
///
/// # Errors
/// If one of them asks for another answer than there would be without it.
pub(super) fn judge(chat: &Chat, told: &mut Told) -> Result<(), Unsayable> {
    for Other { name, value } in &chat.others {
        match name.as_str() {
            "n" if number::whole(value.bytes()) == Some(1) => {}
            "n" => {
                return Err(Unsayable::new("n", "Anthropic's Messages gives one choice."));
            }
            "modalities" if says(value, b"\"audio\"") || says(value, b"\"image\"") => {
                return Err(Unsayable::new("modalities", "Anthropic's Messages answers in text."));
            }
            "modalities" => {}
            tool if tool.starts_with("tools.") => {
                return Err(Unsayable::new(tool, "Anthropic's Messages has no tool of this type."));
            }
            // Zero is a seed like others.
            name if name != "seed" && is_default(value) => {}
            _ => told.once(name.clone()),
        }
    }
    let mut parts = chat.turns.iter().flat_map(|turn| &turn.parts);
    let wishes =
        |part: &Part| matches!(part, Part::Image { detail: Some(detail), .. } if detail.said() != "auto");
    if parts.any(wishes) {
        told.once("image_url.detail");
    }
    Ok(())
}

fn says(value: &Json, what: &[u8]) -> bool {
    memchr::memmem::find(value.bytes(), what).is_some()
}

/// Whether it asks for nothing: a penalty of zero, no log probabilities.
fn is_default(value: &Json) -> bool {
    let text: &[u8] = value.bytes();
    matches!(text, b"null" | b"false" | b"[]" | b"{}" | b"\"\"") || number::whole(text) == Some(0)
}
