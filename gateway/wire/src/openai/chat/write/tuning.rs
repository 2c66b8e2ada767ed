//! All but messages and tools.

use super::effort::{Level, level};
use super::word::word;
use crate::hub::{Chat, Dropped, Effort, Format, Other, Reasoning, To, Unsayable, digest};
use crate::json::text::{Json, Text};
use crate::json::write::Writer;
use std::borrow::Cow;
use std::collections::HashSet;
use weir_config::{UsageOption, Vendor};

/// The most letters of whose request it is. Source: `safety_identifier` in OpenAI's API description.
const USER: usize = 64;

/// The most stop sequences at OpenAI. Source: `StopConfiguration` in OpenAI's API description.
const STOPS: usize = 4;

/// Fields of Chat that mean the same whoever is asked.
const COMMON: [&str; 4] = ["seed", "logit_bias", "frequency_penalty", "presence_penalty"];

/// Fields that OpenAI alone has.
const OPENAI: [&str; 2] = ["verbosity", "prompt_cache_key"];

/// Writes the rest of a request, and says what of it is left out.
pub(super) fn tuning(writer: &mut Writer, chat: &Chat, to: &To<'_>) -> Result<Dropped, Unsayable> {
    let is_openai = to.row.vendor == Vendor::OpenAI;
    let mut dropped = Dropped::new();
    if let Some(form) = &chat.format {
        writer.key("response_format");
        format(writer, form);
    }
    effort(writer, chat, to, &mut dropped);
    bound(writer, chat, to, &mut dropped);
    number(writer, "temperature", chat.temperature.as_ref());
    number(writer, "top_p", chat.top_p.as_ref());
    if chat.top_k.is_some() {
        left(&mut dropped, "top_k");
    }
    stop(writer, &chat.stop, is_openai)?;
    if let Some(user) = &chat.user {
        writer.key("user");
        self::user(writer, user);
    }
    tier(writer, chat.tier.as_ref(), is_openai, &mut dropped);
    for other in &chat.others {
        self::other(writer, other, is_openai, &mut dropped)?;
    }
    if chat.stream {
        writer.key("stream");
        writer.boolean(true);
        if to.row.usage == UsageOption::Ask {
            writer.key("stream_options");
            writer.value(br#"{"include_usage":true}"#);
        }
    }
    let mut told = HashSet::new();
    dropped.retain(|name| told.insert(name.clone()));
    Ok(dropped)
}

/// Names a field that is left out.
fn left(dropped: &mut Dropped, name: impl Into<Cow<'static, str>>) {
    dropped.push(name.into());
}

fn format(writer: &mut Writer, form: &Format) {
    writer.open('{');
    writer.key("type");
    match form {
        Format::Json => word(writer, "json_object"),
        Format::Schema { name, description, schema, strict } => {
            word(writer, "json_schema");
            writer.key("json_schema");
            writer.open('{');
            writer.key("name");
            // OpenAI wants one, and Anthropic has none.
            match name {
                Some(name) => writer.text(name),
                None => word(writer, "answer"),
            }
            if let Some(description) = description {
                writer.key("description");
                writer.text(description);
            }
            writer.key("schema");
            writer.json(schema);
            if let Some(strict) = strict {
                writer.key("strict");
                writer.boolean(*strict);
            }
            writer.close('}');
        }
    }
    writer.close('}');
}

fn effort(writer: &mut Writer, chat: &Chat, to: &To<'_>, dropped: &mut Dropped) {
    let level = level(chat.reasoning, to, !chat.tools.is_empty());
    let written = match level {
        Level::Unsaid | Level::Left => None,
        Level::Said(effort) => Some(effort),
        Level::Off => Some(Effort::None),
    };
    if let Some(effort) = written {
        writer.key("reasoning_effort");
        word(writer, effort.name());
    }
    if matches!(level, Level::Left | Level::Off) {
        // By Anthropic's names: who asks in Chat's own words is passed through.
        let only_effort = matches!(chat.reasoning, Some(Reasoning { on: None, budget: None, .. }));
        let name = if only_effort { "output_config.effort" } else { "thinking" };
        left(dropped, name);
    }
}

/// The most tokens of an answer: OpenAI's reasoning models take the newer name alone, most other vendors the older.
fn bound(writer: &mut Writer, chat: &Chat, to: &To<'_>, dropped: &mut Dropped) {
    let Some(wanted) = chat.max_tokens else { return };
    let most = to.max_output_tokens.unwrap_or(u64::MAX);
    if wanted > most {
        left(dropped, "max_tokens");
    }
    let is_openai = to.row.vendor == Vendor::OpenAI;
    writer.key(if is_openai { "max_completion_tokens" } else { "max_tokens" });
    writer.number(wanted.min(most));
}

fn number(writer: &mut Writer, key: &str, number: Option<&Json>) {
    if let Some(number) = number {
        writer.key(key);
        writer.json(number);
    }
}

fn stop(writer: &mut Writer, stop: &[Text], is_openai: bool) -> Result<(), Unsayable> {
    if stop.is_empty() {
        return Ok(());
    }
    if is_openai && stop.len() > STOPS {
        let message = format!(
            "The API that serves this model, OpenAI's chat completions, takes at most {STOPS} stop sequences, not {}.",
            stop.len()
        );
        return Err(Unsayable::new("stop_sequences", message));
    }
    writer.key("stop");
    writer.open('[');
    stop.iter().for_each(|text| writer.text(text));
    writer.close(']');
    Ok(())
}

/// Whose request it is: what is too long is hashed, so that it stays one user's (case 42).
fn user(writer: &mut Writer, user: &Text) {
    if user.len() <= USER {
        return writer.text(user);
    }
    let said = user.said();
    if said.chars().count() <= USER { writer.text(user) } else { writer.string(&digest(&said)) }
}

/// The tier in OpenAI's words. Source: `ServiceTier` in OpenAI's API description; Anthropic's `standard_only` is what
/// OpenAI calls `default`.
fn tier(writer: &mut Writer, tier: Option<&Text>, is_openai: bool, dropped: &mut Dropped) {
    const KEY: &str = "service_tier";
    let said = tier.map(Text::said);
    let known = match said.as_deref() {
        None => return,
        Some("standard_only") => Some("default"),
        Some(known @ ("auto" | "default" | "flex" | "scale" | "priority" | "fast")) => Some(known),
        Some(_) => None,
    };
    match known {
        Some(known) if is_openai => {
            writer.key(KEY);
            word(writer, known);
        }
        // Elsewhere there is one tier, which is what these two mean.
        Some("auto" | "default") => {}
        _ => left(dropped, KEY),
    }
}

fn other(
    writer: &mut Writer,
    other: &Other,
    is_openai: bool,
    dropped: &mut Dropped,
) -> Result<(), Unsayable> {
    let Other { name, value } = other;
    let known = COMMON.contains(&name.as_str()) || is_openai && OPENAI.contains(&name.as_str());
    if known {
        writer.key(name);
        writer.json(value);
        return Ok(());
    }
    if name == "n" {
        if &**value.bytes() != b"1" {
            let message =
                "Only one choice can be had of a model that speaks another API than the request does.";
            return Err(Unsayable::new("n", message));
        }
        return Ok(());
    }
    left(dropped, name.clone());
    Ok(())
}
