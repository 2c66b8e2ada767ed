//! A [`Chat`] as a body of Messages, for callers of another API.
//!
//! The rules that no name of a field tells are Anthropic's: turns alternate, all results of a turn's calls stand in the
//! next turn and first, no text is empty, `max_tokens` is needed. Source: Anthropic's Messages reference.

mod blocks;
mod caches;
mod fields;
mod ids;
mod input;
mod media;
mod others;
mod reasoning;
mod said;
mod sampling;
mod told;
mod tools;
mod turns;

use super::super::model::Model;
use crate::hub::{Chat, Effort, Format, Names, Part, Role, To, Unsayable, Written, digest};
use crate::json::text::Text;
use crate::json::write::Writer;
use blocks::Blocks;
use caches::Caches;
use reasoning::{Plan, Thinking};
use said::Run;
use told::Told;
use tools::Tools;
use turns::Said;

/// The most letters of a tool's name, which are letters, digits, `_` and `-`. Source: Anthropic's Messages reference.
pub(crate) const LONGEST_NAME: usize = 128;

/// Writes `chat` for the account and model of `to`.
///
/// # Errors
/// If it holds what Messages has no words for.
pub(crate) fn write(chat: &Chat, to: &To<'_>) -> Result<Written, Unsayable> {
    let mut told = Told::default();
    others::judge(chat, &mut told)?;
    let model = Model::named(to.model);
    let said = Said::of(chat, to.account, model, &mut told)?;
    let mut tools = Tools::of(chat, &mut told)?;
    let plan = Plan::of(chat, to, model, said.opens_with_a_call(), &mut told);
    if matches!(plan.thinking, Thinking::Budget(_)) {
        tools.without_force(&mut told);
    }
    let names = Names::of(chat, LONGEST_NAME);
    let mut caches = Caches::of(tools.markers(), &said, &mut told);
    let mut out = Writer::with_capacity(16 << 10);
    out.open('{');
    out.key("model");
    out.string(to.model);
    out.key("max_tokens");
    out.number(plan.max_tokens);
    tools.write(&mut out, &names, &mut caches);
    let mut blocks = Blocks { out: &mut out, names: &names, caches: &mut caches };
    system(&mut blocks, &said)?;
    messages(&mut blocks, &said.runs)?;
    plan.write_thinking(&mut out);
    output(&mut out, chat, plan.effort, &mut told)?;
    sampling::write(&mut out, chat, model, plan.thinks(), &mut told);
    whose(&mut out, chat, &mut told);
    if chat.stream {
        out.key("stream");
        out.boolean(true);
    }
    out.close('}');
    Ok(Written { body: out.pieces(), dropped: told.all() })
}

fn system(blocks: &mut Blocks<'_>, said: &Said<'_>) -> Result<(), Unsayable> {
    match &said.system[..] {
        [] => Ok(()),
        all => {
            if let Some(block) = all.iter().find(|block| !matches!(block.part, Part::Text { .. })) {
                return Err(block.at.unsayable("In Anthropic's Messages, what the system says is text."));
            }
            blocks.out.key("system");
            blocks.write_all(all)
        }
    }
}

fn messages(blocks: &mut Blocks<'_>, runs: &[Run<'_>]) -> Result<(), Unsayable> {
    blocks.out.key("messages");
    blocks.out.open('[');
    for run in runs {
        blocks.out.open('{');
        blocks.out.key("role");
        blocks.out.string(match run.role {
            Role::Assistant => "assistant",
            Role::User => "user",
            Role::System | Role::Developer => "system",
        });
        blocks.out.key("content");
        blocks.write_all(&run.blocks)?;
        blocks.out.close('}');
    }
    blocks.out.close(']');
    Ok(())
}

/// What the answer's text must be, and how much effort goes into it.
fn output(out: &mut Writer, chat: &Chat, effort: Option<Effort>, told: &mut Told) -> Result<(), Unsayable> {
    let schema = match &chat.format {
        None => None,
        Some(Format::Schema { schema, description, .. }) => {
            if description.is_some() {
                told.once("response_format.json_schema.description");
            }
            Some(schema)
        }
        // A schema must say of each object that it has no other properties, so that of any object cannot be written.
        // Source: the limits on Anthropic's page on structured outputs.
        Some(Format::Json) => {
            let why = "Anthropic's Messages has no form for any JSON object: give a `json_schema`.";
            return Err(Unsayable::new("response_format", why));
        }
    };
    if schema.is_none() && effort.is_none() {
        return Ok(());
    }
    out.key("output_config");
    out.open('{');
    if let Some(effort) = effort {
        out.key("effort");
        out.string(effort.name());
    }
    if let Some(schema) = schema {
        out.key("format");
        out.open('{');
        out.key("type");
        out.string("json_schema");
        out.key("schema");
        out.json(schema);
        out.close('}');
    }
    out.close('}');
    Ok(())
}

/// Whose request it is, and by which tier it is served.
fn whose(out: &mut Writer, chat: &Chat, told: &mut Told) {
    /// Source: Anthropic's Messages reference.
    const LONGEST_USER: usize = 256;
    if let Some(user) = chat.user.as_ref().filter(|user| !user.is_empty()) {
        out.key("metadata");
        out.open('{');
        out.key("user_id");
        match user.said() {
            said if said.chars().count() > LONGEST_USER => out.string(&digest(&said)),
            _ => out.text(user),
        }
        out.close('}');
    }
    match chat.tier.as_ref().map(Text::said).as_deref() {
        None => {}
        Some("auto" | "default") => {
            out.key("service_tier");
            out.string("auto");
        }
        Some("standard_only") => {
            out.key("service_tier");
            out.string("standard_only");
        }
        Some(_) => told.once("service_tier"),
    }
}

#[cfg(test)]
mod tests;
