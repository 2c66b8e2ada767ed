//! A request of the hub's as a body of chat completions, for OpenAI and for who speaks as it does.

mod content;
mod effort;
mod lines;
mod tools;
mod tuning;
mod word;

use crate::hub::{Chat, Names, OPENAI_NAME, To, Unsayable, Written};
use crate::json::write::Writer;
use weir_config::Vendor;

/// Writes a request. What it names is what [`Names::of`] makes of `chat` and [`OPENAI_NAME`].
///
/// Left out and not told: marks of what is to be cached (these vendors cache by themselves), past reasoning (there is no
/// field for it, and its vendor alone can read it), and Claude Code's billing line (case 16).
///
/// # Errors
/// If it has content that this API cannot say.
pub(crate) fn write(chat: &Chat, to: &To<'_>) -> Result<Written, Unsayable> {
    let is_openai = to.row.vendor == Vendor::OpenAI;
    let names = Names::of(chat, OPENAI_NAME);
    let lines = lines::lines(chat, is_openai)?;
    let mut writer = Writer::with_capacity(4 << 10);
    writer.open('{');
    writer.key("model");
    writer.string(to.model);
    writer.key("messages");
    writer.open('[');
    for line in &lines {
        content::line(&mut writer, line, &names, is_openai);
    }
    writer.close(']');
    tools::tools(&mut writer, chat, &names, is_openai);
    let dropped = tuning::tuning(&mut writer, chat, to)?;
    writer.close('}');
    Ok(Written { body: writer.pieces(), dropped })
}
