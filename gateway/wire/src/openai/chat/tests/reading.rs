//! What is read.

use super::made::{read_messages, read_value};
use crate::hub::{Arguments, Choice, Effort, Format, Part, Reasoning, Role, Source};
use crate::json::text::Text;
use serde_json::{Value, json};

/// The turns in short: role and parts.
fn outline(messages: Value) -> Vec<String> {
    let chat = read_messages(messages).unwrap();
    let short = |part: &Part| match part {
        Part::Text { text, .. } => format!("text {}", text.said()),
        Part::Image { source: Source::Data { media_type, data }, .. } => {
            format!("image {} {}", media_type.said(), data.said())
        }
        Part::Image { source: Source::Url(url), .. } => format!("image {}", url.said()),
        Part::Document { source: Source::Data { media_type, data }, name, .. } => {
            let name = name.as_ref().map(Text::said).unwrap_or_default();
            format!("document {name} {} {}", media_type.said(), data.said())
        }
        Part::Audio { data, format } => format!("audio {} {}", format.said(), data.said()),
        Part::Call { id, name, arguments, .. } => {
            let arguments = match arguments {
                Arguments::Json(json) => format!("json {}", String::from_utf8_lossy(json.bytes())),
                Arguments::Text(text) => format!("text {}", text.said()),
            };
            format!("call {} {} {arguments}", id.said(), name.said())
        }
        Part::Result { id, parts, .. } => format!("result {} {}", id.said(), parts.len()),
        Part::Thinking { text, signature } => {
            format!("thinking {} {:?}", text.said(), signature.as_ref().map(Text::said))
        }
        Part::Redacted { data } => format!("redacted {}", data.said()),
        Part::Refusal { text } => format!("refusal {}", text.said()),
        other => panic!("{other:?}"),
    };
    let turns = chat.turns.iter().map(|turn| {
        let parts: Vec<String> = turn.parts.iter().map(short).collect();
        format!("{} {:?}: {}", turn.at, turn.role, parts.join(" | "))
    });
    turns.collect()
}

fn called(id: &str, name: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}})
}

fn calls(calls: &[Value]) -> Value {
    json!({"role": "assistant", "content": null, "tool_calls": calls})
}

fn tool(id: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": "it is so"})
}

#[test]
fn every_role_and_part_of_openai_s_description_is_read() {
    // Source: the examples of OpenAI's API description, `ChatCompletionRequestMessage`.
    let turns = outline(json!([
        {"role": "system", "content": "s", "name": "n"},
        {"role": "developer", "content": [{"type": "text", "text": "d"}]},
        {"content": [
            {"type": "text", "text": "a"},
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
            {"file": {"filename": "a.pdf", "file_data": "DATA:application/pdf;name=x;Base64,JVBE"}, "type": "file"},
            {"type": "text", "text": "b"}
        ], "role": "user"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}], "refusal": null, "annotations": []},
        {"role": "assistant", "content": null, "refusal": "not this either"},
    ]));
    assert_eq!(
        turns,
        [
            "messages.0 System: text s",
            "messages.1 Developer: text d",
            "messages.2 User: text a | image https://x.test/a.png | image image/png QUJD | audio wav UklG | \
             document a.pdf application/pdf JVBE | text b",
            "messages.3 Assistant: refusal no",
            "messages.4 Assistant: refusal not this either",
        ]
    );
}

#[test]
fn case_3_ids_that_repeat_are_paired_in_order() {
    let turns = outline(json!([
        {"role": "user", "content": "q"},
        calls(&[called("call_0", "a"), called("call_0", "b")]), tool("call_0"), tool("call_0"),
        calls(&[called("call_0", "a")]), tool("call_0"),
    ]));
    assert_eq!(turns[2], "messages.2 User: result call_0 1 | result call_0 1");
    assert_eq!(turns[4], "messages.5 User: result call_0 1");
}

#[test]
fn case_4_arguments_may_be_an_object_null_or_missing() {
    let turns = outline(json!([
        calls(&[
            json!({"id": "1", "function": {"name": "f", "arguments": "{\"b\": 1, \"a\": 2}"}}),
            json!({"id": "2", "function": {"arguments": {"p": "a"}, "name": "f"}}),
            json!({"id": "3", "function": {"name": "f", "arguments": null}}),
            json!({"id": "4", "function": {"name": "f"}}),
        ]),
        tool("1"),
        tool("2"),
        tool("3"),
        tool("4"),
    ]));
    assert_eq!(
        turns[0],
        "messages.0 Assistant: call 1 f text {\"b\": 1, \"a\": 2} | call 2 f json {\"p\":\"a\"} | call 3 f json {} | \
         call 4 f json {}"
    );
}

#[test]
fn case_6_all_results_stand_in_one_turn_behind_their_calls() {
    let turns = outline(json!([
        {"role": "user", "content": "q"},
        calls(&[called("t1", "a"), called("t2", "b")]),
        tool("t1"),
        {"role": "user", "content": "and"},
        tool("t2"),
        {"role": "user", "content": "so"},
    ]));
    assert_eq!(
        turns[2..],
        [
            "messages.2 User: result t1 1 | result t2 1",
            "messages.3 User: text and",
            "messages.5 User: text so"
        ]
    );
    let late = outline(json!([calls(&[called("t1", "a")]), {"role": "user", "content": "wait"}, tool("t1")]));
    assert_eq!(late[1..], ["messages.2 User: result t1 1", "messages.1 User: text wait"]);
}

#[test]
fn case_34_reasoning_is_read_once_in_its_fullest_form() {
    for (fields, expected) in [
        (json!({"reasoning_content": "t"}), "thinking t None"),
        (json!({"reasoning": "t"}), "thinking t None"),
        (json!({"reasoning_content": "t", "reasoning": "t"}), "thinking t None"),
        (json!({"reasoning_content": "", "reasoning": null}), ""),
        (
            json!({"reasoning_content": "ab", "thinking_blocks": [
                {"type": "thinking", "thinking": "ab", "signature": "s"},
                {"type": "redacted_thinking", "data": "r"},
                {"type": "thinking", "thinking": "", "signature": "s2"},
            ]}),
            r#"thinking ab Some("s") | redacted r | thinking  Some("s2")"#,
        ),
        (
            // A stream's pieces, as OpenRouter's clients put them together.
            json!({"reasoning": "abc", "reasoning_details": [
                {"type": "reasoning.text", "text": "a", "format": "anthropic-claude-v1", "index": 0},
                {"type": "reasoning.text", "text": "b", "index": 0},
                {"type": "reasoning.text", "signature": "s", "index": 0},
                {"type": "reasoning.encrypted", "data": "r", "index": 1},
                {"type": "reasoning.summary", "summary": "c", "index": 2},
            ]}),
            r#"thinking ab Some("s") | redacted r | thinking c None"#,
        ),
    ] {
        let mut message = json!({"role": "assistant", "content": "said"});
        message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let before = if expected.is_empty() { String::new() } else { format!("{expected} | ") };
        let expected = format!("messages.0 Assistant: {before}text said");
        assert_eq!(outline(json!([message])), [expected]);
    }
}

#[test]
fn case_25_a_prefix_of_audio_is_cut() {
    let audio = json!({"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,UklG", "format": "wav"}});
    assert_eq!(outline(json!([{"role": "user", "content": [audio]}])), ["messages.0 User: audio wav UklG"]);
}

#[test]
fn marks_of_what_is_to_be_cached_are_kept() {
    let mark = json!({"type": "ephemeral"});
    let chat = read_value(&json!({"messages": [
        {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": mark}]},
        {"role": "assistant", "tool_calls": [called("1", "f")]},
        {"role": "tool", "tool_call_id": "1", "content": "r", "cache_control": mark},
        {"role": "user", "content": "u", "cache_control": mark},
    ], "tools": [{"type": "function", "function": {"name": "f"}, "cache_control": mark}]}))
    .unwrap();
    let marked = |part: &Part| match part {
        Part::Text { cache, .. } | Part::Result { cache, .. } => cache.is_some(),
        _ => false,
    };
    for turn in [0, 2, 3] {
        assert!(marked(&chat.turns[turn].parts[0]), "{turn}");
    }
    assert_eq!(chat.tools[0].cache.as_ref().unwrap().bytes(), r#"{"type":"ephemeral"}"#);
}

#[test]
fn case_64_tools_may_be_nested_flat_or_in_anthropic_s_form() {
    let schema = json!({"type": "object", "properties": {"z": {}, "a": {}}});
    let chat = read_value(&json!({"messages": [{"role": "user", "content": "q"}], "tools": [
        {"type": "function", "function": {"name": "a", "description": "d", "parameters": schema, "strict": true}},
        {"type": "function", "name": "b", "description": "d", "parameters": schema, "strict": null},
        {"name": "c", "description": "", "input_schema": schema},
        {"type": "custom", "name": "d", "input_schema": schema},
        {"type": "function", "function": {"name": "e", "parameters": null}},
    ]}))
    .unwrap();
    let names: Vec<_> = chat.tools.iter().map(|tool| tool.name.said().into_owned()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    for tool in &chat.tools[..4] {
        assert_eq!(serde_json::from_slice::<Value>(tool.schema.as_ref().unwrap().bytes()).unwrap(), schema);
    }
    assert_eq!(
        chat.tools.iter().map(|tool| tool.strict).collect::<Vec<_>>(),
        [Some(true), None, None, None, None]
    );
    assert!(chat.tools[2].description.is_none() && chat.tools[4].schema.is_none());
}

fn chosen(choice: Value) -> Option<Choice> {
    let tools = json!([{"type": "function", "function": {"name": "a"}}]);
    let body = json!({"messages": [{"role": "user", "content": "q"}], "tool_choice": choice, "tools": tools});
    read_value(&body).unwrap().choice
}

#[test]
fn a_choice_is_a_word_a_tool_or_some_tools() {
    assert!(matches!(chosen(json!("none")), Some(Choice::None)));
    assert!(matches!(chosen(json!("auto")), Some(Choice::Auto)));
    assert!(matches!(chosen(json!("required")), Some(Choice::Any)));
    assert!(chosen(json!(null)).is_none());
    for one in [
        json!({"type": "function", "function": {"name": "a"}}),
        json!({"type": "function", "name": "a"}),
        json!({"name": "a", "type": "tool"}),
    ] {
        assert!(matches!(chosen(one), Some(Choice::One(name)) if name.said() == "a"));
    }
}

#[test]
fn case_12_allowed_tools_are_kept_by_name() {
    let tools = json!([{"type": "function", "function": {"name": "a"}}, {"type": "function", "name": "b"}]);
    for (mode, expected) in [("required", true), ("auto", false)] {
        let choice = json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}});
        let Some(Choice::Among { names, must }) = chosen(choice) else { panic!("{mode}") };
        assert_eq!((names.len(), names[0].said().into_owned(), must), (2, "a".to_owned(), expected));
    }
}

#[test]
fn case_11_without_tools_nothing_says_how_they_are_called() {
    for tools in [json!(null), json!([])] {
        let body = json!({"messages": [{"role": "user", "content": "q"}], "tools": tools, "tool_choice": "auto",
            "parallel_tool_calls": false});
        let chat = read_value(&body).unwrap();
        assert!(chat.choice.is_none() && chat.parallel_calls.is_none());
    }
}

#[test]
fn tuning_is_read_in_openai_s_words() {
    let chat = read_value(&json!({
        "max_tokens": 5, "max_completion_tokens": 7, "temperature": 0.50, "top_p": 1, "top_k": 40, "stop": "END",
        "stream": true, "stream_options": {"include_usage": true}, "user": "u", "safety_identifier": "s",
        "service_tier": "flex", "n": 2, "seed": 1, "logit_bias": null, "store": false, "reasoning_effort": "xhigh",
        "parallel_tool_calls": false, "tools": [{"type": "function", "function": {"name": "f"}}], "model": "m",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}, "strict": true}},
        "messages": [{"role": "user", "content": "q", "x": 1}, {"role": "user", "content": "q", "x": 2}],
    }))
    .unwrap();
    assert_eq!(chat.max_tokens, Some(7), "the newer of the two");
    assert_eq!(chat.temperature.unwrap().bytes(), "0.5");
    assert_eq!((chat.top_k.unwrap().bytes().clone(), chat.stream), ("40".into(), true));
    assert_eq!(chat.stop, [Text::new("END")]);
    assert_eq!(chat.user, Some(Text::new("s")));
    assert_eq!(chat.tier, Some(Text::new("flex")));
    assert_eq!(chat.parallel_calls, Some(false));
    assert_eq!(chat.reasoning.unwrap().effort, Some(Effort::XHigh));
    assert!(matches!(chat.format, Some(Format::Schema { strict: Some(true), .. })));
    let mut others: Vec<_> = chat.others.iter().map(|other| other.name.as_str()).collect();
    others.sort_unstable();
    assert_eq!(others, ["messages.0.x", "n", "seed", "store", "user"], "each once, and no null");
}

#[test]
fn reasoning_is_read_in_three_vendors_words() {
    let on = |on, effort, budget| Some(Reasoning { on, effort, budget });
    for (fields, expected) in [
        (json!({"reasoning_effort": "none"}), on(None, Some(Effort::None), None)),
        (json!({"reasoning_effort": null}), None),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}), on(Some(true), None, Some(2048))),
        (json!({"thinking": {"type": "disabled"}}), on(Some(false), None, None)),
        (
            json!({"thinking": {"type": "adaptive"}, "reasoning_effort": "max"}),
            on(Some(true), Some(Effort::Max), None),
        ),
        (json!({"reasoning": {"effort": "low", "max_tokens": 9}}), on(None, Some(Effort::Low), Some(9))),
        (json!({"reasoning": {"enabled": true}}), on(Some(true), None, None)),
        (json!({"thinking": {}}), None),
    ] {
        let mut body = json!({"messages": [{"role": "user", "content": "q"}]});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(read_value(&body).unwrap().reasoning, expected, "{fields}");
    }
}

#[test]
fn strings_stay_as_they_are_written() {
    let body = r#"{"messages":[{"role":"user","content":"a\/b \u00e9\n\ud83d\ude00 \ud800"}]}"#;
    let chat = super::super::read(&bytes::Bytes::from(body)).unwrap();
    let Part::Text { text, .. } = &chat.turns[0].parts[0] else { panic!() };
    assert_eq!(text.json(), r#""a\/b \u00e9\n\ud83d\ude00 \ufffd""#);
    assert_eq!(chat.turns[0].role, Role::User);
}
