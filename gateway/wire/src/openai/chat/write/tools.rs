//! Tools and which of them are to be called.

use super::word::word;
use crate::hub::{Chat, Choice, Names, Tool};
use crate::json::cursor::{Cursor, Kind};
use crate::json::text::{Json, Text};
use crate::json::write::Writer;
use std::collections::HashSet;
use std::convert::Infallible;

/// Writes `tools`, `tool_choice` and `parallel_tool_calls`: without tools none of them (case 11).
pub(super) fn tools(writer: &mut Writer, chat: &Chat, names: &Names, is_openai: bool) {
    // Only OpenAI knows `allowed_tools`: elsewhere the others are not sent (case 12).
    let allowed: Option<HashSet<_>> = match &chat.choice {
        Some(Choice::Among { names, .. }) if !is_openai => Some(names.iter().map(Text::said).collect()),
        _ => None,
    };
    let is_allowed =
        |tool: &&Tool| allowed.as_ref().is_none_or(|allowed| allowed.contains(&tool.name.said()));
    let mut tools = chat.tools.iter().filter(is_allowed).peekable();
    if tools.peek().is_none() {
        return;
    }
    writer.key("tools");
    writer.open('[');
    tools.for_each(|tool| self::tool(writer, tool, names));
    writer.close(']');
    if let Some(choice) = &chat.choice {
        writer.key("tool_choice");
        self::choice(writer, choice, names, is_openai);
    }
    if let Some(parallel) = chat.parallel_calls {
        writer.key("parallel_tool_calls");
        writer.boolean(parallel);
    }
}

fn tool(writer: &mut Writer, tool: &Tool, names: &Names) {
    writer.open('{');
    writer.key("type");
    word(writer, "function");
    writer.key("function");
    writer.open('{');
    writer.key("name");
    writer.text(&names.upstreams_name(&tool.name));
    if let Some(description) = &tool.description {
        writer.key("description");
        writer.text(description);
    }
    writer.key("parameters");
    match &tool.schema {
        Some(schema) => parameters(writer, schema),
        None => writer.value(NO_PARAMETERS),
    }
    // Only what the caller said: with it every property must be required (case 30).
    if let Some(strict) = tool.strict {
        writer.key("strict");
        writer.boolean(strict);
    }
    writer.close('}');
    writer.close('}');
}

const NO_PARAMETERS: &[u8] = br#"{"type":"object","properties":{}}"#;

/// What a schema has at its root.
#[derive(Default)]
struct Root {
    has_type: bool,
    has_properties: bool,
    has_nulls: bool,
    /// It says what it is by other schemas.
    is_composed: bool,
}

/// Writes a schema: shared as it is, unless OpenAI would refuse it for its root (case 29).
fn parameters(writer: &mut Writer, schema: &Json) {
    let mut root = Root::default();
    let mut cursor = Cursor::new(schema.bytes());
    if cursor.kind() != Kind::Object {
        return writer.json(schema);
    }
    let Ok(()) = cursor.members(|key, value| {
        let is_null = value.kind() == Kind::Null;
        match &*key {
            _ if is_null => root.has_nulls |= is_left_out(&key),
            "type" => root.has_type = true,
            "properties" => root.has_properties = true,
            "$ref" | "anyOf" | "oneOf" | "allOf" => root.is_composed = true,
            _ => {}
        }
        Ok::<_, Infallible>(())
    });
    let is_whole = root.is_composed || root.has_type && root.has_properties;
    if is_whole && !root.has_nulls {
        return writer.json(schema);
    }
    writer.open('{');
    if !root.has_type && !root.is_composed {
        writer.key("type");
        word(writer, "object");
    }
    let Ok(()) = Cursor::new(schema.bytes()).members(|key, value| {
        if value.kind() != Kind::Null || !is_left_out(&key) {
            writer.string(&key);
            writer.raw(b":");
            writer.json(&Json::read(value.shared()));
        }
        Ok::<_, Infallible>(())
    });
    if !root.has_properties && !root.is_composed {
        writer.key("properties");
        writer.value(b"{}");
    }
    writer.close('}');
}

/// Keywords that null is no value of.
fn is_left_out(key: &str) -> bool {
    matches!(key, "type" | "properties" | "required")
}

fn choice(writer: &mut Writer, choice: &Choice, names: &Names, is_openai: bool) {
    match choice {
        Choice::None => word(writer, "none"),
        Choice::Auto => word(writer, "auto"),
        Choice::Any => word(writer, "required"),
        Choice::One(name) => function(writer, name, names),
        Choice::Among { must, .. } if !is_openai => {
            word(writer, if *must { "required" } else { "auto" });
        }
        Choice::Among { names: among, must } => {
            writer.open('{');
            writer.key("type");
            word(writer, "allowed_tools");
            writer.key("allowed_tools");
            writer.open('{');
            writer.key("mode");
            word(writer, if *must { "required" } else { "auto" });
            writer.key("tools");
            writer.open('[');
            among.iter().for_each(|name| function(writer, name, names));
            writer.close(']');
            writer.close('}');
            writer.close('}');
        }
    }
}

/// A tool by its name.
fn function(writer: &mut Writer, name: &Text, names: &Names) {
    writer.open('{');
    writer.key("type");
    word(writer, "function");
    writer.key("function");
    writer.open('{');
    writer.key("name");
    writer.text(&names.upstreams_name(name));
    writer.close('}');
    writer.close('}');
}
