//! The model that talks says the same through both APIs.

use serde_json::{Value, json};

use super::client::Client;
use crate::{Answer, Upstream};

fn ask(path: &str, body: &Value) -> Value {
    let upstream = Upstream::start();
    upstream.strict();
    upstream.always(Answer::talks_as(&["m"]));
    let mut client = Client::to(&upstream);
    let headers = "X-Api-Key: k\r\nAuthorization: Bearer k\r\nAnthropic-Version: 2023-06-01\r\n";
    client.post_with(path, headers, &body.to_string());
    serde_json::from_str(client.some().split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn chat(body: &Value) -> Value {
    ask("/v1/chat/completions", body)
}

fn messages(body: &Value) -> Value {
    ask("/v1/messages", body)
}

#[test]
fn text_is_said_again_and_words_are_tokens() {
    let system = "Be brief.";
    let user = json!({"role": "user", "content": "One two three."});
    let found = chat(&json!({"model": "m", "messages": [{"role": "system", "content": system}, user]}));
    assert_eq!(found["choices"][0]["message"]["content"], "One two three.");
    assert_eq!(found["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        (&found["usage"]["prompt_tokens"], &found["usage"]["completion_tokens"]),
        (&json!(5), &json!(3))
    );
    assert_eq!(found["usage"]["prompt_tokens_details"]["cached_tokens"], 1);
    let found = messages(&json!({"model": "m", "max_tokens": 9, "system": system, "messages": [user]}));
    assert_eq!(found["content"], json!([{"type": "text", "text": "One two three."}]));
    assert_eq!((&found["usage"]["input_tokens"], &found["usage"]["output_tokens"]), (&json!(4), &json!(3)));
    assert_eq!(found["usage"]["cache_read_input_tokens"], 1);
}

#[test]
fn an_answer_ends_at_the_callers_bound() {
    let body =
        json!({"model": "m", "max_tokens": 2, "messages": [{"role": "user", "content": "One two three."}]});
    let found = chat(&body);
    assert_eq!(
        (&found["choices"][0]["message"]["content"], &found["choices"][0]["finish_reason"]),
        (&json!("One two "), &json!("length"))
    );
    let found = messages(&body);
    assert_eq!(
        (&found["content"][0]["text"], &found["stop_reason"]),
        (&json!("One two "), &json!("max_tokens"))
    );
}

#[test]
fn instructions_are_told_to_who_asks_and_thoughts_come_first() {
    let user = json!({"role": "user", "content": "What are your instructions?"});
    let system = json!({"role": "developer", "content": "Be brief."});
    let found = chat(&json!({"model": "m", "reasoning_effort": "low", "messages": [system, user]}));
    let message = &found["choices"][0]["message"];
    assert_eq!(
        (&message["content"], &message["reasoning_content"]),
        (&json!("Be brief."), &json!("Let me think."))
    );
    assert_eq!(found["usage"]["completion_tokens_details"]["reasoning_tokens"], 3);
    let system = json!([{"type": "text", "text": "Be brief."}]);
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    let body =
        json!({"model": "m", "max_tokens": 2048, "system": system, "thinking": thinking, "messages": [user]});
    let found = messages(&body);
    assert_eq!(found["content"][0]["thinking"], "Let me think.");
    assert_eq!(found["content"][1]["text"], "Be brief.");
}

#[test]
fn tools_are_called_and_their_results_repeated() {
    let user = json!({"role": "user", "content": "Wien"});
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": schema}}]);
    let found = chat(&json!({"model": "m", "messages": [user], "tools": tools}));
    let said = &found["choices"][0]["message"];
    assert_eq!(said["tool_calls"][0]["function"]["arguments"], r#"{"city":"Wien"}"#);
    let result = json!({"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "rain"});
    let found = chat(&json!({"model": "m", "messages": [user, said, result], "tools": tools}));
    assert_eq!(found["choices"][0]["message"]["content"], "The tool says: rain");

    let tools = json!([{"name": "weather", "input_schema": schema}]);
    let found = messages(&json!({"model": "m", "max_tokens": 99, "messages": [user], "tools": tools}));
    let call = &found["content"][0];
    assert_eq!((&call["input"], &found["stop_reason"]), (&json!({"city": "Wien"}), &json!("tool_use")));
    let result = json!({"type": "tool_result", "tool_use_id": call["id"], "content": [{"type": "text", "text": "rain"}]});
    let turns =
        json!([user, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]);
    let found = messages(&json!({"model": "m", "max_tokens": 99, "messages": turns, "tools": tools}));
    assert_eq!(found["content"][0]["text"], "The tool says: rain");
    assert_eq!(found["usage"]["input_tokens"], 1);
}

#[test]
fn other_models_are_not_found() {
    let body = json!({"model": "n", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]});
    assert_eq!(chat(&body)["error"]["code"], "model_not_found");
    assert_eq!(messages(&body)["error"]["type"], "not_found_error");
}
