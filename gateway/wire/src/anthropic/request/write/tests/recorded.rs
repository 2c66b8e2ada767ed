//! The requests of the recordings: what clients of Anthropic's sent and it took. Read and written again, they say the
//! same.

use super::*;
use crate::anthropic::request::read;
use std::path::Path;

fn request(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/wire/anthropic");
    let text = std::fs::read_to_string(folder.join(name).with_extension("json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["request"]["body"].take()
}

/// The same request, with what may be left out left out, and blocks for strings.
fn plain(mut body: Value) -> Value {
    let blocks = |content: &mut Value| {
        if let Value::String(text) = content {
            *content = json!([{"type": "text", "text": text}]);
        }
    };
    body.get_mut("system").into_iter().for_each(blocks);
    for turn in body["messages"].as_array_mut().unwrap() {
        blocks(&mut turn["content"]);
        for block in turn["content"].as_array_mut().unwrap() {
            let block = block.as_object_mut().unwrap();
            block.retain(|key, value| key != "is_error" || value == true);
        }
    }
    body.as_object_mut().unwrap().retain(|key, value| key != "stream" || value == true);
    body
}

fn again(body: &Value) -> (Value, Vec<String>) {
    let chat = read(&Bytes::from(body.to_string())).unwrap();
    written_for(&chat, &to(body["model"].as_str().unwrap(), None))
}

#[test]
fn recorded_requests_are_written_as_they_were() {
    for name in [
        "messages-stream-cache-read",
        "messages-stream-text",
        "messages-stream-tools-parallel",
        "messages-stream-via-openrouter",
        "messages-unary-cache-write",
        "messages-unary-text",
        "messages-unary-tool-results",
        "messages-unary-tools-parallel",
    ] {
        let body = request(name);
        assert_eq!(again(&body), (plain(body), vec![]), "{name}");
    }
}

#[test]
fn recorded_thinking_is_asked_for_as_its_model_knows_it() {
    let body = request("messages-unary-reasoning");
    assert_eq!(again(&body), (plain(body), vec![]), "Claude 3.7 has a budget");
    let body = request("messages-stream-thinking");
    let (written, told) = again(&body);
    let mut expected = plain(body);
    expected["thinking"] = json!({"type": "adaptive"});
    expected["output_config"] = json!({"effort": "low"});
    assert_eq!((written, told), (expected, vec![]), "Claude 4.6 has none");
    let body = request("messages-stream-tool-zero-arg");
    let (written, told) = again(&body);
    let mut expected = plain(body);
    expected["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    assert_eq!((written, told), (expected, vec!["thinking.display".to_owned()]));
}

#[test]
fn a_recorded_tool_that_runs_at_anthropic_is_kept_apart() {
    let chat = read(&Bytes::from(request("messages-stream-tool").to_string())).unwrap();
    let others: Vec<_> = chat.others.iter().map(|other| other.name.as_str()).collect();
    assert_eq!((others, chat.tools.len()), (vec!["tools.0", "tools.defer_loading"], 1));
}
