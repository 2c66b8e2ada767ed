//! What is written of who said what.

use super::made::{
    call, chat, image, json_of, pdf, result, text, thinking, to_openai, to_other, tool, written,
};
use crate::hub::{Arguments, Chat, Choice, Part, Role, Source};
use crate::json::text::Text;
use serde_json::{Value, json};
use weir_config::Vendor;

fn asked(parts: Vec<Part>) -> Chat {
    chat(vec![(Role::User, parts)])
}

/// The messages for OpenAI of a turn of results, behind its calls.
fn answered(parts: Vec<Part>) -> Vec<Value> {
    let calls = vec![call("t1", "f", "{}"), call("t2", "f", "{}")];
    let chat = chat(vec![(Role::Assistant, calls), (Role::User, parts)]);
    to_openai(&chat)["messages"].as_array().unwrap()[1..].to_vec()
}

#[test]
fn case_1_names_that_openai_refuses_are_shortened_everywhere() {
    let long = format!("mcp__plugin_{}", "a".repeat(58));
    let mut chat = chat(vec![
        (Role::User, vec![text("q")]),
        (Role::Assistant, vec![call("t1", &long, "{}")]),
        (Role::User, vec![result("t1", vec![text("r")])]),
    ]);
    chat.tools = vec![tool(&long, "{}"), tool("b", "{}")];
    chat.choice = Some(Choice::One(Text::new(&long)));
    let body = to_openai(&chat);
    let short = body["tools"][0]["function"]["name"].as_str().unwrap();
    assert!(short.len() == 64 && short.starts_with("mcp__plugin_aaa"), "{short}");
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["name"], short);
    assert_eq!(body["tool_choice"]["function"]["name"], short);
    assert_eq!(body["tools"][1]["function"]["name"], "b");
}

#[test]
fn case_5_arguments_keep_their_bytes() {
    let input = "{\"path\": \"x\",\n \"edits\": [1.0, 1e3, \"\\u00e9\"], \"a\": 1}";
    let body = to_openai(&chat(vec![(Role::Assistant, vec![call("1", "f", input)])]));
    assert_eq!(body["messages"][0]["tool_calls"][0]["function"]["arguments"], input);
    assert_eq!(body["messages"][0]["content"], json!(null));
}

#[test]
fn case_4_arguments_that_say_nothing_are_an_empty_object() {
    let mut parts = vec![call("1", "f", "null")];
    let arguments = Arguments::Text(Text::new(""));
    parts.push(Part::Call { id: Text::new("2"), name: Text::new("f"), arguments, cache: None });
    let body = to_openai(&chat(vec![(Role::Assistant, parts)]));
    for call in body["messages"][0]["tool_calls"].as_array().unwrap() {
        assert_eq!(call["function"]["arguments"], "{}");
    }
}

#[test]
fn case_6_results_come_before_text_all_of_them() {
    let turn = vec![text("a"), result("t1", vec![text("1")]), text("b"), result("t2", vec![text("2")])];
    assert_eq!(
        answered(turn),
        [
            json!({"role": "tool", "tool_call_id": "t1", "content": "1"}),
            json!({"role": "tool", "tool_call_id": "t2", "content": "2"}),
            json!({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
        ]
    );
}

#[test]
fn case_6_results_in_two_turns_come_before_the_text_of_both() {
    let chat = chat(vec![
        (Role::Assistant, vec![call("t1", "f", "{}"), call("t2", "f", "{}")]),
        (Role::User, vec![result("t1", vec![]), text("a")]),
        (Role::User, vec![result("t2", vec![])]),
        (Role::User, vec![text("b")]),
    ]);
    let body = to_openai(&chat);
    let said: Vec<_> = body["messages"].as_array().unwrap().iter().map(|line| line["role"].clone()).collect();
    assert_eq!(said, ["assistant", "tool", "tool", "user", "user"]);
    assert_eq!(body["messages"][1]["content"], "");
}

#[test]
fn case_8_images_in_results_move_to_the_user_s_message() {
    let turn = vec![
        result("t1", vec![text("seen"), image("image/png")]),
        result("t2", vec![image("image/jpeg"), pdf()]),
        text("and?"),
    ];
    let url =
        |kind: &str| json!({"type": "image_url", "image_url": {"url": format!("data:{kind};base64,QUJD")}});
    let file = json!({"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"});
    assert_eq!(
        answered(turn),
        [
            json!({"role": "tool", "tool_call_id": "t1", "content": "seen"}),
            json!({"role": "tool", "tool_call_id": "t2", "content": "The result is in the user message that follows."}),
            json!({"role": "user", "content": [url("image/png"), url("image/jpeg"), {"type": "file", "file": file},
                {"type": "text", "text": "and?"}]}),
        ]
    );
    let alone = answered(vec![result("t1", vec![image("image/png")])]);
    assert_eq!(alone[1], json!({"role": "user", "content": [url("image/png")]}));
}

#[test]
fn case_9_the_text_of_an_error_says_so() {
    for (parts, expected) in [
        (vec![text("ENOENT")], "Error: ENOENT"),
        (vec![text("Error: ENOENT")], "Error: ENOENT"),
        (vec![], "Error"),
    ] {
        let error = Part::Result { id: Text::new("t1"), parts, is_error: true, cache: None };
        assert_eq!(answered(vec![error])[0]["content"], expected);
    }
}

#[test]
fn case_14_other_vendors_have_one_system_message_at_the_beginning() {
    let mut chat = chat(vec![
        (Role::System, vec![text("a"), text("b")]),
        (Role::Developer, vec![text("c")]),
        (Role::User, vec![text("q")]),
        (Role::Assistant, vec![call("t1", "f", "{}")]),
        (Role::User, vec![result("t1", vec![text("r")])]),
        (Role::System, vec![text("be brief")]),
        (Role::User, vec![text("go on")]),
        (Role::Assistant, vec![text("yes")]),
        (Role::User, vec![text("x")]),
        (Role::User, vec![text("y")]),
    ]);
    chat.tools = vec![tool("f", "{}")];
    let lines = |body: &Value| -> Vec<(String, Value)> {
        let lines = body["messages"].as_array().unwrap().iter();
        lines.map(|line| (line["role"].as_str().unwrap().to_owned(), line["content"].clone())).collect()
    };
    let line = |role: &str, content: &str| (role.to_owned(), json!(content));
    assert_eq!(
        lines(&to_other(&chat)),
        [
            line("system", "a\n\nb\n\nc"),
            line("user", "q"),
            ("assistant".to_owned(), Value::Null),
            line("tool", "r"),
            line("user", "be brief\n\ngo on"),
            line("assistant", "yes"),
            line("user", "x"),
            line("user", "y"),
        ]
    );
    let openai = lines(&to_openai(&chat));
    assert_eq!(openai[1], line("developer", "c"));
    assert_eq!(openai[5..7], [line("system", "be brief"), line("user", "go on")]);
}

#[test]
fn case_16_the_billing_line_is_left_out() {
    let billing = "x-anthropic-billing-header: cc_version=2.1; cch=0b1c2;";
    let with = |first: &str| {
        let body = to_openai(&chat(vec![
            (Role::System, vec![text(first), text("You are Claude Code.")]),
            (Role::User, vec![text("q")]),
        ]));
        body["messages"][0]["content"].clone()
    };
    assert_eq!(with(billing), "You are Claude Code.");
    assert_eq!(with(&format!("{billing}\nBe brief."))[0]["text"], "Be brief.");
    let alone = to_openai(&chat(vec![(Role::System, vec![text(billing)]), (Role::User, vec![text("q")])]));
    assert_eq!(alone["messages"].as_array().unwrap().len(), 1);
    let asked = to_openai(&asked(vec![text(billing)]));
    assert_eq!(asked["messages"][0]["content"], billing, "a user may say anything");
}

#[test]
fn case_13_21_and_33_marks_and_past_reasoning_are_not_sent() {
    let mark = Some(json_of(r#"{"type":"ephemeral","scope":"global"}"#));
    let mut chat = chat(vec![
        (Role::User, vec![Part::Text { text: Text::new("q"), cache: mark.clone() }]),
        (Role::Assistant, vec![thinking("secret"), Part::Redacted { data: Text::new("blob") }, text("a")]),
        (Role::Assistant, vec![thinking("secret")]),
    ]);
    chat.tools = vec![crate::hub::Tool { cache: mark, ..tool("f", "{}") }];
    for vendor in [Vendor::OpenAI, Vendor::OpenAICompatible] {
        let (body, dropped) = written(&chat, vendor, "m").unwrap();
        let body = String::from_utf8(body).unwrap();
        for word in ["ephemeral", "secret", "blob", "sig", "thinking"] {
            assert!(!body.contains(word), "{word}: {body}");
        }
        assert!(
            body.contains(r#"{"role":"assistant","content":"a"},{"role":"assistant","content":""}"#),
            "{body}"
        );
        assert_eq!(dropped, Vec::<String>::new());
    }
}

#[test]
fn case_19_content_that_is_only_text_is_one_string_elsewhere() {
    let chat = asked(vec![text("a\n"), text(""), text("b")]);
    assert_eq!(to_other(&chat)["messages"][0]["content"], "a\n\n\nb");
    let parts = json!([{"type": "text", "text": "a\n"}, {"type": "text", "text": "b"}]);
    assert_eq!(to_openai(&chat)["messages"][0]["content"], parts);
}

#[test]
fn case_22_documents_are_files_or_text() {
    let of = |source, name: Option<&str>| {
        asked(vec![Part::Document { source, name: name.map(Text::new), cache: None }, text("q")])
    };
    let plain = to_openai(&of(Source::Text(Text::new("body")), Some("a.txt")));
    assert_eq!(
        plain["messages"][0]["content"],
        json!([{"type": "text", "text": "a.txt"}, {"type": "text", "text": "body"}, {"type": "text", "text": "q"}])
    );
    let pdf = Source::Data { media_type: Text::new("application/pdf"), data: Text::new("QUJD") };
    let file = json!({"filename": "document.pdf", "file_data": "data:application/pdf;base64,QUJD"});
    assert_eq!(to_openai(&of(pdf, None))["messages"][0]["content"][0], json!({"type": "file", "file": file}));
    let linked = of(Source::Url(Text::new("https://x.test/a.pdf")), None);
    let refused = written(&linked, Vendor::OpenAI, "m").unwrap_err();
    assert_eq!(refused.param, "messages.0.content.0");
    assert!(refused.message.contains("Send the document itself, in base64."), "{}", refused.message);
}

#[test]
fn case_24_parts_keep_their_order() {
    let url = Part::Image {
        source: Source::Url(Text::new("https://x.test/a.png")),
        detail: Some(Text::new("low")),
        cache: None,
    };
    let audio = Part::Audio { data: Text::new("UklG"), format: Text::new("wav") };
    let body = to_openai(&asked(vec![text("a"), url, text("b"), audio]));
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "text", "text": "a"},
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
            {"type": "text", "text": "b"},
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
        ])
    );
}
