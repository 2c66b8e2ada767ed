//! What Anthropic's Messages API refuses of `messages`: roles, empty content, calls and results that do not meet.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{Rule, hold, is_name, items, string, unknown};

pub(super) const RULES: &[Rule] = &[
    roles_are_known,
    the_first_turn_is_the_users,
    system_stands_where_it_may,
    content_is_there,
    text_is_not_blank,
    blocks_are_known,
    ids_are_names_and_unique,
    results_have_calls,
    calls_have_results,
    the_end_is_trimmed,
];

/// The blocks of a request by who may say them. Source: Anthropic's reference, as its Python SDK 2.12 has it
/// (`content_block_param.py`).
const USERS: &[&str] = &["text", "image", "document", "search_result", "tool_result", "container_upload"];
const ASSISTANTS: &[&str] = &["text", "document", "thinking", "redacted_thinking", "tool_use", "compaction"];

/// A message's blocks; a string is none.
fn blocks(message: &Value) -> impl Iterator<Item = &Value> {
    items(message, "content")
}

fn of_type<'a>(message: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    blocks(message).filter(move |block| string(block, "type") == kind)
}

fn each(body: &Value, rule: impl Fn(usize, &Value) -> Result<(), String>) -> Result<(), String> {
    items(body, "messages").enumerate().try_for_each(|(index, message)| rule(index, message))
}

/// Source: Anthropic's reference ("messages": role and content). Newer models know `system` besides.
fn roles_are_known(body: &Value) -> Result<(), String> {
    hold(items(body, "messages").next().is_some(), || "messages: at least one message is required".into())?;
    each(body, |index, message| {
        let role = string(message, "role");
        hold(matches!(role, "user" | "assistant" | "system"), || {
            format!("messages.{index}.role: Input should be 'user', 'assistant' or 'system'")
        })?;
        match unknown(message, &["role", "content"]) {
            Some(name) => Err(format!("messages.{index}.{name}: Extra inputs are not permitted")),
            None => Ok(()),
        }
    })
}

/// Source: Anthropic's reference; the text as quoted by many of its callers. That roles alternate is no rule any
/// more: "consecutive user or assistant turns in your request will be combined into a single turn".
fn the_first_turn_is_the_users(body: &Value) -> Result<(), String> {
    let first = items(body, "messages").next().map_or("", |message| string(message, "role"));
    hold(first != "assistant", || r#"messages: first message must use the "user" role"#.into())
}

/// Source: Anthropic's page on system messages in the middle of a conversation: after a user turn, and last or
/// before an assistant's. A first one is answered as older models answer every one.
fn system_stands_where_it_may(body: &Value) -> Result<(), String> {
    let roles: Vec<&str> = items(body, "messages").map(|message| string(message, "role")).collect();
    let role = |index: Option<usize>| index.and_then(|index| roles.get(index)).copied();
    for index in (0..roles.len()).filter(|index| role(Some(*index)) == Some("system")) {
        hold(index > 0, || {
            r#"messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input message role."#.into()
        })?;
        hold(role(index.checked_sub(1)) == Some("user"), || {
            format!("messages.{index}: role 'system' must follow a user message")
        })?;
        hold(matches!(role(Some(index + 1)), None | Some("assistant")), || {
            format!(
                "messages.{index}: role 'system' must be the last message or be followed by an assistant message"
            )
        })?;
    }
    Ok(())
}

/// Source: the text, in anthropics/claude-code#6795.
fn content_is_there(body: &Value) -> Result<(), String> {
    let last = items(body, "messages").count().saturating_sub(1);
    each(body, |index, message| {
        let there = match message.get("content") {
            None | Some(Value::Null) => return Err(format!("messages.{index}.content: Field required")),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(blocks)) => !blocks.is_empty(),
            Some(_) => return Err(format!("messages.{index}.content: Input should be a valid list")),
        };
        hold(there || (index == last && string(message, "role") == "assistant"), || {
            format!(
                "messages.{index}: all messages must have non-empty content except for the optional final assistant message"
            )
        })
    })
}

/// Source: both texts, in anthropics/claude-code#59812 and #23440.
fn text_is_not_blank(body: &Value) -> Result<(), String> {
    each(body, |_, message| {
        of_type(message, "text").map(|block| string(block, "text")).try_for_each(|text| {
            hold(!text.is_empty(), || "messages: text content blocks must be non-empty".into())?;
            hold(!text.trim().is_empty(), || {
                "messages: text content blocks must contain non-whitespace text".into()
            })
        })
    })
}

/// Source: Anthropic's reference; results of its own tools (`…_tool_result`, `server_tool_use`) are the assistant's.
/// An `input` is an object, an image's type one of four.
fn blocks_are_known(body: &Value) -> Result<(), String> {
    each(body, |index, message| {
        let user = string(message, "role") != "assistant";
        blocks(message).enumerate().try_for_each(|(at, block)| {
            let kind = string(block, "type");
            let of_a_server = kind.starts_with("server_") || kind.ends_with("_tool_result") || kind.starts_with("mcp_");
            let known = if user { USERS.contains(&kind) } else { ASSISTANTS.contains(&kind) || of_a_server };
            hold(known, || {
                format!("messages.{index}.content.{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags")
            })?;
            hold(kind != "tool_use" || block.get("input").is_some_and(Value::is_object), || {
                format!("messages.{index}.content.{at}.tool_use.input: Input should be a valid dictionary")
            })?;
            let source = block.get("source").filter(|source| kind == "image" && string(source, "type") == "base64");
            let image = source.map(|source| string(source, "media_type"));
            hold(
                matches!(image, None | Some("image/jpeg" | "image/png" | "image/gif" | "image/webp")),
                || format!("messages.{index}.content.{at}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"),
            )
        })
    })
}

/// Source: the pattern and "ids must be unique", as Anthropic's users report them.
fn ids_are_names_and_unique(body: &Value) -> Result<(), String> {
    let mut all = BTreeSet::new();
    for (index, message) in items(body, "messages").enumerate() {
        for call in of_type(message, "tool_use") {
            let id = string(call, "id");
            hold(is_name(id, usize::MAX), || {
                format!(
                    "messages.{index}.content.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
                )
            })?;
            hold(all.insert(id), || format!("messages.{index}: `tool_use` ids must be unique"))?;
        }
    }
    Ok(())
}

/// Source: the text, in anthropics/claude-code#13460.
fn results_have_calls(body: &Value) -> Result<(), String> {
    let mut before: BTreeSet<&str> = BTreeSet::new();
    for (index, message) in items(body, "messages").enumerate() {
        for result in of_type(message, "tool_result") {
            let id = string(result, "tool_use_id");
            hold(before.contains(id), || {
                format!(
                    "messages.{index}.content: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
            })?;
        }
        before = of_type(message, "tool_use").map(|call| string(call, "id")).collect();
    }
    Ok(())
}

/// Source: the text, in anthropics/claude-code#7929; that results come before text, Anthropic's page on handling tool
/// calls ("tool_result blocks must come first in the content array").
fn calls_have_results(body: &Value) -> Result<(), String> {
    let messages: Vec<&Value> = items(body, "messages").collect();
    for (index, message) in messages.iter().enumerate() {
        let next = messages.get(index + 1).copied().unwrap_or(&Value::Null);
        let leading = blocks(next).take_while(|block| string(block, "type") == "tool_result");
        let answered: BTreeSet<&str> = leading.map(|result| string(result, "tool_use_id")).collect();
        let calls = of_type(message, "tool_use").map(|call| string(call, "id"));
        let open: Vec<&str> = calls.filter(|id| !answered.contains(id)).collect();
        hold(open.is_empty(), || {
            format!(
                "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
                open.join(", ")
            )
        })?;
    }
    Ok(())
}

/// Source: the text, as Anthropic's users report it of answers that they begin.
fn the_end_is_trimmed(body: &Value) -> Result<(), String> {
    let Some(last) = items(body, "messages").last() else { return Ok(()) };
    let text = match blocks(last).last() {
        Some(block) => string(block, "text"),
        None => string(last, "content"),
    };
    hold(string(last, "role") != "assistant" || text.trim_end() == text, || {
        "messages: final assistant content cannot end with trailing whitespace".into()
    })
}
