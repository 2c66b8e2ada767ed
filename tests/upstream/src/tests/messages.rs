//! Messages: bodies and events against what was recorded of Anthropic.

use serde_json::{Value, json};

use super::client::{Client, unchunk};
use crate::{Answer, At, Chat, Message, Tokens, Told, Upstream, anthropic};

const UNARY: &str = r#"{"model":"claude-haiku-4-5-20251001"}"#;
const STREAM: &str = r#"{"model":"claude-haiku-4-5-20251001","stream":true}"#;

fn response(answer: impl Into<Answer>) -> (String, Value) {
    let upstream = Upstream::start();
    upstream.always(answer);
    let mut client = Client::to(&upstream);
    client.post_messages(UNARY);
    let response = client.some();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

fn unary(message: Message) -> Value {
    response(message).1
}

fn stream(message: Message) -> String {
    let upstream = Upstream::start();
    upstream.always(message);
    let mut client = Client::to(&upstream);
    client.post_messages(STREAM);
    unchunk(&client.until(b"0\r\n\r\n"))
}

/// The names and the data of events.
fn events(text: &str) -> Vec<(&str, Value)> {
    let event = |frame: &'_ str| {
        let (name, data) = frame.split_once("\ndata: ").unwrap();
        (name.len(), serde_json::from_str(data).unwrap())
    };
    text.split_terminator("\n\n")
        .map(|frame| {
            let (length, data) = event(frame);
            (frame[..length].strip_prefix("event: ").unwrap(), data)
        })
        .collect()
}

/// The data of events of this name.
fn of<'a>(events: &'a [(&str, Value)], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|(found, _)| *found == name).map(|(_, data)| data).collect()
}

/// Recorded from Anthropic in August 2026 (crmne/ruby_llm, MIT), but for ids, which are the request's here.
const RECORDED: &str = r#"event: message_start
data: {"type":"message_start","message":{"model":"claude-haiku-4-5-20251001","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":15,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":1,"service_tier":"standard","inference_geo":"not_available"}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"1\n2\n3"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},"usage":{"input_tokens":15,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":9}}

event: message_stop
data: {"type":"message_stop"}

"#;

#[test]
fn a_stream_is_the_recorded_one_but_for_blanks_before_the_last_brace() {
    let found = stream(Message::says("1\n2\n3").usage(Tokens::new(15, 9)));
    assert!(found.contains("  }\n\n"), "no blanks: {found}");
    let lines = found.lines().map(|line| match line.strip_suffix('}') {
        Some(line) => line.trim_end().to_owned() + "}",
        None => line.to_owned(),
    });
    let lines: Vec<String> = lines.collect();
    assert_eq!(lines, RECORDED.lines().collect::<Vec<_>>());
}

#[test]
fn a_unary_message_has_all_blocks_in_order() {
    let usage = Tokens { cache_read: 3, cache_write_5m: 4, cache_write_1h: 5, ..Tokens::new(1, 2) };
    let body = unary(Message::says("Hi.").calls("now", "{}").thinking("Hm.", "sig").model("m").usage(usage));
    let blocks = json!([
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "text", "text": "Hi."},
        {"type": "tool_use", "id": "toolu_1_2", "name": "now", "input": {}},
    ]);
    assert_eq!(body["content"], blocks);
    assert_eq!(
        (&body["type"], &body["role"], &body["model"]),
        (&json!("message"), &json!("assistant"), &json!("m"))
    );
    assert_eq!((&body["stop_reason"], &body["stop_sequence"]), (&json!("tool_use"), &Value::Null));
    let usage = &body["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(1), &json!(2)));
    assert_eq!(
        (&usage["cache_read_input_tokens"], &usage["cache_creation_input_tokens"]),
        (&json!(3), &json!(9))
    );
    let classes = json!({"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5});
    assert_eq!(usage["cache_creation"], classes);
}

#[test]
fn a_stream_carries_the_blocks_of_the_unary_message() {
    let message = Message::pieces(["Grüße, ", "世界"])
        .text("\"and\" more")
        .calls("weather", r#"{"city":"Zürich \"N\"","days":[1,2]}"#)
        .calls("now", "{}")
        .block(&json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}))
        .redacted_thinking("abc")
        .thinking("Hm.", "sig");
    let text = stream(message.clone());
    let events = events(&text);
    let mut blocks: Vec<Value> = Vec::new();
    let mut json = String::new();
    for (name, data) in &events {
        let append = |block: &mut Value, field: &str, more: &Value| {
            let joined = block[field].as_str().unwrap().to_owned() + more.as_str().unwrap();
            block[field] = joined.into();
        };
        match *name {
            "content_block_start" => {
                assert_eq!(data["index"], blocks.len());
                blocks.push(data["content_block"].clone());
            }
            "content_block_delta" => {
                let (block, delta) = (blocks.last_mut().unwrap(), &data["delta"]);
                match delta["type"].as_str().unwrap() {
                    "text_delta" => append(block, "text", &delta["text"]),
                    "thinking_delta" => append(block, "thinking", &delta["thinking"]),
                    "signature_delta" => append(block, "signature", &delta["signature"]),
                    "input_json_delta" => json += delta["partial_json"].as_str().unwrap(),
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" if !json.is_empty() => {
                blocks.last_mut().unwrap()["input"] = serde_json::from_str(&json).unwrap();
                json.clear();
            }
            _ => {}
        }
    }
    assert_eq!(json!(blocks), unary(message)["content"]);
    let kinds: Vec<&str> = blocks.iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..3], ["redacted_thinking", "thinking", "text"]);
}

#[test]
fn arguments_come_behind_an_empty_delta_and_a_call_without_any_has_it_alone() {
    let text = stream(Message::empty().calls_in("a", ["{\"x\"", ":1}"]).calls("b", "{}"));
    let events = events(&text);
    let deltas: Vec<_> = of(&events, "content_block_delta")
        .into_iter()
        .map(|data| (data["index"].as_u64().unwrap(), data["delta"]["partial_json"].as_str().unwrap()))
        .collect();
    assert_eq!(deltas, [(0, ""), (0, "{\"x\""), (0, ":1}"), (1, "")]);
    assert_eq!(of(&events, "message_delta")[0]["delta"]["stop_reason"], "tool_use");
}

#[test]
fn the_inputs_tokens_are_told_where_they_should_be() {
    let told = |told| {
        let usage = Tokens { cache_read: 7, thinking: 2, ..Tokens::new(5, 6) };
        let text = stream(Message::says("x").usage(usage).told(told));
        let events = events(&text);
        let start = of(&events, "message_start")[0]["message"]["usage"].clone();
        (start, of(&events, "message_delta")[0]["usage"].clone())
    };
    let (start, end) = told(Told::Twice);
    assert_eq!((&start["input_tokens"], &start["cache_read_input_tokens"]), (&json!(5), &json!(7)));
    assert_eq!((&end["input_tokens"], &end["output_tokens"]), (&json!(5), &json!(6)));
    assert_eq!(end["output_tokens_details"], json!({"thinking_tokens": 2}));
    let (start, end) = told(Told::AtStart);
    assert_eq!((&start["input_tokens"], &end["input_tokens"]), (&json!(5), &Value::Null));
    let (start, end) = told(Told::AtEnd);
    assert_eq!((&start["input_tokens"], &end["cache_read_input_tokens"]), (&json!(0), &json!(7)));
    assert!(!stream(Message::says("x").usage(None)).contains("usage"));
}

#[test]
fn stop_reasons_and_sequences_are_told() {
    assert_eq!(unary(Message::says("x").stop("max_tokens"))["stop_reason"], "max_tokens");
    let body = unary(Message::says("x").stop_sequence("END"));
    assert_eq!((&body["stop_reason"], &body["stop_sequence"]), (&json!("stop_sequence"), &json!("END")));
}

#[test]
fn a_stream_can_break_off_in_every_way() {
    let names = |text: &str| -> Vec<String> { events(text).iter().map(|(name, _)| (*name).into()).collect() };
    let text =
        stream(Message::pieces(["a", "b"]).without_ping().error_after(3, "overloaded_error", "Overloaded"));
    assert_eq!(names(&text), ["message_start", "content_block_start", "content_block_delta", "error"]);
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    assert_eq!(events(&text)[3].1, error);
    let text = stream(Message::says("a").without_ping().unfinished());
    assert_eq!(names(&text).last().unwrap(), "content_block_stop");

    let upstream = Upstream::start();
    upstream.always(Message::says("").events(9).answer().reset_at(At::Event(4)));
    let mut client = Client::to(&upstream);
    client.post_messages(STREAM);
    let (bytes, end) = client.rest();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!((text.matches("\r\nevent: ").count(), end), (4, "reset"));
    assert!(text.contains("content-type: text/event-stream; charset=utf-8\r\n"));
}

#[test]
fn errors_have_anthropics_form() {
    let (head, body) = response(anthropic::rate_limited(Some(7)));
    assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("retry-after: 7\r\n"));
    assert!(!head.contains("x-should-retry"));
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("rate_limit_error")));
    let (head, body) = response(anthropic::too_long(3_333_404, 200_000));
    assert!(head.starts_with("HTTP/1.1 400 ") && head.contains("x-should-retry: false"));
    assert_eq!(body["error"]["message"], "prompt is too long: 3333404 tokens > 200000 maximum");
    for (answer, status, kind) in [
        (anthropic::bad_key(), 401, "authentication_error"),
        (anthropic::no_credit(), 402, "billing_error"),
        (anthropic::forbidden(), 403, "permission_error"),
        (anthropic::model_missing("m"), 404, "not_found_error"),
        (anthropic::too_large(), 413, "request_too_large"),
        (anthropic::server_error(), 500, "api_error"),
        (anthropic::overloaded(), 529, "overloaded_error"),
    ] {
        let (head, body) = response(answer);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && head.contains("request-id: "));
        assert_eq!(body["error"]["type"], kind);
    }
}

#[test]
fn chat_completions_carry_calls_and_reasoning_too() {
    let upstream = Upstream::start();
    upstream.always(Chat::empty().reasoning("Hm.").calls("weather", r#"{"city":"Wien"}"#).calls("now", "{}"));
    let mut client = Client::to(&upstream);
    client.post(UNARY);
    let response = client.some();
    let body: Value = serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap();
    let (choice, call) = (&body["choices"][0], &body["choices"][0]["message"]["tool_calls"][0]);
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null)
    );
    assert_eq!(choice["message"]["reasoning_content"], "Hm.");
    let function = json!({"name": "weather", "arguments": r#"{"city":"Wien"}"#});
    assert_eq!(call, &json!({"id": "call_1_0", "type": "function", "function": function}));

    client.post(STREAM);
    let text = unchunk(&client.until(b"0\r\n\r\n"));
    let deltas = text.split_terminator("\n\n").filter_map(|frame| serde_json::from_str(&frame[6..]).ok());
    let deltas: Vec<Value> = deltas.map(|chunk: Value| chunk["choices"][0]["delta"].clone()).collect();
    assert_eq!(deltas[1], json!({"reasoning_content": "Hm."}));
    assert_eq!(deltas[2]["tool_calls"][0]["id"], "call_2_0");
    let calls = deltas.iter().filter_map(|delta| delta["tool_calls"][0].as_object());
    let mut arguments = [String::new(), String::new()];
    for call in calls {
        let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
        arguments[index] += call["function"]["arguments"].as_str().unwrap();
    }
    assert_eq!(arguments, [r#"{"city":"Wien"}"#, "{}"]);
}
