//! A strict reader of chat completions, for tests: by the rules of OpenAI's reference and of openai-python's helpers, which
//! fail where a chunk does not fit those before it.

use serde_json::{Map, Value, json};

/// The finish reasons that there are.
const REASONS: [&str; 4] = ["stop", "length", "tool_calls", "content_filter"];
/// What an answer, a choice and a usage always have.
const TOP: [&str; 5] = ["choices", "created", "id", "model", "object"];
const USAGE: [&str; 3] = ["prompt_tokens", "completion_tokens", "total_tokens"];

/// Adds a delta to what there is so far, as openai-python's `accumulate_delta` does.
fn accumulate(all: &mut Map<String, Value>, delta: &Map<String, Value>) {
    for (key, new) in delta {
        let Some(old) = all.get_mut(key).filter(|old| !old.is_null()) else {
            let first = |new: &Value| new.as_array().map_or(0, |items| usize::from(items[0]["index"] != 0));
            assert_eq!(first(new), 0, "what is first in a list has index 0: {new}");
            all.insert(key.clone(), new.clone());
            continue;
        };
        if key == "index" || key == "type" {
            *old = new.clone();
            continue;
        }
        match (old, new) {
            (Value::String(old), Value::String(new)) => old.push_str(new),
            (Value::Object(old), Value::Object(new)) => accumulate(old, new),
            (Value::Array(old), Value::Array(new)) => {
                for entry in new {
                    let index = entry["index"].as_u64().expect("an index") as usize;
                    assert!(index <= old.len(), "no index is left out: {entry}");
                    match old.get_mut(index) {
                        Some(old) => accumulate(old.as_object_mut().unwrap(), entry.as_object().unwrap()),
                        None => old.push(entry.clone()),
                    }
                }
            }
            (old, new) => panic!("{old} and {new} do not add up"),
        }
    }
}

/// What a reader of a stream ends up with.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    pub(super) message: Value,
    pub(super) finish: Value,
    pub(super) native: Value,
    pub(super) stop: Value,
    pub(super) usage: Value,
    pub(super) head: [Value; 4],
}

fn head(of: &Value) -> [Value; 4] {
    ["id", "created", "model", "service_tier"].map(|key| of[key].clone())
}

fn has(object: &Value, keys: &[&str]) {
    for key in keys {
        assert!(object.get(key).is_some(), "{key} in {object}");
    }
}

/// Reads a stream; `usage`: its caller asked for that.
pub(super) fn stream(stream: &str, usage: bool) -> Read {
    let mut frames: Vec<&str> = stream.strip_suffix("\n\n").expect("whole frames").split("\n\n").collect();
    assert_eq!(frames.pop(), Some("data: [DONE]"));
    let chunk = |frame: &&str| {
        assert!(!frame.contains('\n'), "one line each");
        serde_json::from_str::<Value>(frame.strip_prefix("data: ").unwrap()).unwrap()
    };
    let mut chunks: Vec<Value> = frames.iter().map(chunk).collect();
    for chunk in &chunks {
        has(chunk, &TOP);
        assert!(chunk.get("error").is_none());
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(head(chunk)[..3], head(&chunks[0])[..3]);
    }
    let head = head(&chunks[0]);
    let last = chunks.last().unwrap();
    let counted = if last["choices"] == json!([]) { last["usage"].clone() } else { Value::Null };
    if !counted.is_null() {
        assert!(usage);
        chunks.pop();
        has(&counted, &USAGE);
    }
    let mut read = Read {
        message: json!({}),
        finish: Value::Null,
        native: Value::Null,
        stop: Value::Null,
        usage: counted,
        head,
    };
    let mut message = Map::new();
    for (position, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk.get("usage"), usage.then_some(&Value::Null));
        let choices = chunk["choices"].as_array().unwrap();
        assert_eq!(choices.len(), 1);
        let (choice, delta) = (&choices[0], choices[0]["delta"].as_object().unwrap());
        has(choice, &["index", "finish_reason"]);
        assert_eq!(choice["index"], 0);
        assert_eq!(read.finish, Value::Null, "nothing of a choice follows its finish");
        if position == 0 {
            assert_eq!(choice["delta"], json!({"role": "assistant", "content": ""}));
        } else {
            assert!(!delta.contains_key("role"));
        }
        calls(delta, message.get("tool_calls").map_or(0, |calls| calls.as_array().unwrap().len()));
        accumulate(&mut message, delta);
        if let Some(reason) = choice["finish_reason"].as_str() {
            assert!(REASONS.contains(&reason), "{reason}");
            assert_eq!(delta.len(), 0);
            [read.finish, read.native, read.stop] =
                ["finish_reason", "native_finish_reason", "stop_reason"].map(|key| choice[key].clone());
        }
    }
    assert_ne!(read.finish, Value::Null, "a finish for the choice");
    for key in ["tool_calls", "thinking_blocks"] {
        let list = message.get_mut(key).and_then(Value::as_array_mut);
        list.into_iter().flatten().for_each(|entry| {
            entry.as_object_mut().unwrap().remove("index");
        });
    }
    read.message = Value::Object(message);
    check_message(&read.message);
    read
}

/// The calls of one delta, behind `known` of them.
fn calls(delta: &Map<String, Value>, known: usize) {
    for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let keys: Vec<&String> = call.as_object().unwrap().keys().collect();
        if call["index"] == known {
            assert_eq!((&call["type"], &call["function"]["arguments"]), (&json!("function"), &json!("")));
            assert!(call["id"].as_str().is_some_and(|id| !id.is_empty()), "{call}");
            assert!(call["function"]["name"].as_str().is_some_and(|name| !name.is_empty()), "{call}");
        } else {
            assert_eq!(keys, ["function", "index"], "{call}");
            let function = call["function"].as_object().unwrap();
            assert!(function.len() == 1 && function["arguments"].is_string(), "{call}");
        }
    }
}

/// What is true of a message however it came.
fn check_message(message: &Value) {
    assert_eq!(message["role"], "assistant");
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        has(call, &["id", "type", "function"]);
        has(&call["function"], &["name", "arguments"]);
        assert!(call["function"]["arguments"].is_string());
    }
    for block in message["thinking_blocks"].as_array().into_iter().flatten() {
        match block["type"].as_str().unwrap() {
            "thinking" => assert!(block["thinking"].is_string(), "{block}"),
            "redacted_thinking" => assert!(block["data"].is_string(), "{block}"),
            other => panic!("{other}"),
        }
    }
}

/// Reads an answer in one piece.
pub(super) fn whole(body: &[u8]) -> Read {
    let answer: Value = serde_json::from_slice(body).unwrap();
    has(&answer, &TOP);
    assert!(answer.get("error").is_none());
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["choices"].as_array().unwrap().len(), 1);
    let choice = &answer["choices"][0];
    has(choice, &["finish_reason", "index", "message", "logprobs"]);
    has(&choice["message"], &["role", "content", "refusal"]);
    assert!(REASONS.contains(&choice["finish_reason"].as_str().unwrap()));
    if let Some(usage) = answer.get("usage") {
        has(usage, &USAGE);
    }
    check_message(&choice["message"]);
    Read {
        message: choice["message"].clone(),
        finish: choice["finish_reason"].clone(),
        native: choice["native_finish_reason"].clone(),
        stop: choice["stop_reason"].clone(),
        usage: answer["usage"].clone(),
        head: head(&answer),
    }
}

impl Read {
    /// The same, whether what is not there is left out, null or empty.
    pub(super) fn plain(mut self) -> Self {
        let fields = self.message.as_object_mut().unwrap();
        fields.retain(|_, value| !value.is_null() && *value != "");
        self
    }
}
