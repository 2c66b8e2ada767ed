//! What matters of a request, of either API.

use serde_json::{Value, json};

/// What was heard.
pub(super) struct Heard {
    pub(super) system: String,
    /// The last message's text.
    pub(super) user: String,
    /// What tools have said since the model last did.
    pub(super) results: Option<String>,
    /// The tools that may be called: their names and schemas.
    pub(super) tools: Vec<(String, Value)>,
    pub(super) bound: Option<usize>,
    pub(super) reasons: bool,
    /// Of the system prompt, of all texts and of all results.
    pub(super) words: u64,
}

impl Heard {
    pub(super) fn of(body: &Value, messages: bool) -> Self {
        let turns = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_system = |turn: &&Value| matches!(turn["role"].as_str(), Some("system" | "developer"));
        let system = match messages {
            true => text(&body["system"]),
            false => turns.iter().filter(is_system).map(|turn| text(&turn["content"])).collect(),
        };
        let latest = turns.iter().rev().take_while(|turn| turn["role"] != "assistant");
        let latest: Vec<String> = latest.flat_map(results).collect();
        let said = turns.iter().filter(|turn| !is_system(turn));
        let all = said.map(|turn| match turn["role"] == "tool" {
            true => words(&text(&turn["content"])),
            false => words(&text(&turn["content"])) + results(turn).map(|text| words(&text)).sum::<u64>(),
        });
        Self {
            user: turns.last().map(|turn| text(&turn["content"])).unwrap_or_default(),
            results: (!latest.is_empty()).then(|| latest.into_iter().rev().collect::<Vec<_>>().join(" ")),
            tools: tools(body),
            bound: ["max_completion_tokens", "max_tokens"].iter().find_map(|name| bound(&body[*name])),
            reasons: reasons(body),
            words: words(&system) + all.sum::<u64>(),
            system,
        }
    }

    /// Every tool, called with the user's text.
    pub(super) fn calls(&self) -> Vec<(String, String)> {
        let arguments = |schema: &Value| {
            let first = schema["properties"].as_object().and_then(|fields| fields.keys().next());
            first.map_or_else(|| json!({}), |name| json!({ name: self.user })).to_string()
        };
        self.tools.iter().map(|(name, schema)| (name.clone(), arguments(schema))).collect()
    }
}

pub(super) fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// A string, or the text parts of a list.
fn text(content: &Value) -> String {
    let parts = content.as_array().into_iter().flatten();
    match content.as_str() {
        Some(text) => text.into(),
        None => {
            parts.filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str()).collect()
        }
    }
}

/// A turn's results of tools, the last first.
fn results(turn: &Value) -> impl Iterator<Item = String> + use<> {
    let blocks = turn["content"].as_array().into_iter().flatten();
    let blocks = blocks.filter(|block| block["type"] == "tool_result").map(|block| text(&block["content"]));
    let all: Vec<String> = match turn["role"] == "tool" {
        true => vec![text(&turn["content"])],
        false => blocks.collect(),
    };
    all.into_iter().rev()
}

fn tools(body: &Value) -> Vec<(String, Value)> {
    let choice = &body["tool_choice"];
    if choice == "none" || choice["type"] == "none" {
        return Vec::new();
    }
    let tools = body["tools"].as_array().into_iter().flatten();
    let named = |tool: &Value| match tool.get("function") {
        Some(function) => (function["name"].clone(), function["parameters"].clone()),
        None => (tool["name"].clone(), tool["input_schema"].clone()),
    };
    tools.map(named).filter_map(|(name, schema)| Some((name.as_str()?.to_owned(), schema))).collect()
}

fn bound(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|bound| usize::try_from(bound).ok())
}

fn reasons(body: &Value) -> bool {
    let effort = body["reasoning_effort"].as_str().is_some_and(|effort| effort != "none");
    effort || matches!(body.pointer("/thinking/type").and_then(Value::as_str), Some("enabled" | "adaptive"))
}
