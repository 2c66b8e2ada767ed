//! Read, then written: the same conversation.

use super::made::{read_value, to_openai, to_other};
use crate::json::text::Text;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Every recorded request of chat completions that was not refused as a bad one.
fn recorded() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wire");
    let mut found = Vec::new();
    for vendor in
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for path in fs::read_dir(&vendor).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let body = &case["request"]["body"];
            if case["api"] == "chat" && body["messages"].is_array() && case["response"]["status"] != 400 {
                found.push((path.display().to_string(), body.clone()));
            }
        }
    }
    found
}

/// Without members that are null, which say the same as none.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// A message in one form: text as parts, no empty text, nothing that this API has no field for.
fn plain(message: &Value) -> Value {
    let mut message = without_nulls(message);
    let fields = message.as_object_mut().unwrap();
    for key in ["reasoning_content", "reasoning", "reasoning_details", "annotations"] {
        fields.remove(key);
    }
    let content = fields.remove("content").unwrap_or(json!(""));
    let parts = match content {
        Value::String(text) if text.is_empty() => json!([]),
        Value::String(text) => json!([{"type": "text", "text": text}]),
        parts => parts,
    };
    fields.insert("content".to_owned(), parts);
    message
}

#[test]
fn recorded_requests_are_written_as_they_were_read() {
    let recorded = recorded();
    assert!(recorded.len() > 20, "{}", recorded.len());
    let mut messages = 0;
    for (name, body) in recorded {
        let mut chat = read_value(&body).unwrap_or_else(|bad| panic!("{name}: {bad}"));
        chat.others.retain(|other| other.name != "n"); // which is refused if it is 2
        let written = to_openai(&chat);
        let asked = body["messages"].as_array().unwrap();
        let said = written["messages"].as_array().unwrap();
        assert_eq!(asked.len(), said.len(), "{name}");
        for (asked, said) in asked.iter().zip(said) {
            assert_eq!(plain(said), plain(asked), "{name}");
            messages += 1;
        }
        let wanted = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        let sent = written["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(wanted.len(), sent.len(), "{name}");
        for (wanted, sent) in wanted.iter().zip(sent) {
            let mut wanted = without_nulls(&wanted["function"]);
            if wanted["parameters"].get("properties").is_none() {
                wanted["parameters"] = json!({"type": "object", "properties": {}});
            }
            // A description that is empty is none.
            if wanted["description"] == "" {
                wanted.as_object_mut().unwrap().remove("description");
            }
            assert_eq!(without_nulls(&sent["function"]), wanted, "{name}");
        }
        for key in ["temperature", "top_p", "tool_choice", "response_format", "stream"] {
            let wanted = body.get(key).filter(|value| !value.is_null() && **value != json!(false));
            let has_tools = key != "tool_choice" || !sent.is_empty();
            // Mistral's word is no word of OpenAI's.
            let wanted = wanted.map(|value| if *value == "any" { json!("required") } else { value.clone() });
            assert_eq!(written.get(key).cloned(), wanted.filter(|_| has_tools), "{name} {key}");
        }
    }
    assert!(messages > 30, "{messages}");
}

fn texts() -> impl Strategy<Value = String> {
    "[a-z \"\\\\\n/é😀]{0,12}[a-z]"
}

fn user_content() -> impl Strategy<Value = Value> {
    let part = prop_oneof![
        texts().prop_map(|text| json!({"type": "text", "text": text})),
        "[A-Za-z0-9+/]{4,12}".prop_map(|data| {
            json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}})
        }),
        "[a-z/.]{1,9}".prop_map(|path| {
            json!({"type": "image_url", "image_url": {"url": format!("https://x.test/{path}"), "detail": "low"}})
        }),
        "[A-Za-z0-9+/]{4,12}"
            .prop_map(|data| json!({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}})),
        "[A-Za-z0-9+/]{4,12}".prop_map(|data| {
            let data = format!("data:application/pdf;base64,{data}");
            json!({"type": "file", "file": {"filename": "a.pdf", "file_data": data}})
        }),
    ];
    prop_oneof![texts().prop_map(Value::from), prop::collection::vec(part, 1..5).prop_map(Value::from)]
}

/// One or more messages that stand together.
fn exchanges() -> impl Strategy<Value = Vec<Value>> {
    let spoken =
        |role: &'static str| texts().prop_map(move |text| vec![json!({"role": role, "content": text})]);
    let calls = (prop::collection::vec((texts(), texts(), any::<bool>()), 1..4), texts(), any::<bool>())
        .prop_map(|(calls, text, speaks)| {
            let call = |(position, (argument, _, _)): (usize, &(String, String, bool))| {
                let arguments = format!("{{ \"z\": {}, \"a\":1}}", json!(argument));
                let function = json!({"name": format!("f{position}"), "arguments": arguments});
                json!({"id": format!("t{}", position / 2), "type": "function", "function": function})
            };
            let calls_made: Vec<Value> = calls.iter().enumerate().map(call).collect();
            let content = if speaks { json!(text) } else { Value::Null };
            let mut lines = vec![json!({"role": "assistant", "content": content, "tool_calls": calls_made})];
            lines.extend(calls.iter().enumerate().map(|(position, (_, result, _))| {
                json!({"role": "tool", "tool_call_id": format!("t{}", position / 2), "content": result})
            }));
            lines
        });
    prop_oneof![
        2 => user_content().prop_map(|content| vec![json!({"role": "user", "content": content})]),
        1 => spoken("system"),
        1 => spoken("developer"),
        1 => spoken("assistant"),
        2 => calls,
    ]
}

/// Every string that stands somewhere in `value`, in order.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn what_is_read_and_written_is_the_same_conversation(
        exchanges in prop::collection::vec(exchanges(), 1..6),
        pretty: bool,
    ) {
        let messages: Vec<Value> = exchanges.concat();
        let body = json!({"model": "m", "messages": messages});
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) };
        let chat = super::super::read(&text.unwrap().into()).unwrap();
        let written = to_openai(&chat);
        let said: Vec<Value> = written["messages"].as_array().unwrap().iter().map(plain).collect();
        let asked: Vec<Value> = messages.iter().map(plain).collect();
        prop_assert_eq!(said, asked);

        // Elsewhere messages are joined, but every word is there, once and in order.
        let mut all = Vec::new();
        let other = to_other(&chat);
        other["messages"].as_array().unwrap().iter().for_each(|line| strings(&line["content"], &mut all));
        let all = all.concat();
        let mut rest = all.as_str();
        for message in &messages {
            let mut words = Vec::new();
            strings(&plain(message)["content"], &mut words);
            for word in words.iter().filter(|word| !matches!(word.as_str(), "text")) {
                let at = rest.find(word.as_str());
                prop_assert!(at.is_some(), "{} in {}", word, rest);
                rest = &rest[at.unwrap() + word.len()..];
            }
        }
    }

    #[test]
    fn any_body_is_read_or_refused(body in any_body()) {
        let text = body.to_string();
        if let Ok(chat) = super::super::read(&text.into()) {
            to_openai_or_refused(&chat);
        }
    }
}

/// What is written is JSON, whatever was read.
fn to_openai_or_refused(chat: &crate::hub::Chat) {
    if let Ok((body, _)) = super::made::written(chat, weir_config::Vendor::OpenAI, "m") {
        serde_json::from_slice::<Value>(&body).unwrap();
    }
}

/// Objects with the keys that are read, and anything in them.
fn any_body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        prop::sample::select(vec![
            "user",
            "assistant",
            "tool",
            "text",
            "function",
            "image_url",
            "t",
            "",
            "auto",
            "data:image/png;base64,QQ==",
        ])
        .prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "messages",
        "role",
        "content",
        "type",
        "text",
        "tool_calls",
        "id",
        "tool_call_id",
        "function",
        "name",
        "arguments",
        "image_url",
        "url",
        "tools",
        "parameters",
        "tool_choice",
        "thinking_blocks",
        "thinking",
        "stop",
    ]);
    leaf.prop_recursive(6, 60, 4, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| {
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }),
        ]
    })
    .prop_filter("an object", Value::is_object)
}

#[test]
fn a_long_text_is_shared_and_not_copied() {
    let long = "x".repeat(64 << 10);
    let body = bytes::Bytes::from(json!({"messages": [{"role": "user", "content": long}]}).to_string());
    let chat = super::super::read(&body).unwrap();
    let crate::hub::Part::Text { text, .. } = &chat.turns[0].parts[0] else { panic!() };
    let text: &Text = text;
    let range = body.as_ptr_range();
    assert!(range.contains(&text.json().as_ptr()));
}
