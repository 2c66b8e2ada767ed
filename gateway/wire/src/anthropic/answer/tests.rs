//! The cases by number, of a stream towards a Messages caller.

use super::recorded::both;
use super::*;
use crate::hub::{Finish, Reason};
use crate::openai::answer::recorded::decoded;
use serde_json::{Value, json};
use weir_config::Usage;

pub(super) fn text(text: &str) -> Event {
    Event::Text(Text::new(text))
}

fn thinking(text: &str) -> Event {
    Event::Thinking(Text::new(text))
}

pub(super) fn call(call: u32, id: &str) -> Event {
    let id = Some(Text::new(id)).filter(|id| !id.is_empty());
    Event::Call { call, id, name: Text::new(&format!("f{call}")) }
}

pub(super) fn arguments(call: u32, json: &str) -> Event {
    Event::Arguments { call, json: Text::new(json) }
}

pub(super) fn finish(reason: Reason) -> Event {
    Event::Finish(Finish { reason, native: None, stop_sequence: None, explanation: None })
}

pub(super) fn writer() -> MessagesWriter {
    MessagesWriter::new("msg_1".to_owned(), Text::new("public"), Box::new(|_| None))
}

/// What a stream of these events says, which is what a unary answer says.
pub(super) fn said(events: &[Event]) -> Value {
    let (stream, body) = both(events.to_vec());
    assert_eq!(stream, body);
    stream
}

/// What a caller gets of this chat stream.
fn translated(chunks: &[Value]) -> Value {
    let body: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    let (events, _, end) = decoded(body.as_bytes());
    assert_eq!(end, Ok(()));
    said(&events)
}

fn counted(usage: Usage) -> Counted {
    Counted { usage, input: true, output: true }
}

#[test]
fn a_stream_is_written_as_the_reference_shows_it() {
    let mut writer = writer();
    let mut out = Writer::default();
    for event in [
        Event::Start { id: Some(Text::new("chatcmpl-1")), model: Some(Text::new("upstream")) },
        text("a\"b"),
        finish(Reason::Stop),
        Event::Usage(counted(Usage { input: 3, output: 4, ..Usage::default() })),
    ] {
        writer.event(event, &mut out);
    }
    writer.end(&mut out);
    let usage = |input: u64, output: u64| {
        format!(
            r#""usage":{{"input_tokens":{input},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}},"output_tokens":{output}}}"#
        )
    };
    let expected = [
        (
            "message_start",
            format!(
                r#""message":{{"id":"msg_1","type":"message","role":"assistant","model":"public","content":[],"stop_reason":null,"stop_sequence":null,{}}}"#,
                usage(0, 0)
            ),
        ),
        ("content_block_start", r#""index":0,"content_block":{"type":"text","text":""}"#.to_owned()),
        ("content_block_delta", r#""index":0,"delta":{"type":"text_delta","text":"a\"b"}"#.to_owned()),
        ("content_block_stop", r#""index":0"#.to_owned()),
        (
            "message_delta",
            format!(r#""delta":{{"stop_reason":"end_turn","stop_sequence":null}},{}"#, usage(3, 4)),
        ),
        ("message_stop", String::new()),
    ];
    let expected: String = expected
        .iter()
        .map(|(name, rest)| {
            let comma = if rest.is_empty() { "" } else { "," };
            format!("event: {name}\ndata: {{\"type\":\"{name}\"{comma}{rest}}}\n\n")
        })
        .collect();
    assert_eq!(String::from_utf8_lossy(&out.bytes()), expected);
    assert_eq!(writer.held_bytes(), 0);
}

#[test]
fn case_44_one_block_is_open_at_a_time() {
    let message = said(&[
        text("a"),
        thinking("b"),
        text("c"),
        call(0, "x"),
        arguments(0, "{}"),
        thinking("d"),
        text("e"),
    ]);
    let kinds: Vec<&str> =
        message["content"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "thinking", "text", "tool_use", "thinking", "text"]);
    // Text between the pieces of a call waits until that has ended.
    let message = said(&[
        call(0, "x"),
        arguments(0, "{\"a\""),
        text("b"),
        thinking("c"),
        arguments(0, ":1}"),
        text("d"),
    ]);
    let content = json!([
        {"type": "tool_use", "id": "x", "name": "f0", "input": {"a": 1}},
        {"type": "text", "text": "b"},
        {"type": "thinking", "thinking": "c", "signature": ""},
        {"type": "text", "text": "d"},
    ]);
    assert_eq!(message["content"], content);
}

#[test]
fn case_46_a_chunk_that_says_everything_comes_out_whole() {
    let message = translated(&[json!({
        "id": "c", "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "choices": [{
            "index": 0, "finish_reason": "stop", "delta": {
                "content": "text", "reasoning": "why", "tool_calls": [
                    {"index": 0, "id": "x", "function": {"name": "f", "arguments": "{\"a\":[1]}"}},
                    {"index": 1, "id": "y", "function": {"name": "g", "arguments": null}},
                ],
            },
        }],
    })]);
    let content = json!([
        {"type": "thinking", "thinking": "why", "signature": ""},
        {"type": "text", "text": "text"},
        {"type": "tool_use", "id": "x", "name": "f", "input": {"a": [1]}},
        {"type": "tool_use", "id": "y", "name": "g", "input": {}},
    ]);
    assert_eq!(message["content"], content);
    assert_eq!(message["stop_reason"], "tool_use");
}

#[test]
fn case_48_the_counts_wait_for_the_end_and_are_always_there() {
    let usage =
        Usage { input: 86, cache_read: 1920, cache_write: 5, cache_write_1h: 7, output: 9, reasoning: 4 };
    let expected = json!({
        "input_tokens": 86, "cache_read_input_tokens": 1920, "cache_creation_input_tokens": 12,
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 7},
        "output_tokens": 13, "output_tokens_details": {"thinking_tokens": 4},
    });
    let (end, count) = (finish(Reason::Stop), Event::Usage(counted(usage)));
    for events in [[text("a"), end.clone(), count.clone()], [count, end, text("a")]] {
        assert_eq!(said(&events)["usage"], expected);
    }
    let message = said(&[text("a")]);
    assert_eq!(message["usage"]["output_tokens"], 0);
    assert_eq!(said(&[])["content"], json!([]), "even nothing is a message");
}

#[test]
fn counts_of_ours_stand_for_what_the_vendor_did_not_count() {
    let ours = counted(Usage { input: 100, output: 20, ..Usage::default() });
    let told = Usage { input: 7, output: 8, ..Usage::default() };
    for (counted, input, output) in [
        (None, 100, 20),
        (Some(Counted { usage: told, input: true, output: false }), 7, 20),
        (Some(Counted { usage: told, input: false, output: true }), 100, 8),
        (Some(Counted { usage: told, input: true, output: true }), 7, 8),
    ] {
        let events: Vec<Event> = counted.map(Event::Usage).into_iter().chain([text("a")]).collect();
        let mut writer = writer();
        let mut out = Writer::default();
        events.iter().for_each(|event| writer.event(event.clone(), &mut out));
        writer.estimate(ours);
        writer.end(&mut out);
        let names: CallersName = Box::new(|_| None);
        let body = whole(events, "msg_1", &Text::new("public"), &names, Some(ours));
        let body: Value = serde_json::from_slice(&body).unwrap();
        let message = checker::message(&out.bytes());
        assert_eq!(message, body);
        let usage = &message["usage"];
        assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(input), &json!(output)));
    }
}

#[test]
fn case_51_cached_tokens_are_not_in_the_input() {
    let message = translated(&[
        json!({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 2006, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1920}}}),
    ]);
    let usage = &message["usage"];
    assert_eq!((&usage["input_tokens"], &usage["cache_read_input_tokens"]), (&json!(86), &json!(1920)));
}

#[test]
fn case_55_a_stop_sequence_is_named() {
    for (stop, reason, sequence) in
        [(json!("END"), "stop_sequence", json!("END")), (json!(2), "end_turn", Value::Null)]
    {
        let choice =
            json!({"index": 0, "delta": {"content": "a"}, "finish_reason": "stop", "stop_reason": stop});
        let message = translated(&[json!({"choices": [choice]})]);
        assert_eq!((&message["stop_reason"], &message["stop_sequence"]), (&json!(reason), &sequence));
    }
}

#[test]
fn case_58_a_refusal_is_one() {
    let refused = Event::Refusal(Text::new("I can't."));
    for events in [vec![refused.clone(), finish(Reason::Stop)], vec![refused.clone(), finish(Reason::Filter)]]
    {
        let message = said(&events);
        assert_eq!(message["stop_reason"], "refusal");
        let details = json!({"type": "refusal", "category": null, "explanation": "I can't."});
        assert_eq!(message["stop_details"], details);
        assert_eq!(message["content"], json!([{"type": "text", "text": "I can't."}]));
    }
    let message = said(&[text("so far"), finish(Reason::Filter)]);
    assert_eq!(message["stop_details"], json!({"type": "refusal", "category": null, "explanation": null}));
    assert_eq!(message["content"], json!([{"type": "text", "text": "so far"}]));
    let explained = Event::Finish(Finish {
        reason: Reason::Filter,
        native: None,
        stop_sequence: None,
        explanation: Some(Text::new("Because.")),
    });
    assert_eq!(said(&[refused, explained])["stop_details"]["explanation"], "Because.");
}

#[test]
fn case_35_marks_and_redacted_reasoning_stay_whole_and_in_order() {
    let (signature, data) = (|text: &str| Event::Signature(Text::new(text)), Text::new("data"));
    let message = said(&[
        signature("s1"),
        thinking("a"),
        signature("s2"),
        thinking("b"),
        Event::BlockEnd,
        thinking("c"),
        Event::Redacted(data.clone()),
        Event::Redacted(data),
        text("d"),
        Event::BlockEnd,
        text("e"),
    ]);
    let content = json!([
        {"type": "thinking", "thinking": "", "signature": "s1"},
        {"type": "thinking", "thinking": "a", "signature": "s2"},
        {"type": "thinking", "thinking": "b", "signature": ""},
        {"type": "thinking", "thinking": "c", "signature": ""},
        {"type": "redacted_thinking", "data": "data"},
        {"type": "redacted_thinking", "data": "data"},
        {"type": "text", "text": "d"},
        {"type": "text", "text": "e"},
    ]);
    assert_eq!(message["content"], content);
}

#[test]
fn of_service_tiers_those_are_told_that_messages_has() {
    for (tier, expected) in [
        ("default", json!("standard")),
        ("priority", json!("priority")),
        ("batch", json!("batch")),
        ("on_demand", Value::Null),
        ("flex", Value::Null),
    ] {
        let message = said(&[Event::Tier(Text::new(tier)), text("a")]);
        assert_eq!(message["usage"]["service_tier"], expected, "{tier}");
    }
}

#[test]
fn what_follows_the_end_is_nobodys() {
    let mut writer = writer();
    let mut out = Writer::default();
    writer.event(text("a"), &mut out);
    writer.end(&mut out);
    writer.event(text("b"), &mut out);
    writer.end(&mut out);
    assert_eq!(checker::message(&out.bytes())["content"], json!([{"type": "text", "text": "a"}]));
}

#[test]
fn a_long_text_is_shared_and_not_copied() {
    let long = Text::read(format!("\"{}\"", "x".repeat(10_000)).into());
    let mut writer = writer();
    let mut out = Writer::default();
    writer.event(Event::Text(long.clone()), &mut out);
    assert!(out.pieces().iter().any(|piece| piece.as_ptr() == long.json().as_ptr()));
}
