//! What is written of tools and of how the answer is to be.

use super::made::{chat, json_of, text, to_openai, to_other, tool, written};
use crate::hub::{Chat, Choice, Effort, Format, Other, Part, Reasoning, Role, digest};
use crate::json::text::Text;
use serde_json::{Value, json};
use weir_config::Vendor;

fn asked(parts: Vec<Part>) -> Chat {
    chat(vec![(Role::User, parts)])
}

#[test]
fn case_11_without_tools_nothing_says_how_they_are_called() {
    let mut chat = asked(vec![text("q")]);
    (chat.choice, chat.parallel_calls) = (Some(Choice::Any), Some(true));
    let body = to_openai(&chat);
    assert_eq!(body, json!({"model": "gpt-5.1", "messages": [{"role": "user", "content": "q"}]}));
}

#[test]
fn case_11_and_12_choices_are_said_in_openai_s_words() {
    let function = |name: &str| json!({"type": "function", "function": {"name": name}});
    let among = |must| Choice::Among { names: vec![Text::new("a")], must };
    let allowed =
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function("a")]}});
    for (choice, openai, other) in [
        (Choice::None, json!("none"), json!("none")),
        (Choice::Auto, json!("auto"), json!("auto")),
        (Choice::Any, json!("required"), json!("required")),
        (Choice::One(Text::new("b")), function("b"), function("b")),
        (among(true), allowed, json!("required")),
    ] {
        let mut chat = asked(vec![text("q")]);
        chat.tools = vec![tool("a", "{}"), tool("b", "{}")];
        let sent = if matches!(choice, Choice::Among { .. }) { 1 } else { 2 };
        (chat.choice, chat.parallel_calls) = (Some(choice), Some(false));
        assert_eq!(to_openai(&chat)["tool_choice"], openai);
        assert_eq!(to_openai(&chat)["tools"].as_array().unwrap().len(), 2);
        let body = to_other(&chat);
        assert_eq!((&body["tool_choice"], &body["parallel_tool_calls"]), (&other, &json!(false)));
        assert_eq!(body["tools"].as_array().unwrap().len(), sent, "only those that are allowed");
    }
}

#[test]
fn case_29_an_object_has_properties() {
    for (schema, expected) in [
        (
            r#"{"type":"object","additionalProperties":false}"#,
            r#"{"type":"object","additionalProperties":false,"properties":{}}"#,
        ),
        (
            r#"{"type":"object","properties":{"a":{}},"required":null}"#,
            r#"{"type":"object","properties":{"a":{}}}"#,
        ),
        (r#"{"properties":{"b\"":{}}}"#, r#"{"type":"object","properties":{"b\"":{}}}"#),
        ("{}", r#"{"type":"object","properties":{}}"#),
        (r#"{"properties":null,"x\/y":[null]}"#, r#"{"type":"object","x/y":[null],"properties":{}}"#),
        (
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"object"}}}"##,
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"object"}}}"##,
        ),
        (
            r#"{ "type":"object", "properties":{"z":{},"a":{}} }"#,
            r#"{ "type":"object", "properties":{"z":{},"a":{}} }"#,
        ),
    ] {
        let mut chat = asked(vec![text("q")]);
        chat.tools = vec![tool("f", schema)];
        let (body, _) = written(&chat, Vendor::OpenAI, "m").unwrap();
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains(&format!(r#""parameters":{expected}}}"#)), "{body}");
        serde_json::from_str::<Value>(&body).unwrap();
    }
    let mut chat = asked(vec![text("q")]);
    chat.tools = vec![crate::hub::Tool { schema: None, ..tool("f", "{}") }];
    let parameters = json!({"type": "object", "properties": {}});
    assert_eq!(to_openai(&chat)["tools"][0]["function"]["parameters"], parameters);
}

#[test]
fn case_30_strict_is_said_only_if_the_caller_said_it() {
    for strict in [None, Some(false), Some(true)] {
        let mut chat = asked(vec![text("q")]);
        chat.tools = vec![crate::hub::Tool { strict, ..tool("f", "{}") }];
        let body = to_openai(&chat);
        assert_eq!(body["tools"][0]["function"].get("strict").cloned(), strict.map(Value::from));
    }
}

#[test]
fn case_38_and_39_the_effort_is_the_nearest_that_the_model_has() {
    use Effort::{High, Low, Max, Minimal, XHigh};
    let say = |on, effort, budget| Reasoning { on, effort, budget };
    let effort = |effort| say(None, Some(effort), None);
    let (openai, other) = (Vendor::OpenAI, Vendor::OpenAICompatible);
    for (vendor, model, tools, reasoning, expected, dropped) in [
        (openai, "gpt-5.2", false, effort(Max), Some("xhigh"), None),
        (openai, "gpt-5.1", false, effort(Max), Some("high"), None),
        (openai, "gpt-5.1-2025-11-13", false, effort(XHigh), Some("high"), None),
        (openai, "gpt-5.1", false, effort(Minimal), Some("low"), None),
        (openai, "gpt-5-mini", false, effort(Minimal), Some("minimal"), None),
        (openai, "o3", false, effort(Minimal), Some("low"), None),
        (openai, "gpt-4o", false, effort(High), None, Some("output_config.effort")),
        (openai, "gpt-4.1", false, say(Some(true), None, Some(1024)), None, Some("thinking")),
        (openai, "gpt-5.1", false, say(Some(true), None, Some(1024)), Some("low"), None),
        (openai, "gpt-5.1", false, say(Some(true), None, Some(31_999)), Some("high"), None),
        (openai, "gpt-5.1", false, say(Some(true), None, None), Some("medium"), None),
        (openai, "gpt-5.1", false, say(Some(true), Some(Low), None), Some("low"), None),
        (openai, "gpt-5.1", false, say(Some(false), None, None), Some("none"), None),
        (openai, "gpt-5", false, say(Some(false), None, None), Some("minimal"), None),
        (openai, "gpt-5.4", true, effort(High), Some("none"), Some("output_config.effort")),
        (openai, "gpt-5.6-sol", true, say(Some(true), None, None), Some("none"), Some("thinking")),
        (openai, "gpt-5.4", false, effort(High), Some("high"), None),
        (other, "gpt-oss", true, effort(Max), Some("high"), None),
        (other, "gpt-oss", true, say(Some(false), None, None), None, Some("thinking")),
    ] {
        let mut chat = asked(vec![text("q")]);
        chat.reasoning = Some(reasoning);
        if tools {
            chat.tools = vec![tool("f", "{}")];
        }
        let (body, left) = written(&chat, vendor, model).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let said = body.get("reasoning_effort").and_then(Value::as_str);
        assert_eq!((said, left.first().map(AsRef::as_ref)), (expected, dropped), "{model} {reasoning:?}");
        assert!(body.get("thinking").is_none());
    }
}

#[test]
fn case_40_the_bound_is_clamped_and_told() {
    for (wanted, expected, told) in [(32_000, 16_384, true), (16_384, 16_384, false), (1, 1, false)] {
        let mut chat = asked(vec![text("q")]);
        chat.max_tokens = Some(wanted);
        for (vendor, key) in
            [(Vendor::OpenAI, "max_completion_tokens"), (Vendor::OpenAICompatible, "max_tokens")]
        {
            let (body, dropped) = written(&chat, vendor, "m").unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body[key], expected);
            assert_eq!(dropped.iter().any(|name| name == "max_tokens"), told);
        }
    }
}

#[test]
fn case_42_a_user_s_id_that_is_too_long_is_hashed() {
    for (user, expected) in [("é".repeat(64), "é".repeat(64)), ("u".repeat(150), digest(&"u".repeat(150)))]
    {
        let mut chat = asked(vec![text("q")]);
        chat.user = Some(Text::new(&user));
        assert_eq!(to_openai(&chat)["user"], expected);
        assert!(expected.chars().count() <= 64);
    }
}

#[test]
fn what_chat_has_no_place_for_is_left_out_and_told_once() {
    let mut chat = asked(vec![text("q")]);
    chat.top_k = Some(json_of("40"));
    chat.tier = Some(Text::new("batch"));
    let other = |name: &str, value: &str| Other { name: name.to_owned(), value: json_of(value) };
    chat.others = vec![
        other("tools", r#"{"type":"web_search_20250305"}"#),
        other("tools", "{}"),
        other("context_management", "{}"),
        other("seed", "7"),
        other("n", "1"),
    ];
    let (body, dropped) = written(&chat, Vendor::OpenAICompatible, "m").unwrap();
    assert_eq!(dropped, ["top_k", "service_tier", "tools", "context_management"]);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body, json!({"model": "m", "messages": [{"role": "user", "content": "q"}], "seed": 7}));
    chat.others = vec![other("n", "2")];
    assert_eq!(written(&chat, Vendor::OpenAI, "m").unwrap_err().param, "n");
    chat.others.clear();
    chat.stop = vec![Text::new("a"); 5];
    assert_eq!(written(&chat, Vendor::OpenAI, "m").unwrap_err().param, "stop_sequences");
    assert_eq!(to_other(&chat)["stop"], json!(["a", "a", "a", "a", "a"]));
}

#[test]
fn tiers_are_said_in_openai_s_words() {
    for (tier, openai) in [("auto", "auto"), ("standard_only", "default"), ("flex", "flex")] {
        let mut chat = asked(vec![text("q")]);
        chat.tier = Some(Text::new(tier));
        assert_eq!(to_openai(&chat)["service_tier"], openai);
        let (body, dropped) = written(&chat, Vendor::OpenAICompatible, "m").unwrap();
        assert!(!String::from_utf8(body).unwrap().contains("service_tier"));
        assert_eq!(!dropped.is_empty(), tier == "flex");
    }
}

#[test]
fn a_stream_asks_for_its_usage_where_the_vendor_wants_that() {
    let mut chat = asked(vec![text("q")]);
    chat.stream = true;
    assert_eq!(to_openai(&chat)["stream_options"], json!({"include_usage": true}));
    let (body, _) = written(&chat, Vendor::Mock, "m").unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body, json!({"model": "m", "messages": [{"role": "user", "content": "q"}], "stream": true}));
}

#[test]
fn a_format_is_said_as_openai_wants_it() {
    let mut chat = asked(vec![text("q")]);
    chat.format = Some(Format::Json);
    assert_eq!(to_openai(&chat)["response_format"], json!({"type": "json_object"}));
    let schema = json_of(r#"{"z":1,"a":2}"#);
    chat.format = Some(Format::Schema { name: None, description: None, schema, strict: None });
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": {"z": 1, "a": 2}}});
    assert_eq!(to_openai(&chat)["response_format"], format);
}
