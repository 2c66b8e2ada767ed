//! Every recorded chat stream and answer, told to a caller who speaks Messages.

use super::*;
use crate::openai::answer as chat;
use crate::openai::answer::recorded::{Sum, answers, decoded, streams};
use crate::reading::AnswerFacts;
use serde_json::{Value, json};
use weir_config::{Usage, Vendor};

/// Events as a stream says them, and as a unary answer does.
pub(super) fn both(events: Vec<Event>) -> (Value, Value) {
    let (id, model) = ("msg_1", Text::new("public"));
    let mut writer = MessagesWriter::new(id.to_owned(), model.clone(), Box::new(|_| None));
    let mut out = Writer::default();
    for event in events.clone() {
        writer.event(event, &mut out);
    }
    writer.end(&mut out);
    let body = whole(events, id, &model, &(Box::new(|_: &str| None) as CallersName), None);
    (checker::message(&out.bytes()), serde_json::from_slice(&body).unwrap())
}

/// What the content of a message sums up to, as [`Sum`] does of events.
pub(super) fn sum(message: &Value) -> Sum {
    let mut sum = Sum::default();
    for block in message["content"].as_array().unwrap() {
        let text = |key: &str| block[key].as_str().unwrap().to_owned();
        match block["type"].as_str().unwrap() {
            "text" => sum.text += &text("text"),
            "thinking" => sum.thinking += &text("thinking"),
            "tool_use" => {
                let input = &block["input"];
                let arguments = input["INVALID_JSON"].as_str().map_or(input.to_string(), str::to_owned);
                sum.calls.push((Some(text("id")), text("name"), arguments));
            }
            _ => {}
        }
    }
    sum
}

/// What was said is what the events said.
fn same(message: &Value, events: &[Event], name: &str) {
    let (told, said) = (sum(message), Sum::of(events));
    assert_eq!(told.text, said.text + &said.refusal, "{name}");
    assert_eq!(told.thinking, said.thinking, "{name}");
    assert_eq!(told.calls.len(), said.calls.len(), "{name}");
    for (told, said) in told.calls.iter().zip(&said.calls) {
        assert_eq!(told.1, said.1, "{name}");
        assert!(said.0.is_none() || told.0 == said.0, "{name}: ids stay");
        match serde_json::from_str::<Value>(&said.2) {
            Ok(input) => assert_eq!(told.2, input.to_string(), "{name}"),
            Err(_) => assert_eq!(told.2, said.2, "{name}"),
        }
    }
    let reason = message["stop_reason"].as_str().unwrap();
    let expected = match (said.finish.as_deref(), said.calls.is_empty()) {
        (Some("length"), _) => "max_tokens", // of the recordings with calls one, in its middle
        (_, false) => "tool_use",
        _ if !said.refusal.is_empty() => "refusal",
        (Some("stop" | "eos"), true) => "end_turn",
        (other, true) => panic!("{name}: {other:?}"),
    };
    assert_eq!(reason, expected, "{name}");
}

/// The counts of a message, in the classes of ours.
fn usage(message: &Value) -> Usage {
    let usage = &message["usage"];
    let count = |key: &str| usage[key].as_u64().unwrap_or_default();
    let reasoning = usage["output_tokens_details"]["thinking_tokens"].as_u64().unwrap_or_default();
    Usage {
        input: count("input_tokens"),
        cache_read: count("cache_read_input_tokens"),
        output: count("output_tokens") - reasoning,
        reasoning,
        ..Usage::default()
    }
}

#[test]
fn recorded_chat_streams_become_streams_that_sdks_read() {
    let mut told = 0;
    for case in streams() {
        let (events, decoder, end) = decoded(case.body.as_bytes());
        if end.is_err() || !(decoder.is_done() || decoder.is_finished()) {
            continue;
        }
        let (stream, body) = both(events.clone());
        assert_eq!(stream, body, "{}: unary and as a stream it says the same", case.name);
        same(&stream, &events, &case.name);
        let counted = AnswerFacts::of(&events).usage.map(|counted| counted.usage).unwrap_or_default();
        assert_eq!(usage(&stream), counted, "{}", case.name);
        assert_eq!((&stream["id"], &stream["model"]), (&json!("msg_1"), &json!("public")));
        told += 1;
    }
    assert!(told > 38, "{told}");
}

#[test]
fn recorded_chat_answers_become_messages() {
    for case in answers() {
        let mut events = Vec::new();
        let row = Vendor::OpenAICompatible.row();
        let facts =
            chat::whole(row, None, &case.body.clone().into(), chat::recorded::NOW, &mut events).unwrap();
        let (stream, body) = both(events.clone());
        assert_eq!(stream, body, "{}", case.name);
        if Sum::of(&events).finish.as_deref() != Some("length") {
            same(&body, &events, &case.name);
        }
        assert_eq!(usage(&body), facts.usage.unwrap().usage, "{}", case.name);
    }
}
