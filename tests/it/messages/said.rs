//! An answer as clients of either API gather it, unary or streamed.

use super::Api;
use crate::harness::Reply;
use serde_json::{Value, json};

/// What an answer says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    pub text: String,
    pub thought: String,
    /// Names and arguments.
    pub calls: Vec<(String, Value)>,
    /// Why it ended; none where a stream has no end.
    pub stop: Option<String>,
    /// As the API counts.
    pub usage: Value,
}

impl Said {
    /// Of a reply that is whole: asserts its form.
    pub fn of(api: Api, reply: &Reply) -> Self {
        assert!(reply.status == 200 && !reply.broken, "{reply:?}");
        match (api, reply.text.starts_with('{')) {
            (Api::Chat, true) => chat(&reply.json()),
            (Api::Chat, false) => chunks(reply),
            (Api::Messages, true) => message(&reply.json()),
            (Api::Messages, false) => events(reply),
        }
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn chat(answer: &Value) -> Said {
    let (choice, message) = (&answer["choices"][0], &answer["choices"][0]["message"]);
    assert_eq!(answer["object"], "chat.completion", "{answer}");
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let call =
        |call: &Value| (string(&call["function"]["name"]), parsed(&string(&call["function"]["arguments"])));
    Said {
        text: string(&message["content"]),
        thought: string(&message["reasoning_content"]),
        calls: calls.map(call).collect(),
        stop: choice["finish_reason"].as_str().map(str::to_owned),
        usage: answer["usage"].clone(),
    }
}

fn chunks(reply: &Reply) -> Said {
    let events = reply.events();
    let (last, chunks) = events.split_last().unwrap();
    assert_eq!(last, "[DONE]", "{reply:?}");
    let (mut said, mut calls) = (Said::default(), Vec::<(String, String)>::new());
    for chunk in chunks.iter().map(|chunk| parsed(chunk)) {
        assert_eq!(chunk["object"], "chat.completion.chunk", "{chunk}");
        let (choice, delta) = (&chunk["choices"][0], &chunk["choices"][0]["delta"]);
        said.text += &string(&delta["content"]);
        said.thought += &string(&delta["reasoning_content"]);
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            if at == calls.len() {
                assert!(call["id"].is_string(), "{chunk}");
                calls.push((string(&call["function"]["name"]), String::new()));
            }
            calls[at].1 += &string(&call["function"]["arguments"]);
        }
        said.stop = choice["finish_reason"].as_str().map(str::to_owned).or(said.stop);
        if chunk["usage"].is_object() {
            said.usage = chunk["usage"].clone();
        }
    }
    said.calls = calls.into_iter().map(|(name, arguments)| (name, parsed(&arguments))).collect();
    said
}

fn message(answer: &Value) -> Said {
    let mut said = Said { stop: answer["stop_reason"].as_str().map(str::to_owned), ..Said::default() };
    assert_eq!((&answer["type"], &answer["role"]), (&json!("message"), &json!("assistant")), "{answer}");
    for block in answer["content"].as_array().unwrap() {
        match block["type"].as_str().unwrap() {
            "text" => said.text += &string(&block["text"]),
            "thinking" => said.thought += &string(&block["thinking"]),
            "tool_use" => said.calls.push((string(&block["name"]), block["input"].clone())),
            other => panic!("{other} in {answer}"),
        }
    }
    said.usage = answer["usage"].clone();
    said
}

/// The frames of a stream: names and data.
pub fn frames(reply: &Reply) -> Vec<(String, Value)> {
    let frames = reply.text.split_terminator("\n\n").filter(|frame| !frame.starts_with(':'));
    let frame = |frame: &str| {
        let (name, data) = frame.split_once("\ndata: ").unwrap_or_else(|| panic!("{frame:?} in {reply:?}"));
        let name = name.strip_prefix("event: ").unwrap();
        let data = parsed(data);
        assert_eq!(data["type"], name, "{reply:?}");
        (name.to_owned(), data)
    };
    frames.map(frame).collect()
}

fn events(reply: &Reply) -> Said {
    let (mut said, mut inputs, mut usage, mut open) = (Said::default(), Vec::new(), json!({}), None);
    let frames = frames(reply);
    assert_eq!(frames.first().unwrap().0, "message_start", "{reply:?}");
    assert_eq!(frames.last().unwrap().0, "message_stop", "{reply:?}");
    for (name, data) in frames {
        match name.as_str() {
            "message_start" => usage = data["message"]["usage"].clone(),
            "content_block_start" => {
                assert_eq!(open, None, "{reply:?}");
                open = data["index"].as_u64();
                let block = &data["content_block"];
                if block["type"] == "tool_use" {
                    assert!(block["id"].is_string(), "{data}");
                    said.calls.push((string(&block["name"]), Value::Null));
                    inputs.push(String::new());
                }
            }
            "content_block_delta" => {
                assert_eq!(open, data["index"].as_u64(), "{reply:?}");
                let delta = &data["delta"];
                said.text += &string(&delta["text"]);
                said.thought += &string(&delta["thinking"]);
                if let (Some(json), Some(input)) = (delta["partial_json"].as_str(), inputs.last_mut()) {
                    *input += json;
                }
            }
            "content_block_stop" => assert_eq!(open.take(), data["index"].as_u64(), "{reply:?}"),
            "message_delta" => {
                said.stop = data["delta"]["stop_reason"].as_str().map(str::to_owned);
                if let (Some(usage), Some(more)) = (usage.as_object_mut(), data["usage"].as_object()) {
                    usage.extend(more.clone());
                }
            }
            _ => {}
        }
    }
    for (call, input) in said.calls.iter_mut().zip(inputs) {
        call.1 = if input.is_empty() { json!({}) } else { parsed(&input) };
    }
    Said { usage, ..said }
}
