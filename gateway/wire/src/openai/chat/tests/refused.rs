//! What is refused, and in which words.

use super::made::{read_messages, read_value};
use serde_json::{Value, json};

#[track_caller]
fn refused(body: &Value, param: &str, begins: &str) {
    let bad = read_value(body).unwrap_err();
    assert_eq!(bad.param, Some(param), "{}", bad.message);
    assert!(bad.message.starts_with(begins), "{}", bad.message);
    assert!(bad.message.ends_with('.'), "{}", bad.message);
}

#[track_caller]
fn refused_messages(messages: Value, begins: &str) {
    let bad = read_messages(messages).unwrap_err();
    assert_eq!(bad.param, Some("messages"), "{}", bad.message);
    assert!(bad.message.starts_with(begins), "{}", bad.message);
}

fn call(id: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}})
}

#[test]
fn case_7_a_result_without_its_call_is_named() {
    let orphan = json!({"role": "tool", "tool_call_id": "t2", "content": "r"});
    let assistant = json!({"role": "assistant", "tool_calls": [call("t1")]});
    let answer = json!({"role": "tool", "tool_call_id": "t1", "content": "r"});
    let user = json!({"role": "user", "content": "q"});
    refused_messages(json!([user, orphan]), "`messages.1.tool_call_id` is `t2`, but no call");
    refused_messages(json!([assistant, answer, orphan]), "`messages.2.tool_call_id` is `t2`, but no call");
    refused_messages(json!([assistant, answer, answer]), "`messages.2.tool_call_id` is `t1`, but no call");
    let over = json!([assistant, answer, {"role": "assistant", "content": "so"}, answer]);
    refused_messages(over, "`messages.3.tool_call_id` is `t1`, but no call");
}

#[test]
fn case_7_a_call_without_its_result_is_named() {
    let assistant = json!({"role": "assistant", "tool_calls": [call("t1"), call("t2")]});
    let answer = json!({"role": "tool", "tool_call_id": "t1", "content": "r"});
    let user = json!({"role": "user", "content": "q"});
    let expected = "`messages.1.tool_calls` has a call `t2` without a result. Send a `tool` message";
    refused_messages(json!([user, assistant, answer]), expected);
    refused_messages(
        json!([user, assistant, answer, user, {"role": "assistant", "content": "so"}]),
        expected,
    );
}

#[test]
fn what_openai_took_once_is_refused_by_name() {
    let messages = json!([{"role": "user", "content": "q"}]);
    let functions = json!({"messages": messages, "functions": [{"name": "f"}]});
    refused(&functions, "functions", "`functions` is no longer taken. Send `tools`.");
    let call = json!({"messages": messages, "function_call": "auto"});
    refused(&call, "function_call", "`function_call` is no longer taken. Send `tool_choice`.");
    refused_messages(
        json!([{"role": "function", "name": "f", "content": "r"}]),
        "`messages.0.role` is `function`, which is no longer taken.",
    );
    refused_messages(
        json!([{"role": "assistant", "function_call": {"name": "f", "arguments": ""}}]),
        "`messages.0.function_call` is no longer taken.",
    );
}

#[test]
fn what_lies_at_one_vendor_is_refused_by_name() {
    for (part, begins) in [
        (
            json!({"type": "file", "file": {"file_id": "f"}}),
            "`messages.0.content.1.file.file_id` names a file",
        ),
        (json!({"type": "video_url"}), "`messages.0.content.1.type` is `video_url`, which is none of"),
        (json!({"type": "refusal", "refusal": "r"}), "`messages.0.content.1` is of a type that"),
        (
            json!({"type": "image_url", "image_url": {"url": "file:///a.png"}}),
            "`messages.0.content.1.image_url.url` must be an https URL or a data URL",
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg"}}),
            "`messages.0.content.1.image_url.url` is a data URL that is not in base64.",
        ),
        (json!({"type": "text"}), "`messages.0.content.1.text` is missing."),
        (json!(7), "`messages.0.content.1` must be an object, not a number."),
    ] {
        let content = json!([{"type": "text", "text": "a"}, part]);
        refused_messages(json!([{"role": "user", "content": content}]), begins);
    }
    let messages = json!([{"role": "user", "content": "q"}]);
    for tool in [
        json!({"type": "custom", "custom": {"name": "sql"}}),
        json!({"type": "web_search_20250305", "name": "web_search"}),
    ] {
        refused(
            &json!({"messages": messages, "tools": [tool]}),
            "tools",
            "`tools.0.type` must be `function`:",
        );
    }
}

#[test]
fn wrong_types_are_told_with_their_place() {
    let messages = json!([{"role": "user", "content": "q"}]);
    for (field, value, begins) in [
        ("messages", json!("hi"), "`messages` must be an array, not a string."),
        ("messages", json!([]), "`messages` must have at least one message."),
        ("messages", json!(null), "`messages` is missing."),
        ("messages", json!(["hi"]), "`messages.0` must be an object, not a string."),
        ("messages", json!([{"role": 1}]), "`messages.0.role` must be a string, not a number."),
        ("messages", json!([{"role": "user"}]), "`messages.0.content` is missing."),
        ("messages", json!([{"content": "q"}]), "`messages.0.role` is missing."),
        ("tools", json!([{"type": "function"}]), "`tools.0.name` is missing."),
        (
            "tools",
            json!([{"function": {"name": "f", "parameters": "x"}}]),
            "`tools.0.function.parameters` must be",
        ),
        ("max_tokens", json!(0), "`max_tokens` must be a whole number of at least 1."),
        ("temperature", json!("hot"), "`temperature` must be a number, not a string."),
        ("stop", json!(["a", 1]), "`stop.1` must be a string, not a number."),
        ("tool_choice", json!("some"), "`tool_choice` must be `none`, `auto`, `required`,"),
        ("reasoning_effort", json!("huge"), "`reasoning_effort` must be one of `none`, `minimal`, `low`,"),
        ("response_format", json!({"type": "grammar"}), "`response_format.type` must be `text`,"),
        ("thinking", json!({"type": "maybe"}), "`thinking.type` must be `enabled`,"),
    ] {
        let mut body = json!({"messages": messages});
        body[field] = value;
        refused(&body, field, begins);
    }
}
