use super::*;
use crate::anthropic::facts;
use crate::hub::{Arguments, Choice, Effort, Format, Reasoning, Source};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn try_read(body: &str) -> Result<Chat, BadRequest> {
    facts(body)?;
    read(&Bytes::copy_from_slice(body.as_bytes()))
}

/// A request with these fields.
fn chat(fields: &str) -> Chat {
    try_read(&format!(r#"{{"model":"m","max_tokens":9,{fields}}}"#)).unwrap()
}

fn refused(fields: &str) -> String {
    let bad = try_read(&format!(r#"{{"model":"m","max_tokens":9,{fields}}}"#)).unwrap_err();
    assert!(bad.param.is_some(), "{bad:?}");
    bad.message
}

/// One message of the user's with these blocks.
fn parts(blocks: &str) -> Vec<Part> {
    let chat = chat(&format!(r#""messages":[{{"role":"user","content":[{blocks}]}}]"#));
    chat.turns.into_iter().next().unwrap().parts
}

fn said(parts: &[Part]) -> Vec<String> {
    let text = |part: &Part| match part {
        Part::Text { text, .. } => Some(text.said().into_owned()),
        _ => None,
    };
    parts.iter().filter_map(text).collect()
}

fn names(chat: &Chat) -> Vec<&str> {
    chat.others.iter().map(|other| other.name.as_str()).collect()
}

#[test]
fn who_says_what_is_read_whatever_the_order_of_the_keys() {
    let chat = chat(
        r#""messages":[{"content":"Hi","role":"user"},{"role":"assistant","content":[{"text":"a\n","type":"text"}]},
        {"role":"system","content":[{"type":"text","text":"b"}]},{"role":"user","content":[]}],
        "system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}]"#,
    );
    let turns: Vec<_> =
        chat.turns.iter().map(|turn| (turn.role, turn.at.as_str(), said(&turn.parts))).collect();
    let text = |text: &str| vec![text.to_owned()];
    assert_eq!(
        turns,
        [
            (Role::System, "system", text("s")),
            (Role::User, "messages.0", text("Hi")),
            (Role::Assistant, "messages.1", text("a\n")),
            (Role::System, "messages.2", text("b")),
            (Role::User, "messages.3", vec![]),
        ]
    );
    let [Part::Text { cache: Some(cache), .. }] = &chat.turns[0].parts[..] else { panic!("{chat:?}") };
    assert_eq!(cache.bytes(), r#"{"type":"ephemeral","ttl":"1h"}"#);
    assert_eq!(chat.max_tokens, Some(9));
}

#[test]
fn case_16_the_billing_line_is_left_out() {
    let system = |text: &str| {
        let system = format!(r#""system":[{{"type":"text","text":"{text}"}},{{"type":"text","text":"s"}}]"#);
        said(&chat(&format!(r#"{system},"messages":[]"#)).turns[0].parts)
    };
    assert_eq!(system("x-anthropic-billing-header: cc_version=2; cch=0b1c2;"), ["s"]);
    assert_eq!(system("You say x-anthropic-billing-header:"), ["You say x-anthropic-billing-header:", "s"]);
}

#[test]
fn calls_and_results_are_read() {
    let chat = chat(
        r#""messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"weir_a.s"},
        {"type":"redacted_thinking","data":"d"},{"type":"tool_use","id":"t1","name":"n","input":{"b":1.0,"a":[2]},"caller":{"type":"direct"}},
        {"type":"tool_use","id":"t2","name":"n","input":null},{"type":"tool_use","id":"t3","name":"n"}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"ENOENT"},
        {"type":"text","text":"x"},{"type":"tool_result","tool_use_id":"t2","content":[{"type":"text","text":"y"},
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}},{"type":"tool_reference","tool_name":"found"}]},
        {"type":"tool_result","tool_use_id":"t3"}]}]"#,
    );
    let [thinking, redacted, calls @ ..] = &chat.turns[0].parts[..] else { panic!("{chat:?}") };
    assert!(
        matches!(thinking, Part::Thinking { text, signature: Some(mark) } if text.is_empty() && mark.said() == "weir_a.s")
    );
    assert!(matches!(redacted, Part::Redacted { data } if data.said() == "d"));
    let inputs: Vec<_> = calls
        .iter()
        .map(|call| match call {
            Part::Call { arguments: Arguments::Json(json), .. } => json.bytes().clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(inputs, [r#"{"b":1.0,"a":[2]}"#, "{}", "{}"], "case 4: null is no argument");
    let [first, between, second, third] = &chat.turns[1].parts[..] else { panic!("{chat:?}") };
    assert!(
        matches!(first, Part::Result { id, is_error: true, parts, .. } if id.said() == "t1" && said(parts) == ["ENOENT"])
    );
    assert!(matches!(between, Part::Text { .. }));
    let Part::Result { parts, is_error: false, .. } = second else { panic!("{second:?}") };
    assert_eq!(said(parts), ["y", "found"], "case 13: a reference is its name");
    assert!(matches!(&parts[1], Part::Image { source: Source::Data { .. }, .. }));
    assert!(matches!(third, Part::Result { parts, .. } if parts.is_empty()));
    assert!(chat.others.is_empty(), "{:?}", chat.others);
}

#[test]
fn case_7_orphans_are_refused_by_name() {
    let call = r#"{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{}}]}"#;
    let result = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"r"}]}"#;
    let (user, answer) = (r#"{"role":"user","content":"u"}"#, r#"{"role":"assistant","content":"a"}"#);
    let system = r#"{"role":"system","content":"s"}"#;
    for (turns, expected) in [
        (vec![call], Some("`messages.0`: the tool call `t` has no result in what follows it.")),
        (
            vec![user, call, user, answer, result],
            Some("`messages.1`: the tool call `t` has no result in what follows it."),
        ),
        (vec![result], Some("`messages.0`: the tool result of `t` follows no such tool call.")),
        (
            vec![user, call, result, result],
            Some("`messages.3`: the tool result of `t` follows no such tool call."),
        ),
        (vec![user, call, answer, result], None),
        (vec![call, system, user, result, call, result], None),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{}]}}"#, turns.join(","));
        assert_eq!(try_read(&body).err().map(|bad| bad.message).as_deref(), expected, "{body}");
    }
}

#[test]
fn case_22_documents_are_read_and_what_is_unknown_is_refused_by_name() {
    let pdf = parts(
        r#"{"type":"document","title":"t","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="}}"#,
    );
    assert!(matches!(&pdf[..], [Part::Document { source: Source::Data { .. }, name: Some(_), .. }]));
    let text = parts(
        r#"{"type":"document","context":"c","source":{"type":"text","media_type":"text/plain","data":"d"}}"#,
    );
    assert_eq!(said(&text), ["c"]);
    assert!(matches!(&text[1], Part::Document { source: Source::Text(text), .. } if text.said() == "d"));
    let url = parts(r#"{"type":"document","source":{"type":"url","url":"https://e.org/a.pdf"}}"#);
    assert!(matches!(&url[..], [Part::Document { source: Source::Url(_), .. }]));
    let blocks = r#"{"type":"document","cache_control":{"type":"ephemeral"},"source":{"type":"content","content":[
        {"type":"text","text":"a"},{"type":"image","source":{"type":"url","url":"https://e.org/b.png"}}]}}"#;
    let blocks = parts(blocks);
    assert!(matches!(&blocks[..], [Part::Text { cache: None, .. }, Part::Image { cache: Some(_), .. }]));
    for (block, expected) in [
        (r#"{"type":"search_result"}"#, "`messages.0.content.0` is a block of type `search_result`"),
        (r#"{"type":"server_tool_use"}"#, "`messages.0.content.0` is a block of type `server_tool_use`"),
        (
            r#"{"type":"document","source":{"type":"file","file_id":"f"}}"#,
            "`messages.0.content.0.source` is of type `file`",
        ),
        (
            r#"{"type":"image","source":{"type":"file","file_id":"f"}}"#,
            "`messages.0.content.0.source` is of type `file`",
        ),
        (r#"{"type":"image"}"#, "`messages.0.content.0` has no `source`"),
        (r#"{"text":"no type"}"#, "`messages.0.content.0.type` is missing"),
        (r#"{"type":"text"}"#, "`messages.0.content.0.text` is missing"),
        (r#"{"type":"text","text":[]}"#, "`messages.0.content.0.text` must be a string, not an array"),
        ("7", "`messages.0.content.0` must be an object, not a number"),
        (
            r#"{"type":"tool_use","id":"t","name":"n","input":"x"}"#,
            "`messages.0.content.0.input` must be an object",
        ),
        (
            r#"{"type":"tool_use","id":"t","name":"n","input":{}}"#,
            "`messages.0.content` has a `tool_use` block",
        ),
        (r#"{"type":"thinking","thinking":"t"}"#, "`messages.0.content` has a `thinking` block"),
        (
            r#"{"content":[{"type":"audio","x":["}"]}],"tool_use_id":"t","type":"tool_result"}"#,
            "`messages.0.content.0.content.0` is a block of type `audio`",
        ),
    ] {
        let message = refused(&format!(r#""messages":[{{"role":"user","content":[{block}]}}]"#));
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn what_has_another_form_is_refused_by_name() {
    for (fields, expected) in [
        (r#""messages":{}"#, "`messages` must be an array, not an object."),
        (r#""messages":[1]"#, "`messages.0` must be an object, not a number."),
        (r#""messages":[{"content":"x"}]"#, "`messages.0.role` is missing."),
        (r#""messages":[{"role":"user"}]"#, "`messages.0.content` is missing."),
        (
            r#""messages":[{"role":"tool","content":"x"}]"#,
            "`messages.0.role` must be `user`, `assistant` or `system`, not `tool`.",
        ),
        (
            r#""messages":[{"role":"user","content":1}]"#,
            "`messages.0.content` must be a string or an array of blocks, not a number.",
        ),
        (
            r#""system":[{"type":"image"}]"#,
            "`system.0` is a block of type `image`, which the model that was chosen has no words for.",
        ),
        (r#""tools":[{"description":"d"}]"#, "`tools.0.name` is missing."),
        (r#""tool_choice":{"type":"some"}"#, "`tool_choice` has the type `some`, which is unknown."),
        (r#""tool_choice":{"type":"tool"}"#, "`tool_choice.name` is missing."),
        (
            r#""thinking":{"type":"enabled","budget_tokens":-1}"#,
            "`thinking.budget_tokens` must be a whole number that is not negative.",
        ),
        (r#""output_config":{"effort":"huge"}"#, "`output_config.effort` is `huge`, which is unknown."),
        (r#""output_config":{"format":{"type":"json_schema"}}"#, "`output_config.format.schema` is missing."),
        (r#""stop_sequences":["a",1]"#, "`stop_sequences.1` must be a string, not a number."),
        (r#""temperature":"1""#, "`temperature` must be a number, not a string."),
    ] {
        assert_eq!(refused(fields), expected);
    }
    assert_eq!(try_read(r#"{"model":"m","max_tokens":"9"}"#).unwrap_err().param, Some("max_tokens"));
}

#[test]
fn tools_are_read_and_those_that_run_at_anthropic_are_kept_apart() {
    let chat = chat(
        r#""messages":[],"tools":[{"name":"a","description":"d","input_schema":{"type":"object","$schema":"s"},"strict":true,"defer_loading":true},
        {"type":"web_search_20250305","name":"web_search","max_uses":3},{"type":"custom","name":"b","input_schema":{},
        "cache_control":{"type":"ephemeral"},"defer_loading":true,"eager_input_streaming":false,"input_examples":[]}],
        "tool_choice":{"type":"tool","name":"a","disable_parallel_tool_use":true}"#,
    );
    let tools: Vec<_> = chat.tools.iter().map(|tool| (tool.name.said(), tool.strict)).collect();
    assert_eq!(tools, [("a".into(), Some(true)), ("b".into(), None)]);
    assert_eq!(chat.tools[0].schema.as_ref().unwrap().bytes(), r#"{"type":"object","$schema":"s"}"#);
    assert!(chat.tools[1].cache.is_some());
    assert_eq!(names(&chat), ["tools.defer_loading", "tools.1"], "case 10, 13: kept to be told");
    assert!(matches!(chat.choice, Some(Choice::One(ref name)) if name.said() == "a"));
    assert_eq!(chat.parallel_calls, Some(false));
}

#[test]
fn case_38_thinking_and_effort_are_one_wish() {
    for (fields, expected) in [
        (r#""thinking":{"type":"adaptive"}"#, Reasoning { on: Some(true), ..Reasoning::default() }),
        (
            r#""output_config":{"effort":"max"},"thinking":{"type":"enabled","budget_tokens":2048}"#,
            Reasoning { on: Some(true), effort: Some(Effort::Max), budget: Some(2048) },
        ),
        (r#""thinking":{"type":"disabled"}"#, Reasoning { on: Some(false), ..Reasoning::default() }),
        (
            r#""output_config":{"effort":"low"}"#,
            Reasoning { effort: Some(Effort::Low), ..Reasoning::default() },
        ),
    ] {
        assert_eq!(chat(&format!(r#"{fields},"messages":[]"#)).reasoning, Some(expected), "{fields}");
    }
    assert_eq!(chat(r#""messages":[],"thinking":null"#).reasoning, None);
}

#[test]
fn what_only_some_apis_have_is_kept_by_its_name() {
    let chat = chat(
        r#""messages":[{"role":"user","content":[{"type":"text","text":"a","citations":null}],"effort":"low"}],
        "context_management":{"edits":[1]},"thinking":{"type":"adaptive","display":"omitted"},"container":null,
        "output_config":{"task_budget":{"total":1},"format":{"type":"json_schema","schema":{"type":"object"}}},
        "metadata":{"user_id":"u","team":"t"},"service_tier":"standard_only","stop_sequences":["x","y"],
        "temperature":0.70,"top_p":1,"top_k":5,"stream":true,"mcp_servers":[]"#,
    );
    assert_eq!(
        names(&chat),
        [
            "messages.effort",
            "context_management",
            "thinking.display",
            "output_config.task_budget",
            "metadata.team"
        ]
    );
    assert_eq!(chat.others[1].value.bytes(), r#"{"edits":[1]}"#);
    assert!(
        matches!(&chat.format, Some(Format::Schema { schema, .. }) if schema.bytes() == r#"{"type":"object"}"#)
    );
    let texts = [&chat.user, &chat.tier].map(|text| text.as_ref().unwrap().said().into_owned());
    assert_eq!(texts, ["u", "standard_only"]);
    let numbers =
        [&chat.temperature, &chat.top_p, &chat.top_k].map(|number| number.as_ref().unwrap().bytes().clone());
    assert_eq!(numbers, ["0.70", "1", "5"], "as they are written");
    assert_eq!((chat.stop.len(), chat.stream), (2, true));
}

#[test]
fn a_long_text_is_shared_with_the_body() {
    let body = Bytes::from(
        json!({"model": "m", "messages": [{"role": "user", "content": "x".repeat(9000)}]}).to_string(),
    );
    let chat = read(&body).unwrap();
    let Part::Text { text, .. } = &chat.turns[0].parts[0] else { panic!("{chat:?}") };
    assert!(body.as_ptr_range().contains(&text.json().as_ptr()));
    let _: Value = serde_json::from_slice(text.json()).unwrap();
}

/// JSON of the words that requests have, in places where they belong and where they don't.
fn any_json() -> impl Strategy<Value = Value> {
    let words = [
        "type",
        "text",
        "role",
        "user",
        "assistant",
        "content",
        "tool_use",
        "tool_result",
        "thinking",
        "image",
        "document",
        "source",
        "base64",
        "data",
        "id",
        "name",
        "input",
        "tool_use_id",
        "media_type",
        "custom",
        "enabled",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(select(words.to_vec()).prop_map(str::to_owned), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_stands_there_is_read_or_refused_by_name(
        key in select(&["messages", "system", "tools", "tool_choice", "thinking", "output_config", "metadata"][..]),
        value in any_json(),
        as_content: bool,
    ) {
        let value = if as_content { json!([{"role": "user", "content": value}]) } else { value };
        let body = json!({"model": "m", key: value});
        if let Err(bad) = try_read(&body.to_string()) {
            prop_assert_eq!(bad.param, Some(key));
            prop_assert!(bad.message.starts_with(&format!("`{key}")), "{}", bad.message);
        }
    }
}
