use super::checker::{self, Read};
use super::made::{Answer, Block, any_answer};
use super::*;
use crate::anthropic::recorded::{read, read_whole, recorded};
use crate::hub::{Finish, Reason};
use crate::usage::Counted;
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_config::Usage;

const ID: &str = "chatcmpl-0123456789abcdefghij";
const CREATED: UnixSeconds = UnixSeconds(1_780_000_000);

/// Names go back without `w_`, signatures get an account's mark.
fn back() -> Back {
    Back {
        name: Box::new(|name| name.strip_prefix("w_").map(Text::new)),
        mark: Box::new(|signature| Text::new(&format!("acct1.{}", signature.said()))),
    }
}

fn model() -> Text {
    Text::new("public \"model\"")
}

fn chunks(events: Vec<Event>, usage: bool) -> String {
    let mut writer = ChunkWriter::new(ID.to_owned(), CREATED, model(), usage, back());
    let mut out = Writer::default();
    for event in events {
        writer.event(event, &mut out);
    }
    writer.end(&mut out);
    String::from_utf8(out.bytes().to_vec()).unwrap()
}

fn streamed(events: Vec<Event>) -> Read {
    let read = checker::stream(&chunks(events.clone(), true), true);
    let silent = checker::stream(&chunks(events, false), false);
    assert_eq!((&silent.message, &silent.usage), (&read.message, &Value::Null));
    read
}

fn one(events: Vec<Event>) -> Read {
    checker::whole(&whole(events, ID, CREATED, &model(), &back()))
}

/// What both ways of writing say, which is the same.
fn both(events: Vec<Event>) -> Read {
    let (streamed, one) = (streamed(events.clone()).plain(), one(events).plain());
    assert_eq!(streamed, one);
    one
}

fn text(text: &str) -> Event {
    Event::Text(Text::new(text))
}

fn call(call: u32, id: Option<&str>, name: &str) -> Event {
    Event::Call { call, id: id.map(Text::new), name: Text::new(name) }
}

fn arguments(call: u32, json: &str) -> Event {
    Event::Arguments { call, json: Text::new(json) }
}

fn finish(reason: Reason) -> Event {
    Event::Finish(Finish { reason, native: None, stop_sequence: None, explanation: None })
}

#[test]
fn recorded_answers_reach_a_chat_caller_whole() {
    for (name, body) in recorded("messages-") {
        let events = if name.contains("unary") { read_whole(&body) } else { read(&body) };
        let said: String = events
            .iter()
            .filter_map(
                |event| if let Event::Text(text) = event { Some(text.said().into_owned()) } else { None },
            )
            .collect();
        let calls = events.iter().filter(|event| matches!(event, Event::Call { .. })).count();
        let answer = both(events);
        assert_eq!(answer.message["content"].as_str().unwrap_or_default(), said, "{name}");
        assert_eq!(answer.message["tool_calls"].as_array().map_or(0, Vec::len), calls, "{name}");
        for call in answer.message["tool_calls"].as_array().into_iter().flatten() {
            let arguments = call["function"]["arguments"].as_str().unwrap();
            assert!(serde_json::from_str::<Value>(arguments).unwrap().is_object(), "{name}: {arguments}");
        }
        let expected = match answer.native.as_str().unwrap() {
            "end_turn" => "stop",
            "max_tokens" => "length",
            "tool_use" => "tool_calls",
            other => panic!("{other}"),
        };
        assert_eq!(answer.finish, expected, "{name}");
        assert!(answer.usage["total_tokens"].as_u64().unwrap() > 0, "{name}");
    }
}

#[test]
fn a_stream_is_these_bytes() {
    let events = vec![
        Event::Start { id: Some(Text::new("msg_1")), model: Some(Text::new("upstream")) },
        Event::Tier(Text::new("standard")),
        Event::Thinking(Text::new("Hm")),
        Event::Signature(Text::new("s")),
        Event::BlockEnd,
        text("a\n"),
        Event::BlockEnd,
        call(0, Some("t"), "w_f"),
        Event::BlockEnd,
        Event::Finish(Finish {
            reason: Reason::Calls,
            native: Some(Text::new("tool_use")),
            stop_sequence: None,
            explanation: None,
        }),
        Event::Usage(Counted {
            usage: Usage {
                input: 1,
                cache_read: 2,
                cache_write: 3,
                output: 4,
                reasoning: 5,
                ..Usage::default()
            },
            input: true,
            output: true,
        }),
    ];
    let deltas = [
        r#"{"role":"assistant","content":""}"#,
        r#"{"reasoning_content":"Hm","thinking_blocks":[{"index":0,"type":"thinking","thinking":"Hm"}]}"#,
        r#"{"thinking_blocks":[{"index":0,"type":"thinking","thinking":"","signature":"acct1.s"}]}"#,
        r#"{"content":"a\n"}"#,
        r#"{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#,
    ];
    let head = r#"data: {"id":"chatcmpl-0123456789abcdefghij","object":"chat.completion.chunk","created":1780000000,"model":"public \"model\"","service_tier":"default","choices":["#;
    let mut expected: String = deltas
        .iter()
        .map(|delta| {
            format!("{head}{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}],\"usage\":null}}\n\n")
        })
        .collect();
    expected += &format!(
        "{head}{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"tool_calls\",\"native_finish_reason\":\"tool_use\"}}],\"usage\":null}}\n\n"
    );
    expected += &format!(
        "{head}],\"usage\":{}}}\n\ndata: [DONE]\n\n",
        r#"{"prompt_tokens":6,"completion_tokens":9,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":3},"completion_tokens_details":{"reasoning_tokens":5}}"#
    );
    assert_eq!(chunks(events, true), expected);
}

#[test]
fn calls_decide_the_finish_reason() {
    // Case 56: agents loop or stall otherwise.
    for (reason, with, without) in [
        (Reason::Stop, "tool_calls", "stop"),
        (Reason::Calls, "tool_calls", "stop"),
        (Reason::Length, "length", "length"),
        (Reason::Filter, "content_filter", "content_filter"),
    ] {
        let events = vec![call(0, Some("t"), "f"), arguments(0, "{}"), Event::BlockEnd, finish(reason)];
        assert_eq!(both(events).finish, with);
        assert_eq!(both(vec![text("a"), Event::BlockEnd, finish(reason)]).finish, without);
    }
    assert_eq!(
        both(vec![finish(Reason::Calls), finish(Reason::Length)]).finish,
        "length",
        "the last one counts"
    );
    assert_eq!(both(vec![text("a")]).finish, "stop");
}

#[test]
fn a_call_that_was_cut_off_keeps_what_came_of_it() {
    // Case 57: no repair to `{}`.
    let cut = vec![call(0, Some("t"), "f"), arguments(0, "{\"city"), Event::BlockEnd, finish(Reason::Length)];
    let answer = both(cut);
    assert_eq!(answer.finish, "length");
    assert_eq!(answer.message["tool_calls"][0]["function"]["arguments"], "{\"city");
    let unbegun = vec![
        call(0, Some("t"), "f"),
        Event::BlockEnd,
        call(1, Some("u"), "g"),
        Event::BlockEnd,
        finish(Reason::Length),
    ];
    let calls = both(unbegun).message["tool_calls"].clone();
    assert_eq!(calls[0]["function"]["arguments"], "{}");
    assert_eq!(calls[1]["function"]["arguments"], "");
}

#[test]
fn a_refusal_says_why_and_keeps_the_text_so_far() {
    // Case 58.
    let refused = |explanation: Option<&str>| {
        Event::Finish(Finish {
            reason: Reason::Filter,
            native: Some(Text::new("refusal")),
            stop_sequence: None,
            explanation: explanation.map(Text::new),
        })
    };
    let answer = both(vec![text("Well"), Event::BlockEnd, refused(Some("Not this."))]);
    assert_eq!(
        (&answer.message["content"], &answer.message["refusal"]),
        (&json!("Well"), &json!("Not this."))
    );
    assert_eq!(answer.finish, "content_filter");
    let own = both(vec![Event::Refusal(Text::new("No.")), Event::BlockEnd, refused(Some("Not this."))]);
    assert_eq!(own.message["refusal"], "No.");
    assert_eq!(both(vec![text("Well"), refused(None)]).message.get("refusal"), None, "nothing is invented");
}

#[test]
fn an_answer_without_content_is_one() {
    // Case 59.
    let answer = one(vec![finish(Reason::Length)]);
    assert_eq!((&answer.message["content"], &answer.finish), (&json!(""), &json!("length")));
    let calls = one(vec![call(0, None, "f"), Event::BlockEnd, finish(Reason::Calls)]);
    assert_eq!(calls.message["content"], Value::Null);
    assert_eq!(streamed(vec![]).message, json!({"role": "assistant", "content": ""}));
}

#[test]
fn calls_without_an_id_get_one_that_no_other_answer_has() {
    let answer = both(vec![call(0, None, "f"), Event::BlockEnd, call(1, None, "f"), Event::BlockEnd]);
    let ids = [0, 1].map(|at| answer.message["tool_calls"][at]["id"].as_str().unwrap().to_owned());
    assert_eq!(ids, ["call_0123456789abcdefghij_0", "call_0123456789abcdefghij_1"]);
    let other = calls::id("chatcmpl-zzz", 0);
    assert_ne!(other.said(), ids[0]);
    let long = calls::id(&"é-/x".repeat(50), 100);
    assert!(long.len() <= 40 && long.said().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
}

#[test]
fn interleaved_calls_keep_their_own_arguments() {
    // Case 45, as chat vendors send them.
    let answer = both(vec![
        call(0, Some("a"), "w_f"),
        call(1, Some("b"), "g"),
        call(0, Some("a"), "w_f"),
        arguments(0, "{\"x\""),
        arguments(1, "[]"),
        arguments(0, ":1}"),
        finish(Reason::Stop),
    ]);
    let calls: Vec<(&str, &str)> = answer.message["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| &call["function"])
        .map(|function| (function["name"].as_str().unwrap(), function["arguments"].as_str().unwrap()))
        .collect();
    assert_eq!(calls, [("f", "{\"x\":1}"), ("g", "[]")]);
}

#[test]
fn a_stop_sequence_is_told_beside_the_reason() {
    let stopped = Event::Finish(Finish {
        reason: Reason::Stop,
        native: Some(Text::new("stop_sequence")),
        stop_sequence: Some(Text::new("END\n")),
        explanation: None,
    });
    let answer = both(vec![text("a"), stopped]);
    assert_eq!(
        (answer.finish, answer.native, answer.stop),
        (json!("stop"), json!("stop_sequence"), json!("END\n"))
    );
}

#[test]
fn a_usage_of_which_half_was_told_is_none() {
    let half = Counted { usage: Usage { output: 4, ..Usage::default() }, input: false, output: true };
    assert_eq!(both(vec![text("a"), Event::Usage(half)]).usage, Value::Null);
}

#[test]
fn s4_1_only_openais_words_for_tiers_are_said() {
    let told = |tier: &str| both(vec![Event::Tier(Text::new(tier)), text("a")]).head[3].clone();
    for (native, expected) in [
        ("standard", json!("default")),
        ("priority", json!("priority")),
        ("batch", Value::Null),
        ("on_demand", Value::Null),
    ] {
        assert_eq!(told(native), expected, "{native}");
    }
}

#[test]
fn many_blocks_have_indexes_without_a_gap() {
    let mut events = Vec::new();
    for at in 0..12 {
        events.push(Event::Thinking(Text::new("t")));
        events.push(Event::BlockEnd);
        events.push(Event::Redacted(Text::new("r")));
        events.push(call(at, None, "f"));
        events.push(Event::BlockEnd);
    }
    let answer = both(events);
    assert_eq!(answer.message["thinking_blocks"].as_array().unwrap().len(), 24);
    assert_eq!(answer.message["tool_calls"].as_array().unwrap().len(), 12);
}

fn texts(block: &Block) -> Option<&Vec<String>> {
    if let Block::Text(pieces) = block { Some(pieces) } else { None }
}

fn refusals(block: &Block) -> Option<&Vec<String>> {
    if let Block::Refusal(pieces) = block { Some(pieces) } else { None }
}

fn thoughts(block: &Block) -> Option<&Vec<String>> {
    if let Block::Thinking(pieces, _) = block { Some(pieces) } else { None }
}

/// The blocks of reasoning that a caller can send back.
fn reasoning(answer: &Answer) -> Vec<Value> {
    let block = |block: &Block| match block {
        Block::Thinking(pieces, Some(mark)) => Some(
            json!({"type": "thinking", "thinking": pieces.concat(), "signature": format!("acct1.{mark}")}),
        ),
        Block::Thinking(pieces, None) if !pieces.concat().is_empty() => {
            Some(json!({"type": "thinking", "thinking": pieces.concat()}))
        }
        Block::Redacted(data) => Some(json!({"type": "redacted_thinking", "data": format!("acct1.{data}")})),
        _ => None,
    };
    answer.blocks.iter().filter_map(block).collect()
}

/// The calls: given id, name, arguments.
fn expected_calls(answer: &Answer) -> Vec<(Option<String>, String, String)> {
    let is_cut = answer.reason == Some(Reason::Length);
    let call = |(at, block): (usize, &Block)| {
        let Block::Call { id, name, arguments } = block else { return None };
        let is_nothing = |block: &Block| matches!(block, Block::Text(pieces) | Block::Refusal(pieces) | Block::Thinking(pieces, None) if pieces.concat().is_empty());
        let is_last = answer.blocks[at + 1..].iter().all(is_nothing);
        let all = arguments.concat();
        let all = if all.is_empty() && !(is_cut && is_last) { "{}".to_owned() } else { all };
        Some((id.clone(), name.clone(), all))
    };
    answer.blocks.iter().enumerate().filter_map(call).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn both_ways_of_writing_say_the_same_and_lose_nothing(answer in any_answer()) {
        let read = both(answer.events());
        let message = |key: &str| read.message[key].as_str().unwrap_or_default().to_owned();
        prop_assert_eq!(message("content"), answer.said(texts));
        prop_assert_eq!(message("reasoning_content"), answer.said(thoughts));
        let explained = answer.explanation.clone().filter(|_| answer.reason == Some(Reason::Filter));
        let refusal = Some(answer.said(refusals)).filter(|said| !said.is_empty()).or(explained);
        prop_assert_eq!(message("refusal"), refusal.unwrap_or_default());
        let blocks = read.message["thinking_blocks"].as_array().cloned().unwrap_or_default();
        prop_assert_eq!(blocks, reasoning(&answer));
        let calls = read.message["tool_calls"].as_array().cloned().unwrap_or_default();
        let expected = expected_calls(&answer);
        prop_assert_eq!(calls.len(), expected.len());
        for (call, (id, name, arguments)) in calls.iter().zip(expected) {
            prop_assert!(id.is_none_or(|id| call["id"] == id));
            prop_assert_eq!(&call["function"], &json!({"name": name, "arguments": arguments}));
        }
        let count = |key: &str| read.usage[key].as_u64();
        prop_assert_eq!(count("prompt_tokens"), answer.usage.map(|usage| usage.all_input()));
        prop_assert_eq!(count("completion_tokens"), answer.usage.map(|usage| usage.output + usage.reasoning));
    }

    #[test]
    fn what_is_held_is_small(answer in any_answer()) {
        let mut writer = ChunkWriter::new(ID.to_owned(), CREATED, model(), true, back());
        let mut out = Writer::default();
        for event in answer.events() {
            writer.event(event, &mut out);
            prop_assert!(writer.held_bytes() < 1_000);
        }
    }
}
