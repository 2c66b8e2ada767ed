//! What Anthropic's Messages API refuses of a request's fields; `turns` has what it refuses of its messages.

mod of_2026;
mod turns;

use serde_json::Value;

use super::{Rule, hold, is_name, items, present, string, unknown};

pub(super) use of_2026::RULES as OF_2026;
pub(super) const RULES: &[&[Rule]] = &[
    &[no_field_is_unknown, model_is_there, max_tokens_is_positive, temperature_is_at_most_1, stops_are_text],
    &[
        tools_have_name_and_schema,
        tool_choice_has_tools,
        thinking_has_room,
        thinking_is_alone,
        system_has_text,
    ],
    &[four_cache_breakpoints],
    turns::RULES,
];

/// The parameters of `POST /v1/messages`. Source: Anthropic's reference, as its Python SDK 2.12 has it
/// (`message_create_params.py`), with those that API version 2026-10-21 removed; others are answered "Extra inputs are not permitted".
const FIELDS: &[&str] = &[
    "cache_control",
    "container",
    "context_management",
    "diagnostics",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
    "user_profile_id",
    "workspace_id",
];

fn no_field_is_unknown(body: &Value) -> Result<(), String> {
    match unknown(body, FIELDS) {
        Some(name) => Err(format!("{name}: Extra inputs are not permitted")),
        None => Ok(()),
    }
}

/// Source: Anthropic's reference ("model", required).
fn model_is_there(body: &Value) -> Result<(), String> {
    hold(!string(body, "model").is_empty(), || "model: Field required".into())
}

/// Source: Anthropic's reference ("max_tokens", required; 0 warms a cache, and is for no one who wants an answer).
fn max_tokens_is_positive(body: &Value) -> Result<(), String> {
    let Some(most) = body.get("max_tokens") else { return Err("max_tokens: Field required".into()) };
    hold(most.as_u64().is_some_and(|most| most > 0), || {
        "max_tokens: Input should be greater than or equal to 1".into()
    })
}

/// Source: Anthropic's reference ("Ranges from 0.0 to 1.0"); the text as quoted by many of its callers.
fn temperature_is_at_most_1(body: &Value) -> Result<(), String> {
    let Some(temperature) = body.get("temperature") else { return Ok(()) };
    let Some(temperature) = temperature.as_f64() else {
        return Err("temperature: Input should be a valid number".into());
    };
    hold((0.0..=1.0).contains(&temperature), || "temperature: range: 0..1".into())
}

/// Source: Anthropic's reference ("stop_sequences", a list of strings); that blank ones are refused, its users.
fn stops_are_text(body: &Value) -> Result<(), String> {
    let Some(stops) = body.get("stop_sequences") else { return Ok(()) };
    hold(stops.is_array(), || "stop_sequences: Input should be a valid array".into())?;
    let blank = |stop: &Value| stop.as_str().is_none_or(|stop| stop.trim().is_empty());
    hold(!items(body, "stop_sequences").any(blank), || {
        "stop_sequences: each stop sequence must contain non-whitespace".into()
    })
}

/// Source: Anthropic's reference ("tools": name, at most 128 characters; input_schema, whose type is object). A
/// tool of Anthropic's own has a `type` with a date, such as `bash_20250124`, and no schema.
fn tools_have_name_and_schema(body: &Value) -> Result<(), String> {
    let is_date = |end: &str| end.len() == 8 && end.bytes().all(|byte| byte.is_ascii_digit());
    let dated = |tool: &Value| string(tool, "type").rsplit_once('_').is_some_and(|(_, end)| is_date(end));
    for (index, tool) in items(body, "tools").enumerate().filter(|(_, tool)| !dated(tool)) {
        hold(matches!(present(tool, "type").map(|kind| kind == "custom"), None | Some(true)), || {
            format!(
                "tools.{index}: Input tag '{}' found using 'type' does not match any of the expected tags",
                string(tool, "type")
            )
        })?;
        hold(is_name(string(tool, "name"), 128), || {
            format!("tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        })?;
        let Some(schema) = tool.get("input_schema") else {
            return Err(format!("tools.{index}.custom.input_schema: Field required"));
        };
        hold(string(schema, "type") == "object", || {
            format!("tools.{index}.custom.input_schema.type: Input should be 'object'")
        })?;
    }
    Ok(())
}

/// Source: "tool_choice may only be specified while providing tools", as its users report; its reference for the types.
fn tool_choice_has_tools(body: &Value) -> Result<(), String> {
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    hold(items(body, "tools").next().is_some(), || {
        "tool_choice: may only be specified while providing tools".into()
    })?;
    hold(matches!(string(choice, "type"), "auto" | "any" | "none" | "tool"), || {
        "tool_choice: Input tag found does not match any of the expected tags: 'auto', 'any', 'none', 'tool'"
            .into()
    })?;
    let named = |tool: &Value| string(tool, "name") == string(choice, "name");
    hold(string(choice, "type") != "tool" || items(body, "tools").any(named), || {
        format!("Tool '{}' not found in provided tools", string(choice, "name"))
    })
}

/// Source: Anthropic's page on extended thinking ("budget_tokens": at least 1024, less than max_tokens); texts from
/// themaximalist/llm.js#30 and liuw1535/antigravity2api-nodejs#149.
fn thinking_has_room(body: &Value) -> Result<(), String> {
    let Some(thinking) = present(body, "thinking") else { return Ok(()) };
    match string(thinking, "type") {
        "adaptive" | "disabled" => Ok(()),
        "enabled" => {
            let budget = thinking.get("budget_tokens").and_then(Value::as_u64).unwrap_or_default();
            let least = "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024";
            hold(budget >= 1024, || least.into())?;
            hold(body.get("max_tokens").and_then(Value::as_u64) > Some(budget), || {
                "`max_tokens` must be greater than `thinking.budget_tokens`.".into()
            })
        }
        other => {
            let expected = "'adaptive', 'disabled', 'enabled'";
            Err(format!(
                "thinking: Input tag '{other}' found does not match any of the expected tags: {expected}"
            ))
        }
    }
}

/// Source: Anthropic's page on extended thinking ("isn't compatible with temperature or top_k modifications as well
/// as forced tool use").
fn thinking_is_alone(body: &Value) -> Result<(), String> {
    let thinking = present(body, "thinking").map_or("", |thinking| string(thinking, "type"));
    if !matches!(thinking, "enabled" | "adaptive") {
        return Ok(());
    }
    let temperature = body.get("temperature").and_then(Value::as_f64).unwrap_or(1.0);
    hold((temperature - 1.0).abs() < f64::EPSILON, || {
        "`temperature` may only be set to 1 when thinking is enabled.".into()
    })?;
    let choice = body.get("tool_choice").map_or("", |choice| string(choice, "type"));
    hold(!matches!(choice, "any" | "tool"), || {
        "Thinking may not be enabled when tool_choice forces tool use.".into()
    })
}

/// Source: Anthropic's reference ("system": a string or text blocks); blocks must not be empty, as in messages.
fn system_has_text(body: &Value) -> Result<(), String> {
    match body.get("system") {
        None | Some(Value::String(_)) => Ok(()),
        Some(Value::Array(blocks)) => blocks.iter().enumerate().try_for_each(|(index, block)| {
            hold(string(block, "type") == "text", || format!("system.{index}.type: Input should be 'text'"))?;
            hold(!string(block, "text").is_empty(), || "system: text content blocks must be non-empty".into())
        }),
        Some(_) => Err("system: Input should be a valid string".into()),
    }
}

/// Source: Anthropic's page on prompt caching ("up to 4 cache breakpoints").
fn four_cache_breakpoints(body: &Value) -> Result<(), String> {
    let found =
        ["system", "tools", "messages"].iter().filter_map(|name| body.get(*name)).map(breakpoints).sum();
    let found: usize = found;
    hold(found <= 4, || format!("A maximum of 4 blocks with cache_control may be provided. Found {found}."))
}

fn breakpoints(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(breakpoints).sum(),
        Value::Object(fields) => {
            let here = usize::from(fields.get("cache_control").is_some_and(|control| !control.is_null()));
            here + fields.get("content").map_or(0, breakpoints)
        }
        _ => 0,
    }
}
