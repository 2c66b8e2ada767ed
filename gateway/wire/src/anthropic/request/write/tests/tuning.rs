//! Tools, thinking, bounds, sampling and the rest.

use super::*;
use Role::{Assistant, User};

fn field(value: &str) -> Option<Json> {
    Some(Json::read(Bytes::copy_from_slice(value.as_bytes())))
}

fn with(change: impl FnOnce(&mut Chat)) -> Chat {
    let mut chat = hello();
    change(&mut chat);
    chat
}

#[test]
fn a_plain_request_says_no_more_than_it_must() {
    let expected = json!({"model": "claude-sonnet-4-6", "max_tokens": 4096, "messages": [{"role": "user", "content": [block("Hello")]}]});
    assert_eq!(written_for(&hello(), &to("claude-sonnet-4-6", None)), (expected, vec![]));
}

#[test]
fn case_40_the_bound_is_the_callers_within_the_models() {
    let bound = |asked, most| {
        let (body, told) = written_for(&with(|chat| chat.max_tokens = asked), &to("m", most));
        (body["max_tokens"].as_u64().unwrap(), told)
    };
    assert_eq!(bound(Some(32_000), Some(16_384)), (16_384, vec!["max_tokens".to_owned()]));
    assert_eq!(bound(Some(10), Some(16_384)), (10, vec![]));
    assert_eq!(bound(Some(32_000), None), (32_000, vec![]));
    assert_eq!(bound(None, Some(16_384)), (16_384, vec![]));
    assert_eq!(bound(None, None), (4096, vec![]));
}

#[test]
fn tools_have_a_schema_of_an_object_and_a_name_that_anthropic_takes() {
    let object = json!({"type": "object", "properties": {}});
    for (given, expected) in [
        (None, object.clone()),
        (Some(json!({})), object.clone()),
        (
            Some(json!({"properties": {"a": {"type": "string"}}})),
            json!({"type": "object", "properties": {"a": {"type": "string"}}}),
        ),
        (Some(json!({"type": "object", "required": []})), json!({"type": "object", "required": []})),
    ] {
        let body = written(&with(|chat| chat.tools.push(tool("n", given))));
        assert_eq!(body["tools"], json!([{"name": "n", "input_schema": expected}]));
    }
    let described =
        Tool { description: Some(Text::new("d")), strict: Some(true), ..tool(&"x".repeat(129), None) };
    let mut chat = chat(vec![(Assistant, vec![call("t", "a.b", "")]), (User, vec![result("t", "r")])]);
    chat.tools = vec![described, tool("a.b", None)];
    chat.choice = Some(Choice::One(Text::new("a.b")));
    let body = written(&chat);
    assert_eq!((&body["tools"][0]["description"], &body["tools"][0]["strict"]), (&json!("d"), &json!(true)));
    let short = &body["tools"][1]["name"];
    assert!(short.as_str().unwrap().starts_with("a_b_"), "case 1: {short}");
    assert_eq!([&body["tool_choice"]["name"], &body["messages"][0]["content"][0]["name"]], [short, short]);
    assert!(body["tools"][0]["name"].as_str().unwrap().len() <= 128);
}

#[test]
fn case_11_and_12_a_choice_is_among_the_tools_that_there_are() {
    let chosen = |choice, parallel| {
        let chat = with(|chat| {
            chat.tools = vec![tool("a", None), tool("b", None)];
            (chat.choice, chat.parallel_calls) = (choice, parallel);
        });
        let body = written(&chat);
        (body["tools"].as_array().unwrap().len(), body["tool_choice"].clone())
    };
    let only_a = |must| Choice::Among { names: vec![Text::new("a")], must };
    assert_eq!(chosen(None, None), (2, Value::Null));
    assert_eq!(chosen(None, Some(true)), (2, Value::Null));
    assert_eq!(chosen(None, Some(false)), (2, json!({"type": "auto", "disable_parallel_tool_use": true})));
    assert_eq!(chosen(Some(Choice::None), Some(false)), (2, json!({"type": "none"})));
    assert_eq!(chosen(Some(Choice::Auto), None), (2, json!({"type": "auto"})));
    assert_eq!(
        chosen(Some(Choice::Any), Some(false)),
        (2, json!({"type": "any", "disable_parallel_tool_use": true}))
    );
    assert_eq!(chosen(Some(Choice::One(Text::new("b"))), None), (2, json!({"type": "tool", "name": "b"})));
    assert_eq!(chosen(Some(only_a(true)), None), (1, json!({"type": "any"})));
    assert_eq!(chosen(Some(only_a(false)), None), (1, json!({"type": "auto"})));
    let none = with(|chat| (chat.choice, chat.parallel_calls) = (Some(Choice::None), Some(false)));
    let body = written(&none);
    assert!(body["tools"].is_null() && body["tool_choice"].is_null(), "{body}");
    let unknown = with(|chat| {
        chat.tools.push(tool("b", None));
        chat.choice = Some(only_a(true));
    });
    assert_eq!(refused(&unknown), "tool_choice");
}

#[test]
fn case_31_a_schema_stands_beside_the_effort() {
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    let chat = with(|chat| {
        let (name, schema) = (Some(Text::new("n")), json_of(&schema));
        chat.format = Some(Format::Schema { name, description: None, schema, strict: Some(true) });
        chat.reasoning = Some(Reasoning { effort: Some(Effort::XHigh), ..Reasoning::default() });
    });
    let body = written(&chat);
    let expected = json!({"effort": "high", "format": {"type": "json_schema", "schema": schema}});
    assert_eq!((&body["output_config"], &body["thinking"]), (&expected, &json!({"type": "adaptive"})));
    assert_eq!(refused(&with(|chat| chat.format = Some(Format::Json))), "response_format");
}

#[test]
fn case_37_a_budget_fits_the_bound() {
    let plan = |effort, asked, most| {
        let chat = with(|chat| {
            chat.max_tokens = asked;
            chat.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
        });
        let (body, told) = written_for(&chat, &to("claude-sonnet-4-5", most));
        assert!(body["output_config"].is_null(), "it has no efforts");
        (body["max_tokens"].as_u64().unwrap(), body["thinking"]["budget_tokens"].as_u64(), told.len())
    };
    assert_eq!(plan(Effort::High, Some(2000), None), (2000, Some(1024), 0));
    assert_eq!(plan(Effort::High, Some(6000), None), (6000, Some(3000), 0));
    assert_eq!(plan(Effort::High, Some(64_000), None), (64_000, Some(4096), 0));
    assert_eq!(plan(Effort::Minimal, Some(1279), None), (1279, None, 1));
    assert_eq!(plan(Effort::High, Some(100), None), (100, None, 1));
    assert_eq!(plan(Effort::High, None, None), (4096 + 4096, Some(4096), 0), "the budget is added");
    assert_eq!(plan(Effort::Max, None, Some(8192)), (8192, Some(4096), 0));
    assert_eq!(plan(Effort::None, Some(9000), None), (9000, None, 0));
}

#[test]
fn thinking_is_asked_for_as_the_model_knows_it() {
    let asked = |model: &str, reasoning| {
        let chat = with(|chat| (chat.max_tokens, chat.reasoning) = (Some(50_000), Some(reasoning)));
        let (body, told) = written_for(&chat, &to(model, None));
        (body["thinking"].clone(), body["output_config"]["effort"].clone(), told)
    };
    let effort = |effort| Reasoning { effort: Some(effort), ..Reasoning::default() };
    let none = Value::Null;
    let (adaptive, told) = (json!({"type": "adaptive"}), vec!["reasoning_effort".to_owned()]);
    assert_eq!(asked("claude-opus-4-6", effort(Effort::Minimal)), (adaptive.clone(), json!("low"), vec![]));
    assert_eq!(asked("claude-opus-4-7", effort(Effort::XHigh)), (adaptive.clone(), json!("xhigh"), vec![]));
    let budget = Reasoning { on: Some(true), budget: Some(3000), ..Reasoning::default() };
    assert_eq!(asked("claude-opus-4-7", budget), (adaptive.clone(), json!("medium"), vec![]));
    let large = Reasoning { budget: Some(60_000), ..budget };
    assert_eq!(asked("claude-opus-4-7", large), (adaptive.clone(), json!("high"), vec![]));
    let on = Reasoning { on: Some(true), ..Reasoning::default() };
    assert_eq!(asked("claude-opus-5", on), (adaptive, none.clone(), vec![]));
    assert_eq!(
        asked("claude-opus-4-7", effort(Effort::None)),
        (json!({"type": "disabled"}), none.clone(), vec![])
    );
    assert_eq!(asked("claude-fable-5", effort(Effort::None)), (none.clone(), json!("low"), told.clone()));
    assert_eq!(asked("claude-haiku-4-5", effort(Effort::None)), (none.clone(), none.clone(), vec![]));
    assert_eq!(asked("claude-3-5-haiku", effort(Effort::High)), (none.clone(), none.clone(), told));
    let enabled = json!({"type": "enabled", "budget_tokens": 3000});
    assert_eq!(asked("claude-3-7-sonnet", budget), (enabled.clone(), none.clone(), vec![]));
    assert_eq!(asked("glm-5", budget), (enabled, none, vec![]), "copies know the older form");
}

#[test]
fn case_36_a_turn_in_progress_without_thinking_has_none() {
    let asked = |model: &str, signature: &str| {
        let mut chat = chat(vec![
            (User, vec![text("q")]),
            (Assistant, vec![thinking("t", Some(signature)), call("t", "n", "")]),
            (User, vec![result("t", "r")]),
        ]);
        chat.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
        let (body, told) = written_for(&chat, &to(model, None));
        (body["thinking"]["type"].clone(), told)
    };
    let told = vec!["reasoning_effort".to_owned()];
    assert_eq!(asked("claude-opus-4-5", "weir_b2.s"), (Value::Null, told));
    assert_eq!(asked("claude-opus-4-5", "weir_a1.s"), (json!("enabled"), vec![]));
    // Adaptive thinking is not checked so.
    assert_eq!(asked("claude-opus-4-6", "weir_b2.s"), (json!("adaptive"), vec![]));
}

#[test]
fn thinking_with_a_budget_cannot_be_forced_to_call() {
    let asked = |model: &str| {
        let chat = with(|chat| {
            chat.tools.push(tool("a", None));
            chat.choice = Some(Choice::Any);
            chat.reasoning = Some(Reasoning { effort: Some(Effort::Low), ..Reasoning::default() });
        });
        let (body, told) = written_for(&chat, &to(model, None));
        (body["tool_choice"]["type"].as_str().unwrap().to_owned(), told)
    };
    assert_eq!(asked("claude-sonnet-4-5"), ("auto".to_owned(), vec!["tool_choice".to_owned()]));
    assert_eq!(asked("claude-sonnet-4-6"), ("any".to_owned(), vec![]));
}

#[test]
fn case_41_sampling_is_what_the_model_takes() {
    let asked = |model: &str, temperature: Option<&str>, top_p: Option<&str>, effort| {
        let chat = with(|chat| {
            (chat.temperature, chat.top_p, chat.top_k) =
                (temperature.and_then(field), top_p.and_then(field), field("40"));
            chat.reasoning = effort;
            chat.max_tokens = Some(20_000);
        });
        let (body, told) = written_for(&chat, &to(model, None));
        (body["temperature"].as_f64(), body["top_p"].as_f64(), body["top_k"].as_u64(), told.join(" "))
    };
    let (old, new) = ("claude-sonnet-4-5", "claude-opus-4-7");
    let high = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
    assert_eq!(asked(old, Some("0.7"), None, None), (Some(0.7), None, Some(40), String::new()));
    assert_eq!(asked(old, Some("1.6"), None, None), (Some(1.0), None, Some(40), "temperature".to_owned()));
    assert_eq!(asked(old, Some("0.7"), Some("0.9"), None), (Some(0.7), None, Some(40), "top_p".to_owned()));
    assert_eq!(asked(old, Some("0.7"), Some("1"), None), (Some(0.7), None, Some(40), String::new()));
    assert_eq!(asked(old, None, Some("0.9"), None), (None, Some(0.9), Some(40), String::new()));
    assert_eq!(
        asked(old, Some("0.7"), Some("0.9"), high),
        (None, None, None, "temperature top_p top_k".to_owned())
    );
    assert_eq!(asked(old, Some("1.0"), None, high), (Some(1.0), None, None, "top_k".to_owned()));
    assert_eq!(asked(old, None, Some("0.97"), high), (None, Some(0.97), None, "top_k".to_owned()));
    assert_eq!(
        asked(new, Some("0.7"), Some("0.9"), None),
        (None, None, None, "temperature top_p top_k".to_owned())
    );
    assert_eq!(asked(new, Some("1"), None, None), (None, None, None, "top_k".to_owned()));
}

#[test]
fn words_to_stop_at_say_something() {
    let chat = with(|chat| chat.stop = [" ", "END", "\n\n", "", "\nUser:"].map(Text::new).to_vec());
    let (body, told) = written_for(&chat, &to("claude-opus-4-6", None));
    assert_eq!((&body["stop_sequences"], told), (&json!(["END", "\nUser:"]), vec!["stop".to_owned()]));
}

#[test]
fn whose_it_is_and_its_tier_are_told_where_there_are_words_for_it() {
    let asked = |user: &str, tier: &str| {
        let chat = with(|chat| (chat.user, chat.tier) = (Some(Text::new(user)), Some(Text::new(tier))));
        let (body, told) = written_for(&chat, &to("claude-opus-4-6", None));
        (
            body["metadata"]["user_id"].as_str().map(str::to_owned),
            body["service_tier"].clone(),
            told.join(" "),
        )
    };
    assert_eq!(asked("u", "default"), (Some("u".to_owned()), json!("auto"), String::new()));
    assert_eq!(asked("", "auto"), (None, json!("auto"), String::new()));
    assert_eq!(asked("u", "flex").1, Value::Null);
    assert_eq!(asked("u", "priority").2, "service_tier");
    let (long, ..) = asked(&"u".repeat(257), "auto");
    assert_eq!(long.unwrap().len(), 64, "case 42: what is too long is hashed");
    assert!(written(&with(|chat| chat.stream = true))["stream"].as_bool().unwrap());
}

#[test]
fn what_messages_has_no_place_for_is_told_or_refused() {
    let others = |all: &[(&str, &str)]| {
        with(|chat| {
            let other = |(name, value): &(&str, &str)| Other {
                name: (*name).to_owned(),
                value: field(value).unwrap(),
            };
            chat.others = all.iter().map(other).collect();
        })
    };
    let quiet = [
        ("n", "1"),
        ("logprobs", "false"),
        ("presence_penalty", "0"),
        ("frequency_penalty", "0.0"),
        ("logit_bias", "{}"),
        ("modalities", r#"["text"]"#),
    ];
    assert_eq!(written_for(&others(&quiet), &to("m", None)).1, Vec::<String>::new());
    let told = [
        ("seed", "0"),
        ("logprobs", "true"),
        ("top_logprobs", "3"),
        ("logit_bias", r#"{"1":2}"#),
        ("presence_penalty", "0.5"),
        ("store", "true"),
        ("prediction", "{\"type\":\"content\"}"),
    ];
    let names: Vec<_> = told.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(written_for(&others(&told), &to("m", None)).1, names);
    for (name, value) in
        [("n", "2"), ("modalities", r#"["text","audio"]"#), ("tools.1", r#"{"type":"custom"}"#)]
    {
        assert_eq!(refused(&others(&[(name, value)])), name);
    }
    let mut named = hello();
    named.turns[0].name = Some(Text::new("Ann"));
    assert_eq!(written_for(&named, &to("m", None)).1, ["messages.name"]);
}
