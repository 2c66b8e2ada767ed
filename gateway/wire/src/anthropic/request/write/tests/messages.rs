//! Turns, blocks, ids, markers.

use super::*;
use Role::{Assistant, Developer, System, User};

fn messages(turns: Vec<(Role, Vec<Part>)>) -> Value {
    written(&chat(turns))["messages"].clone()
}

#[test]
fn leading_system_turns_are_hoisted_and_joined_as_blocks() {
    let body = written(&chat(vec![
        (System, vec![text("a")]),
        (Developer, vec![marked("b"), text(" ")]),
        (User, vec![text("u")]),
    ]));
    let expected = json!([block("a"), {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(body["system"], expected);
    assert_eq!(body["messages"], json!([{"role": "user", "content": [block("u")]}]));
}

#[test]
fn case_20_what_only_the_system_says_is_what_the_user_asks() {
    let body = written(&chat(vec![(System, vec![text("a")]), (System, vec![text("b")])]));
    assert_eq!(body["system"], Value::Null);
    assert_eq!(body["messages"], json!([{"role": "user", "content": [block("a"), block("b")]}]));
    for silent in [vec![], vec![(User, vec![text("")])], vec![(System, vec![text(" \n")]), (User, vec![])]] {
        assert_eq!(refused(&chat(silent)), "messages");
    }
}

#[test]
fn case_20_empty_turns_are_dropped_and_neighbors_merged() {
    let turns = vec![
        (User, vec![text("a"), text(""), text(" \n\t")]),
        (Assistant, vec![text("")]),
        (User, vec![text("b")]),
        (Assistant, vec![text("c")]),
        (Assistant, vec![text("d")]),
        (User, vec![text("e")]),
    ];
    let expected = json!([
        {"role": "user", "content": [block("a"), block("b")]},
        {"role": "assistant", "content": [block("c"), block("d")]},
        {"role": "user", "content": [block("e")]},
    ]);
    assert_eq!(messages(turns), expected);
}

#[test]
fn case_15_a_system_turn_in_the_middle_is_the_users_text_in_its_place() {
    let turns = || {
        vec![
            (User, vec![text("a")]),
            (Assistant, vec![call("t", "n", "")]),
            (System, vec![text("s")]),
            (User, vec![result("t", "r"), text("b")]),
            (Developer, vec![text("d")]),
            (Assistant, vec![text("c")]),
            (System, vec![text("e")]),
        ]
    };
    let tool_use = json!({"type": "tool_use", "id": "t", "name": "n", "input": {}});
    let tool_result = json!({"type": "tool_result", "tool_use_id": "t", "content": "r"});
    let expected = json!([
        {"role": "user", "content": [block("a")]},
        {"role": "assistant", "content": [tool_use]},
        {"role": "user", "content": [tool_result, block("s"), block("b"), block("d")]},
        {"role": "assistant", "content": [block("c")]},
        {"role": "user", "content": [block("e")]},
    ]);
    assert_eq!(messages(turns()), expected);
    // Newer models take them, but only behind a user's turn and in front of an assistant's or last.
    let (body, _) = written_for(&chat(turns()), &to("claude-opus-4-8", None));
    let expected = json!([
        {"role": "user", "content": [block("a")]},
        {"role": "assistant", "content": [tool_use]},
        {"role": "user", "content": [tool_result, block("s"), block("b")]},
        {"role": "system", "content": [block("d")]},
        {"role": "assistant", "content": [block("c")]},
        {"role": "user", "content": [block("e")]},
    ]);
    assert_eq!(body["messages"], expected);
}

#[test]
fn case_6_all_results_stand_in_one_turn_and_first() {
    let turns = vec![
        (User, vec![text("q")]),
        (Assistant, vec![text("look"), call("1", "n", "{}"), call("2", "n", r#"{"b":1,"a":2}"#)]),
        (User, vec![result("1", "one")]),
        (User, vec![text("hurry")]),
        (User, vec![result("2", "")]),
    ];
    let expected = json!([
        {"role": "user", "content": [block("q")]},
        {"role": "assistant", "content": [
            block("look"),
            {"type": "tool_use", "id": "1", "name": "n", "input": {}},
            {"type": "tool_use", "id": "2", "name": "n", "input": {"b": 1, "a": 2}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "1", "content": "one"},
            {"type": "tool_result", "tool_use_id": "2"},
            block("hurry"),
        ]},
    ]);
    assert_eq!(messages(turns), expected);
}

#[test]
fn case_5_arguments_and_schemas_keep_the_order_of_their_keys() {
    let mut chat = chat(vec![
        (User, vec![text("q")]),
        (Assistant, vec![call("1", "n", r#"{"path":"x","edits":[{"z":1,"a":2}]}"#)]),
        (User, vec![result("1", "one")]),
    ]);
    let mut tool = tool("n", None);
    let schema = r#"{"type":"object","properties":{"z":{"type":"string"},"a":{}},"$schema":"x"}"#;
    tool.schema = Some(Json::read(Bytes::from(schema)));
    chat.tools.push(tool);
    let body = write(&chat, &to("claude-opus-4-8", None)).unwrap().body.concat();
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains(r#""input":{"path":"x","edits":[{"z":1,"a":2}]}"#), "{body}");
    assert!(body.contains(schema), "{body}");
}

#[test]
fn case_2_and_3_ids_that_anthropic_takes_stay_and_none_is_twice() {
    let history = vec![
        (User, vec![text("q")]),
        (Assistant, vec![call("functions.Bash:0", "n", ""), call("toolu_1", "n", ""), call("", "n", "")]),
        (User, vec![result("", "c"), result("functions.Bash:0", "a"), result("toolu_1", "b")]),
        (Assistant, vec![call("call_0", "n", ""), call("call_0", "n", "")]),
        (User, vec![result("call_0", "first"), result("call_0", "second")]),
        (Assistant, vec![call("call_0", "n", "")]),
        (User, vec![result("call_0", "third")]),
    ];
    let earlier = messages(history[..3].to_vec());
    let all = messages(history);
    let ids = |turn: usize, key: &str| -> Vec<String> {
        let blocks = all[turn]["content"].as_array().unwrap().iter();
        blocks.filter_map(|block| block[key].as_str().map(str::to_owned)).collect()
    };
    let first = ids(1, "id");
    assert!(first[0].starts_with("functions_Bash_0_") && ids::is_plain(&first[0]), "{first:?}");
    assert!(first[1] == "toolu_1" && ids::is_plain(&first[2]), "{first:?}");
    assert_eq!(ids(2, "tool_use_id"), [&*first[2], &*first[0], &*first[1]]);
    assert_eq!(ids(3, "id"), ["call_0", "call_0_2"]);
    assert_eq!(ids(4, "tool_use_id"), ["call_0", "call_0_2"], "paired in order");
    assert_eq!(ids(5, "id"), ["call_0_3"]);
    assert_eq!(ids(6, "tool_use_id"), ["call_0_3"]);
    assert_eq!(all.as_array().unwrap()[..3], earlier.as_array().unwrap()[..], "the same in each turn");
}

#[test]
fn many_calls_of_one_name_cost_no_more_than_each() {
    let many = 20_000;
    let calls = (0..many).map(|_| call("x", "n", "")).collect();
    let results = (0..many).map(|_| result("x", "r")).collect();
    let own: Vec<_> = (0..many).map(|at| call(&format!("x_{at}"), "n", "")).collect();
    let answers = (0..many).rev().map(|at| result(&format!("x_{at}"), "r")).collect();
    let all = messages(vec![(Assistant, own), (User, answers), (Assistant, calls), (User, results)]);
    let ids = |turn: usize, key: &str| -> Vec<String> {
        let blocks = all[turn]["content"].as_array().unwrap().iter();
        blocks.map(|block| block[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(2, "id"), ids(3, "tool_use_id"));
    let unique: std::collections::HashSet<_> = ids(0, "id").into_iter().chain(ids(2, "id")).collect();
    assert_eq!(unique.len(), 2 * many);
}

#[test]
fn what_the_system_says_is_text() {
    let source = Source::Url(Text::new("https://e.org/a.png"));
    let image = Part::Image { source, detail: None, cache: None };
    assert_eq!(
        refused(&chat(vec![(System, vec![text("a"), image]), (User, vec![text("b")])])),
        "messages.0.content.1"
    );
}

#[test]
fn case_24_parts_stay_in_their_order() {
    let image =
        || Part::Image { source: Source::Url(Text::new("https://e.org/a.png")), detail: None, cache: None };
    let held =
        Part::Result { id: Text::new("t"), parts: vec![text("r"), image()], is_error: false, cache: None };
    let all = messages(vec![
        (User, vec![text("a"), image(), text("b")]),
        (Assistant, vec![call("t", "n", "")]),
        (User, vec![held]),
    ]);
    let kinds = |blocks: &Value| -> Vec<String> {
        blocks.as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&all[0]["content"]), ["text", "image", "text"]);
    assert_eq!(kinds(&all[2]["content"][0]["content"]), ["text", "image"]);
}

#[test]
fn case_7_orphans_are_refused_by_the_callers_message() {
    let called = || vec![(User, vec![text("q")]), (Assistant, vec![call("t", "n", "")])];
    assert_eq!(refused(&chat(called())), "messages.1");
    assert_eq!(refused(&chat(vec![(User, vec![result("t", "r")])])), "messages.0");
    let mut late = called();
    late.extend([(User, vec![text("u")]), (Assistant, vec![text("a")]), (User, vec![result("t", "r")])]);
    assert_eq!(refused(&chat(late)), "messages.1");
}

#[test]
fn case_17_the_assistants_last_text_does_not_end_in_white_space() {
    let last = |parts| messages(vec![(User, vec![text("q")]), (Assistant, parts)])[1]["content"].clone();
    assert_eq!(last(vec![text(" a \n\t")]), json!([block(" a")]));
    assert_eq!(last(vec![text("a "), text("b")]), json!([block("a "), block("b")]));
    assert_eq!(
        messages(vec![(Assistant, vec![text("a ")]), (User, vec![text("q ")])])[0]["content"],
        json!([block("a ")])
    );
}

#[test]
fn case_21_markers_move_off_what_is_dropped_and_are_four_at_most() {
    let mut full = chat(vec![
        (System, vec![marked("s")]),
        (User, vec![text("a"), marked("")]),
        (Assistant, vec![marked("b")]),
        (User, vec![marked("c"), marked("d")]),
    ]);
    full.tools.push(Tool { cache: marker(), ..tool("n", None) });
    let (body, told) = written_for(&full, &to("claude-opus-4-8", None));
    assert_eq!(told, ["cache_control"]);
    let marks = |value: &Value| value["cache_control"].is_object();
    assert!(!marks(&body["tools"][0]) && !marks(&body["system"][0]), "the last ones cover the most");
    let turns =
        body["messages"].as_array().unwrap().iter().flat_map(|turn| turn["content"].as_array().unwrap());
    assert_eq!(turns.map(marks).collect::<Vec<_>>(), [true; 4]);
    let body = written(&chat(vec![
        (User, vec![text("a")]),
        (Assistant, vec![thinking("t", Some("weir_a1.s")), marked(" "), text("b")]),
    ]));
    assert_eq!(
        body["messages"][1]["content"][0],
        json!({"type": "thinking", "thinking": "t", "signature": "s"})
    );
    let held = Part::Result { id: Text::new("t"), parts: vec![marked("r")], is_error: true, cache: None };
    let body = written(&chat(vec![(Assistant, vec![call("t", "n", "")]), (User, vec![held])]));
    let expected = json!([{"type": "tool_result", "tool_use_id": "t", "content": "r", "is_error": true, "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(body["messages"][1]["content"], expected);
}

#[test]
fn case_36_reasoning_that_this_account_did_not_sign_is_dropped() {
    let redacted = |data| Part::Redacted { data: Text::new(data) };
    let parts = vec![
        thinking("kept", Some("weir_a1.Eq/+=")),
        thinking("", Some("weir_a1.s2")),
        thinking("foreign", Some("weir_b2.s")),
        thinking("untagged", Some("Eq/+=")),
        thinking("empty", Some("")),
        thinking("none", None),
        redacted("weir_a1.d"),
        redacted("d"),
        text("a"),
    ];
    let body = written(&chat(vec![(User, vec![text("q")]), (Assistant, parts), (User, vec![text("r")])]));
    let expected = json!([
        {"type": "thinking", "thinking": "kept", "signature": "Eq/+="},
        {"type": "thinking", "thinking": "", "signature": "s2"},
        {"type": "redacted_thinking", "data": "d"},
        block("a"),
    ]);
    assert_eq!(body["messages"][1]["content"], expected);
}

#[test]
fn case_23_an_image_is_what_its_bytes_say() {
    let image = |media_type: &str, data: &str| {
        let source = Source::Data { media_type: Text::new(media_type), data: Text::new(data) };
        chat(vec![(User, vec![text("look"), Part::Image { source, detail: None, cache: None }])])
    };
    let source = |chat: &Chat| written(chat)["messages"][0]["content"][1]["source"].clone();
    let of = |media_type: &str, data: &str| json!({"type": "base64", "media_type": media_type, "data": data});
    for (label, data, expected) in [
        ("image/jpg", "QUJD", "image/jpeg"),
        ("image/jpg", "iVBORw0KGgoAAAANSUhEUg", "image/png"),
        ("application/octet-stream", "/9j/4AAQSkZJRgABAQ", "image/jpeg"),
        ("IMAGE/WEBP", "QUJD", "image/webp"),
        ("image/gif", "R0lGODlhAQABAIAAAAAAAP", "image/gif"),
    ] {
        assert_eq!(source(&image(label, data)), of(expected, data), "{label}");
    }
    assert_eq!(refused(&image("image/bmp", "Qk0")), "messages.0.content.1");
    assert_eq!(refused(&image("", "QUJD")), "messages.0.content.1");
    let url = |url: &str| {
        let source = Source::Url(Text::new(url));
        chat(vec![(
            User,
            vec![text("look"), Part::Image { source, detail: Some(Text::new("low")), cache: marker() }],
        )])
    };
    let (body, told) = written_for(&url("https://e.org/a.png"), &to("claude-opus-4-8", None));
    let expected = json!({"type": "image", "source": {"type": "url", "url": "https://e.org/a.png"}, "cache_control": {"type": "ephemeral"}});
    assert_eq!(
        (&body["messages"][0]["content"][1], &told[..]),
        (&expected, &["image_url.detail".to_owned()][..])
    );
    assert_eq!(source(&url("data:image/jpg;base64,QUJD")), of("image/jpeg", "QUJD"));
}

#[test]
fn case_22_and_25_documents_are_pdf_or_text_and_audio_is_refused() {
    let held =
        |source| vec![(User, vec![Part::Document { source, name: Some(Text::new("a.pdf")), cache: None }])];
    let data = |media_type: &str, data: &str| Source::Data {
        media_type: Text::new(media_type),
        data: Text::new(data),
    };
    let written = |source| messages(held(source))[0]["content"][0].clone();
    let pdf = json!({"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc"}});
    assert_eq!(written(data("application/pdf", "JVBERi0xLjc")), pdf);
    assert_eq!(written(data("", "JVBERi0xLjc")), pdf);
    let plain = json!({"type": "document", "title": "a.pdf", "source": {"type": "text", "media_type": "text/plain", "data": "d"}});
    assert_eq!(written(Source::Text(Text::new("d"))), plain);
    assert_eq!(written(Source::Url(Text::new("https://e.org/a.pdf")))["source"]["type"], "url");
    assert_eq!(refused(&chat(held(data("application/msword", "0M8R4KGx")))), "messages.0.content.0");
    let audio = Part::Audio { data: Text::new("QUJD"), format: Text::new("wav") };
    assert_eq!(refused(&chat(vec![(User, vec![text("hear"), audio])])), "messages.0.content.1");
}

#[test]
fn a_refusal_of_the_past_is_what_was_said() {
    let turns = vec![
        (User, vec![text("q")]),
        (Assistant, vec![Part::Refusal { text: Text::new("No.") }]),
        (User, vec![text("why")]),
    ];
    assert_eq!(messages(turns)[1]["content"], json!([block("No.")]));
}
