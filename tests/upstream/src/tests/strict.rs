//! A strict upstream: what it refuses, and that it takes what the real APIs take.

use serde_json::{Value, json};

use super::client::Client;
use crate::{Answer, Message, Upstream};

fn strict() -> Upstream {
    let upstream = Upstream::start();
    upstream.strict();
    upstream.always(Answer::by(|seen| {
        if seen.path.ends_with("/messages") { Message::says("x").answer() } else { Answer::says("x") }
    }));
    upstream
}

/// The refusal of a body with these changes, or "".
fn refused(messages: bool, change: &Value) -> String {
    let upstream = strict();
    let mut client = Client::to(&upstream);
    let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]});
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    // A field that is to be missing, as JSON has no way to say so.
    body.as_object_mut().unwrap().retain(|_, value| value != "(missing)");
    match messages {
        true => client.post_messages(&body.to_string()),
        false => client.post_with("/v1/chat/completions", "Authorization: Bearer k\r\n", &body.to_string()),
    }
    let response = client.some();
    if response.starts_with("HTTP/1.1 200 ") {
        return String::new();
    }
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    let error: Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(error["error"]["type"], "invalid_request_error");
    error["error"]["message"].as_str().unwrap().to_owned()
}

fn all(messages: bool, cases: &[(Value, &str)]) {
    for (change, expected) in cases {
        let found = refused(messages, change);
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{change}: {found:?}");
    }
}

#[test]
fn credentials_and_version_are_wanted() {
    let upstream = strict();
    let mut client = Client::to(&upstream);
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#;
    let mut ask = |path, headers| {
        client.post_with(path, headers, body);
        client.some()
    };
    let response = ask("/v1/messages", "Anthropic-Version: 2023-06-01\r\n");
    assert!(response.starts_with("HTTP/1.1 401 ") && response.contains("x-api-key header is required"));
    let response = ask("/v1/messages", "X-Api-Key: k\r\n");
    assert!(
        response.starts_with("HTTP/1.1 400 ") && response.contains("anthropic-version: header is required")
    );
    let response = ask("/v1/messages?beta=true", "X-Api-Key: k\r\nAnthropic-Version: 2023-06-01\r\n");
    assert!(response.starts_with("HTTP/1.1 200 "));
    let response = ask("/v1/messages", "Authorization: Bearer k\r\nAnthropic-Version: 2023-06-01\r\n");
    assert!(response.starts_with("HTTP/1.1 200 "));
    let response = ask("/v1/chat/completions", "X-Api-Key: k\r\n");
    assert!(response.starts_with("HTTP/1.1 401 ") && response.contains("invalid_api_key"));
}

#[test]
fn a_refused_request_takes_nothing_from_the_queue() {
    let upstream = strict();
    upstream.then(Message::says("queued"));
    let mut client = Client::to(&upstream);
    client.post_messages("{}");
    assert!(client.some().starts_with("HTTP/1.1 400 "));
    client.post_messages(r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}"#);
    assert!(client.some().contains("queued"));
}

#[test]
fn fields_of_messages_are_held_to_anthropics_reference() {
    let tool = json!({"name": "a", "input_schema": {"type": "object"}});
    let marked = json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}});
    let five = json!([marked, marked, marked, marked, marked]);
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    all(
        true,
        &[
            (json!({}), ""),
            (json!({"max_tokens": "(missing)"}), "max_tokens: Field required"),
            (json!({"max_tokens": null}), "max_tokens: Input should be"),
            (json!({"max_tokens": 0}), "max_tokens: Input should be"),
            (json!({"model": "(missing)"}), "model: Field required"),
            (json!({"temperature": 1}), ""),
            (json!({"temperature": 1.5}), "temperature: range: 0..1"),
            (json!({"temperature": null}), "temperature: Input should be a valid number"),
            (json!({"max_completion_tokens": 5}), "max_completion_tokens: Extra inputs are not permitted"),
            (json!({"stream_options": {}}), "stream_options: Extra inputs"),
            (json!({"stop_sequences": ["END"]}), ""),
            (json!({"stop_sequences": ["\n"]}), "non-whitespace"),
            (json!({"stop_sequences": "END"}), "valid array"),
            (json!({"tools": [tool], "tool_choice": {"type": "any"}}), ""),
            (json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), ""),
            (json!({"tools": [{"name": "a"}]}), "tools.0.custom.input_schema: Field required"),
            (json!({"tools": [{"name": "a", "input_schema": {}}]}), "input_schema.type"),
            (
                json!({"tools": [{"name": "a.b", "input_schema": {"type": "object"}}]}),
                "String should match pattern",
            ),
            (
                json!({"tools": [{"type": "function", "function": {"name": "a"}}]}),
                "tools.0: Input tag 'function'",
            ),
            (json!({"tool_choice": {"type": "auto"}}), "only be specified while providing tools"),
            (json!({"tools": [tool], "tool_choice": "auto"}), "expected tags"),
            (json!({"tools": [tool], "tool_choice": {"type": "tool", "name": "b"}}), "Tool 'b' not found"),
            (json!({"max_tokens": 2048, "thinking": thinking}), ""),
            (json!({"max_tokens": 1024, "thinking": thinking}), "greater than `thinking.budget_tokens`"),
            (json!({"thinking": {"type": "enabled", "budget_tokens": 5}}), "greater than or equal to 1024"),
            (json!({"max_tokens": 2048, "thinking": thinking, "temperature": 0.5}), "may only be set to 1"),
            (
                json!({"thinking": {"type": "adaptive"}, "tools": [tool], "tool_choice": {"type": "any"}}),
                "forces tool use",
            ),
            (json!({"system": "Be brief."}), ""),
            (
                json!({"system": [{"type": "text", "text": ""}]}),
                "system: text content blocks must be non-empty",
            ),
            (json!({"messages": [{"role": "user", "content": five}]}), "A maximum of 4 blocks"),
        ],
    );
}

#[test]
fn turns_of_messages_are_held_to_anthropics_reference() {
    let hi = json!({"role": "user", "content": "Hi"});
    let says = |content: Value| json!({"role": "assistant", "content": content});
    let user = |content: Value| json!({"role": "user", "content": content});
    let system = json!({"role": "system", "content": "Now in French."});
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "a", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "ok"});
    let text = |text: &str| json!({"type": "text", "text": text});
    let image = |kind: &str| json!({"type": "image", "source": {"type": "base64", "media_type": kind, "data": "AA=="}});
    let cases = [
        (json!([]), "at least one message"),
        (json!([hi, hi]), ""),
        (json!([hi, says(json!("Yes?")), hi]), ""),
        (json!([says(json!("Yes?")), hi]), "first message must use the \"user\" role"),
        (json!([{"role": "tool", "content": "x"}]), "messages.0.role: Input should be"),
        (json!([{"role": "user", "content": "x", "name": "n"}]), "messages.0.name: Extra inputs"),
        (json!([system, hi]), "Unexpected role \"system\""),
        (json!([hi, system]), ""),
        (json!([hi, system, hi]), "must be the last message"),
        (json!([hi, says(json!("Yes?")), system]), "must follow a user message"),
        (json!([user(json!(""))]), "non-empty content"),
        (json!([hi, says(json!([])), hi]), "messages.1: all messages must have non-empty content"),
        (json!([hi, says(json!(""))]), ""),
        (json!([{"role": "user"}]), "messages.0.content: Field required"),
        (json!([user(json!([text("")]))]), "text content blocks must be non-empty"),
        (json!([user(json!([text(" \n")]))]), "must contain non-whitespace text"),
        (json!([user(json!([{"type": "image_url"}]))]), "Input tag 'image_url'"),
        (json!([user(json!([image("image/png")]))]), ""),
        (json!([user(json!([image("image/jpg")]))]), "media_type"),
        (json!([hi, says(json!([call("t1")])), user(json!([result("t1"), text("Go on.")]))]), ""),
        (
            json!([hi, says(json!([call("t1")])), user(json!([text("Go on."), result("t1")]))]),
            "without `tool_result`",
        ),
        (
            json!([
                hi,
                says(json!([call("t1"), call("t2")])),
                user(json!([result("t1")])),
                user(json!([result("t2")]))
            ]),
            "t2",
        ),
        (json!([hi, says(json!([call("t1"), call("t2")])), user(json!([result("t2"), result("t1")]))]), ""),
        (json!([hi, says(json!([call("t1")])), hi]), "without `tool_result` blocks immediately after: t1"),
        (json!([hi, says(json!([call("t1")]))]), "without `tool_result`"),
        (json!([user(json!([result("t1")]))]), "unexpected `tool_use_id`"),
        (json!([hi, says(json!([call("a:0")])), user(json!([result("a:0")]))]), "tool_use.id"),
        (json!([hi, says(json!([call("t1"), call("t1")])), user(json!([result("t1")]))]), "must be unique"),
        (
            json!([
                hi,
                says(json!([{"type": "tool_use", "id": "t1", "name": "a", "input": "{}"}])),
                user(json!([result("t1")]))
            ]),
            "valid dictionary",
        ),
        (json!([hi, says(json!("It is "))]), "trailing whitespace"),
        (json!([hi, says(json!("It is"))]), ""),
    ];
    all(true, &cases.map(|(messages, expected)| (json!({ "messages": messages }), expected)));
}

#[test]
fn api_version_2026_10_21_refuses_more() {
    let upstream = strict();
    let mut client = Client::to(&upstream);
    let document =
        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}});
    let cited = json!({"type": "text", "text": "x", "citations": [{"type": "char_location"}]});
    let user = |content: Value| json!({"role": "user", "content": content});
    let turns = |messages: Value| json!({"model": "m", "max_tokens": 9, "messages": messages});
    let hi = turns(json!([user(json!("Hi"))]));
    let mut warm = hi.clone();
    warm["temperature"] = json!(1);
    let said = turns(
        json!([user(json!("Hi")), {"role": "assistant", "content": [document]}, user(json!("Go on."))]),
    );
    let quoted = turns(json!([user(json!([cited]))]));
    for (body, expected) in [(hi, ""), (warm, "temperature"), (said, "document"), (quoted, "citations")] {
        for (version, refuses) in [("2023-06-01", false), ("2026-10-21", !expected.is_empty())] {
            let headers = format!("Authorization: Bearer k\r\nAnthropic-Version: {version}\r\n");
            client.post_with("/v1/messages", &headers, &body.to_string());
            let response = client.some();
            assert_eq!(response.starts_with("HTTP/1.1 400 "), refuses, "{version} {body}: {response}");
            assert!(response.contains(expected) || !refuses, "{response}");
        }
    }
    client.post_with("/v1/messages", "X-Api-Key: k\r\nAnthropic-Version: 2024-10-22\r\n", "{}");
    assert!(client.some().contains("is not a valid version"));
}

#[test]
fn chat_completions_are_held_to_openais_reference() {
    let hi = json!({"role": "user", "content": "Hi"});
    let tool = json!({"type": "function", "function": {"name": "a", "parameters": {}}});
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "a", "arguments": "{}"}});
    let calls = |calls: Value| json!({"role": "assistant", "content": null, "tool_calls": calls});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "ok"});
    let turns = |messages: Value| json!({ "messages": messages });
    all(
        false,
        &[
            (json!({}), ""),
            (json!({"system": "Be brief."}), "Unrecognized request argument supplied: system"),
            (json!({"model": "(missing)"}), "must provide a model"),
            (json!({"messages": []}), "Invalid 'messages': empty array"),
            (json!({"temperature": 2}), ""),
            (json!({"temperature": 2.5}), "Invalid 'temperature'"),
            (json!({"temperature": null}), ""),
            (json!({"stop": ["a", "b", "c", "d", "e"]}), "Invalid 'stop'"),
            (json!({"user": "x".repeat(65)}), "Invalid 'user'"),
            (json!({"tools": [tool], "tool_choice": "auto"}), ""),
            (json!({"tools": []}), "Invalid 'tools': empty array"),
            (json!({"tools": [{"name": "a", "input_schema": {}}]}), "Supported values are: 'function'"),
            (
                json!({"tools": [{"type": "function", "function": {"name": "x".repeat(65)}}]}),
                "does not match pattern",
            ),
            (json!({"tool_choice": "auto"}), "'tool_choice' is only allowed when 'tools'"),
            (json!({"parallel_tool_calls": false}), "'parallel_tool_calls' is only allowed"),
            (json!({"stream_options": {"include_usage": true}}), "only allowed when 'stream' is enabled"),
            (turns(json!([{"role": "model", "content": "x"}])), "Invalid value: 'model'"),
            (turns(json!([{"role": "user", "content": null}])), "expected a string, got null"),
            (turns(json!([{"role": "user", "content": [{"type": "image"}]}])), "Invalid value: 'image'"),
            (turns(json!([hi, calls(json!([call("c1"), call("c2")])), result("c2"), result("c1")])), ""),
            (turns(json!([hi, result("c1")])), "must be a response to a preceeding message"),
            (turns(json!([hi, calls(json!([call("c1")])), hi, result("c1")])), "must be a response"),
            (turns(json!([hi, calls(json!([call("c1")])), hi])), "did not have response messages: c1"),
            (
                turns(json!([
                    hi,
                    calls(
                        json!([{"id": "c1", "type": "function", "function": {"name": "a", "arguments": {}}}])
                    ),
                    result("c1")
                ])),
                "function.arguments': expected a string",
            ),
        ],
    );
}
