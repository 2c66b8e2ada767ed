//! What OpenAI's chat completions refuse.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Rule, hold, is_name, items, present, string, unknown};

pub(super) const RULES: &[&[Rule]] = &[
    &[
        no_field_is_unknown,
        model_and_messages_are_there,
        bounds_are_kept,
        tools_are_named,
        options_have_their_field,
    ],
    &[roles_are_known, content_is_there, arguments_are_text, results_have_calls, calls_have_results],
];

/// The parameters of `POST /v1/chat/completions`. Source: OpenAI's reference, as its Python SDK 3.54 has it
/// (`completion_create_params.py`); others are answered "Unrecognized request argument supplied".
const FIELDS: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

const ROLES: &[&str] = &["system", "developer", "user", "assistant", "tool", "function"];
const PARTS: &[&str] = &["text", "image_url", "input_audio", "file", "refusal"];

fn no_field_is_unknown(body: &Value) -> Result<(), String> {
    match unknown(body, FIELDS) {
        Some(name) => Err(format!("Unrecognized request argument supplied: {name}")),
        None => Ok(()),
    }
}

/// Source: OpenAI's reference (both required).
fn model_and_messages_are_there(body: &Value) -> Result<(), String> {
    hold(!string(body, "model").is_empty(), || "you must provide a model parameter".into())?;
    hold(items(body, "messages").next().is_some(), || {
        "Invalid 'messages': empty array. Expected an array with minimum length 1.".into()
    })
}

/// Source: OpenAI's reference ("temperature": between 0 and 2; "stop": up to 4; "user": 64 characters).
fn bounds_are_kept(body: &Value) -> Result<(), String> {
    let temperature = present(body, "temperature").and_then(Value::as_f64).unwrap_or(1.0);
    hold((0.0..=2.0).contains(&temperature), || {
        format!(
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got {temperature} instead."
        )
    })?;
    hold(items(body, "stop").count() <= 4, || {
        "Invalid 'stop': array too long. Expected an array with maximum length 4.".into()
    })?;
    hold(string(body, "user").len() <= 64, || {
        "Invalid 'user': string too long. Expected a string with maximum length 64.".into()
    })
}

/// Source: OpenAI's reference ("function.name": a-z, A-Z, 0-9, underscores and dashes, at most 64).
fn tools_are_named(body: &Value) -> Result<(), String> {
    items(body, "tools").enumerate().try_for_each(|(index, tool)| {
        let kind = string(tool, "type");
        hold(matches!(kind, "function" | "custom"), || {
            format!("Invalid value: '{kind}'. Supported values are: 'function' and 'custom'.")
        })?;
        let name = tool.get(kind).map_or("", |tool| string(tool, "name"));
        hold(is_name(name, 64), || {
            format!("Invalid 'tools[{index}].{kind}.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.")
        })
    })
}

/// Source: the texts, as OpenAI's users report them.
fn options_have_their_field(body: &Value) -> Result<(), String> {
    let tools = present(body, "tools");
    hold(tools.is_none() || items(body, "tools").next().is_some(), || {
        "Invalid 'tools': empty array. Expected an array with minimum length 1.".into()
    })?;
    for option in ["tool_choice", "parallel_tool_calls"] {
        hold(tools.is_some() || present(body, option).is_none(), || {
            format!("Invalid value for '{option}': '{option}' is only allowed when 'tools' are specified.")
        })?;
    }
    let streams = body.get("stream") == Some(&Value::Bool(true));
    hold(streams || present(body, "stream_options").is_none(), || {
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.".into()
    })
}

fn each(body: &Value, rule: impl Fn(usize, &Value) -> Result<(), String>) -> Result<(), String> {
    items(body, "messages").enumerate().try_for_each(|(index, message)| rule(index, message))
}

/// Source: OpenAI's reference ("messages").
fn roles_are_known(body: &Value) -> Result<(), String> {
    each(body, |_, message| {
        let role = string(message, "role");
        hold(ROLES.contains(&role), || {
            format!(
                "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
            )
        })
    })
}

/// Source: OpenAI's reference (content is required, but of an assistant that calls tools; parts have a type).
fn content_is_there(body: &Value) -> Result<(), String> {
    each(body, |index, message| {
        let calls = items(message, "tool_calls").next().is_some() || present(message, "refusal").is_some();
        match present(message, "content") {
            None => hold(calls && string(message, "role") == "assistant", || {
                format!("Invalid value for 'messages[{index}].content': expected a string, got null.")
            }),
            Some(Value::String(_)) => Ok(()),
            Some(Value::Array(parts)) => parts.iter().map(|part| string(part, "type")).try_for_each(|kind| {
                hold(PARTS.contains(&kind), || {
                    format!("Invalid value: '{kind}'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', and 'file'.")
                })
            }),
            Some(_) => Err(format!("Invalid type for 'messages[{index}].content': expected one of a string or array of objects.")),
        }
    })
}

/// Source: OpenAI's reference ("arguments": a string); the text, as its users report it.
fn arguments_are_text(body: &Value) -> Result<(), String> {
    each(body, |index, message| {
        items(message, "tool_calls").enumerate().try_for_each(|(at, call)| {
            let arguments = call.get("function").and_then(|function| function.get("arguments"));
            hold(string(call, "type") == "custom" || arguments.is_some_and(Value::is_string), || {
                format!("Invalid type for 'messages[{index}].tool_calls[{at}].function.arguments': expected a string, but got an object instead.")
            })
        })
    })
}

/// Source: the text, in miurla/morphic#136.
fn results_have_calls(body: &Value) -> Result<(), String> {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for message in items(body, "messages") {
        if string(message, "role") != "tool" {
            open = items(message, "tool_calls").map(|call| string(call, "id")).collect();
        } else if !open.contains(string(message, "tool_call_id")) {
            return Err("Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.".into());
        }
    }
    Ok(())
}

/// Source: the text, in sdcb/chats#132.
fn calls_have_results(body: &Value) -> Result<(), String> {
    let messages: Vec<&Value> = items(body, "messages").collect();
    for (index, message) in messages.iter().enumerate() {
        let next = messages.iter().skip(index + 1).take_while(|message| string(message, "role") == "tool");
        let answered: BTreeSet<&str> = next.map(|result| string(result, "tool_call_id")).collect();
        let calls = items(message, "tool_calls").map(|call| string(call, "id"));
        let left: Vec<&str> = calls.filter(|id| !answered.contains(id)).collect();
        hold(left.is_empty(), || {
            format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                left.join(", ")
            )
        })?;
    }
    Ok(())
}
