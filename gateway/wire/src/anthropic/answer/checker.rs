//! A stream of Messages, read as Anthropic's SDKs put it together, and more strictly: whatever one of them ends a turn
//! on, panics here. Source: `accumulate_event` of anthropic-sdk-python and `MessageStream` of anthropic-sdk-typescript.

use serde_json::{Value, json};
use std::collections::BTreeSet;

const STOP_REASONS: [&str; 5] = ["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"];

/// What has been read so far.
#[derive(Default)]
struct Reading {
    message: Option<Value>,
    /// The block that is open, and the JSON of its input so far.
    open: Option<String>,
    is_signed: bool,
    has_reason: bool,
    is_over: bool,
}

/// The message that a whole stream says.
pub(super) fn message(stream: &[u8]) -> Value {
    let text = std::str::from_utf8(stream).expect("UTF-8");
    let mut reading = Reading::default();
    assert!(text.ends_with("\n\n"), "the last frame ends: {text:?}");
    for frame in text.split_terminator("\n\n") {
        let (name, data) = frame.split_once('\n').expect("two lines");
        let name = name.strip_prefix("event: ").expect("an event");
        let data = data.strip_prefix("data: ").filter(|data| !data.contains('\n')).expect("one line of data");
        let event: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
        assert_eq!(event["type"], name, "the event is named as its type");
        reading.event(name, &event);
    }
    assert!(reading.is_over, "it ends with message_stop");
    reading.message.unwrap()
}

/// Arguments as SDKs make an input of them; what they can't read stands as in a unary answer.
fn input(arguments: &str) -> Value {
    if arguments.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str::<Value>(arguments) {
        Ok(input) if input.is_object() => input,
        _ => json!({"INVALID_JSON": arguments}),
    }
}

impl Reading {
    fn event(&mut self, name: &str, event: &Value) {
        assert!(!self.is_over, "nothing follows message_stop: {event}");
        assert_eq!(
            name == "message_start",
            self.message.is_none(),
            "message_start is first, and once: {event}"
        );
        match name {
            "message_start" => self.start(&event["message"]),
            "content_block_start" => self.block_start(event),
            "content_block_delta" => self.delta(event),
            "content_block_stop" => self.block_stop(event),
            "message_delta" => self.message_delta(event),
            "message_stop" => {
                assert!(self.has_reason && self.open.is_none(), "message_stop comes last");
                self.is_over = true;
            }
            "ping" => {}
            _ => panic!("no event of Messages: {event}"),
        }
    }

    fn start(&mut self, message: &Value) {
        for (key, value) in [
            ("type", json!("message")),
            ("role", json!("assistant")),
            ("content", json!([])),
            ("stop_reason", Value::Null),
            ("stop_sequence", Value::Null),
        ] {
            assert_eq!(message.get(key), Some(&value), "{key} of {message}");
        }
        assert!(message["id"].is_string() && message["model"].is_string(), "{message}");
        counts(&message["usage"]);
        self.message = Some(message.clone());
    }

    fn content(&mut self) -> &mut Vec<Value> {
        self.message.as_mut().unwrap()["content"].as_array_mut().unwrap()
    }

    fn block_start(&mut self, event: &Value) {
        assert!(self.open.is_none() && !self.has_reason, "one block is open at a time: {event}");
        assert_eq!(event["index"], self.content().len(), "indexes have no gap: {event}");
        let block = &event["content_block"];
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        match block["type"].as_str().unwrap() {
            "text" => assert_eq!(block, &json!({"type": "text", "text": ""})),
            "thinking" => assert_eq!(block, &json!({"type": "thinking", "thinking": "", "signature": ""})),
            "redacted_thinking" => assert!(block["data"].is_string() && keys(block).len() == 2, "{block}"),
            "tool_use" => {
                assert_eq!(keys(block), ["id", "input", "name", "type"].map(str::to_owned).into(), "{block}");
                assert_eq!(block["input"], json!({}), "{block}");
                assert!(block["name"].is_string() && block["id"].as_str().is_some_and(|id| !id.is_empty()));
                let is_known = self.content().iter().any(|known| known["id"] == block["id"]);
                assert!(!is_known, "no id is used twice: {block}");
            }
            _ => panic!("no block of an answer: {event}"),
        }
        self.content().push(block.clone());
        self.open = Some(String::new());
        self.is_signed = false;
    }

    fn delta(&mut self, event: &Value) {
        assert!(self.open.is_some(), "no block is open: {event}");
        assert_eq!(event["index"], self.content().len() - 1, "it is of the open block: {event}");
        let delta = &event["delta"];
        let (block, key) = match delta["type"].as_str().unwrap() {
            "text_delta" => ("text", "text"),
            "thinking_delta" => ("thinking", "thinking"),
            "signature_delta" => ("thinking", "signature"),
            "input_json_delta" => ("tool_use", "partial_json"),
            _ => panic!("no delta of an answer: {event}"),
        };
        let said = delta[key].as_str().expect("a string");
        assert!(!self.is_signed, "a signature ends its block: {event}");
        let open = self.content().last_mut().unwrap();
        assert_eq!(open["type"], block, "it fits its block: {event}");
        if key == "partial_json" {
            self.open.as_mut().unwrap().push_str(said);
            return;
        }
        open[key] = Value::from(open[key].as_str().unwrap().to_owned() + said);
        self.is_signed = key == "signature";
    }

    fn block_stop(&mut self, event: &Value) {
        let arguments = self.open.take().expect("a block is open");
        assert_eq!(event["index"], self.content().len() - 1, "{event}");
        let block = self.content().last_mut().unwrap();
        assert!(block["text"] != "", "no text is empty");
        if block["type"] == "tool_use" {
            block["input"] = input(&arguments);
        }
    }

    fn message_delta(&mut self, event: &Value) {
        assert!(self.open.is_none() && !self.has_reason, "all blocks have stopped: {event}");
        self.has_reason = true;
        let (delta, usage) = (&event["delta"], &event["usage"]);
        let reason = delta["stop_reason"].as_str().expect("a reason");
        assert!(STOP_REASONS.contains(&reason), "{event}");
        assert!(delta.get("stop_sequence").is_some(), "{event}");
        assert_eq!(reason == "refusal", delta.get("stop_details").is_some(), "{event}");
        counts(usage);
        let message = self.message.as_mut().unwrap().as_object_mut().unwrap();
        for (key, value) in delta.as_object().unwrap() {
            message.insert(key.clone(), value.clone());
        }
        let whole = message["usage"].as_object_mut().unwrap();
        whole.extend(usage.as_object().unwrap().clone());
    }
}

fn counts(usage: &Value) {
    for key in ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"] {
        assert!(usage[key].is_u64(), "{key} of {usage}");
    }
}
