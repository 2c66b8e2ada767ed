use super::super::recorded::{NOW, one, read, read_pieces, read_whole, recorded, said, stream};
use super::*;
use crate::hub::{Finish, Reason};
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_config::{FailureClass, Usage, Vendor};

mod failures;
mod odd;

fn texts(event: &Event) -> Option<&Text> {
    if let Event::Text(text) = event { Some(text) } else { None }
}

fn thoughts(event: &Event) -> Option<&Text> {
    if let Event::Thinking(text) = event { Some(text) } else { None }
}

/// The calls that events tell of: id, name, arguments.
fn calls(events: &[Event]) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for event in events {
        match event {
            Event::Call { call, id, name } => {
                assert_eq!(*call as usize, calls.len());
                let id = id.as_ref().map(|id| id.said().into_owned()).unwrap_or_default();
                calls.push((id, name.said().into_owned(), String::new()));
            }
            Event::Arguments { call, json } => calls[*call as usize].2 += &json.said(),
            _ => {}
        }
    }
    calls
}

fn finish(events: &[Event]) -> Option<&Finish> {
    events.iter().rev().find_map(|event| if let Event::Finish(finish) = event { Some(finish) } else { None })
}

fn usage(events: &[Event]) -> Option<Usage> {
    events.iter().rev().find_map(
        |event| {
            if let Event::Usage(counted) = event { Some(counted.usage) } else { None }
        },
    )
}

/// What the README beside the recordings says of one: characters of text and of reasoning, calls, the finish reason as
/// sent, and the counts of input, output, cache reads and cache writes.
type Shown = (&'static str, usize, usize, &'static [&'static str], &'static str, [u64; 4]);

const SHOWN: [Shown; 12] = [
    ("messages-stream-cache-read", 496, 0, &[], "max_tokens", [11, 100, 1031, 0]),
    ("messages-stream-text", 5, 0, &[], "end_turn", [15, 9, 0, 0]),
    ("messages-stream-thinking", 3, 3, &[], "end_turn", [51, 13, 0, 0]),
    ("messages-stream-tool", 121, 0, &["get_weather"], "tool_use", [1595, 143, 0, 0]),
    ("messages-stream-tool-zero-arg", 0, 180, &["fixed_version"], "tool_use", [598, 92, 0, 0]),
    ("messages-stream-tools-parallel", 175, 0, &["get_weather", "get_time"], "tool_use", [506, 153, 0, 0]),
    ("messages-stream-via-openrouter", 83, 0, &[], "max_tokens", [32, 16, 0, 0]),
    ("messages-unary-cache-write", 903, 0, &[], "end_turn", [4, 187, 0, 1163]),
    ("messages-unary-reasoning", 56, 429, &[], "end_turn", [52, 215, 0, 0]),
    ("messages-unary-text", 860, 0, &[], "end_turn", [17, 189, 0, 0]),
    ("messages-unary-tool-results", 340, 0, &[], "end_turn", [771, 77, 0, 0]),
    ("messages-unary-tools-parallel", 156, 0, &["retrieve_entity_info"; 4], "tool_use", [423, 202, 0, 0]),
];

#[test]
fn s4_1_recorded_answers_say_what_their_readme_says() {
    let mut shown = SHOWN.iter();
    for (name, body) in recorded("messages-") {
        let (expected, text, reasoning, names, reason, [input, output, cached, written]) =
            *shown.next().unwrap();
        assert_eq!(name, expected);
        let events = if name.contains("unary") { read_whole(&body) } else { read(&body) };
        assert_eq!(said(&events, texts).chars().count(), text, "{name}");
        assert_eq!(said(&events, thoughts).chars().count(), reasoning, "{name}");
        assert_eq!(calls(&events).iter().map(|call| &call.1).collect::<Vec<_>>(), names, "{name}");
        assert_eq!(finish(&events).unwrap().native, Some(Text::new(reason)), "{name}");
        let usage = usage(&events).unwrap();
        assert_eq!(usage.output + usage.reasoning, output, "{name}");
        assert_eq!([usage.input, usage.cache_read, usage.cache_write], [input, cached, written], "{name}");
    }
    assert!(shown.next().is_none());
}

#[test]
fn s2_5_every_split_of_a_recorded_stream_gives_the_same_events() {
    for (name, body) in recorded("messages-stream") {
        let whole = read(&body);
        assert!(matches!(whole.first(), Some(Event::Start { id: Some(_), model: Some(_) })), "{name}");
        assert_eq!(whole.iter().filter(|event| matches!(event, Event::Start { .. })).count(), 1, "{name}");
        for size in [1, 2, 3, 7, 64, 1_000] {
            let (events, decoder, failure) = read_pieces(body.as_bytes().chunks(size));
            assert_eq!((&events, failure), (&whole, None), "{name} in pieces of {size}");
            assert!(decoder.is_done() && decoder.is_finished(), "{name}");
        }
        let returns = body.replace('\n', "\r\n");
        assert_eq!(read_pieces([returns.as_bytes()]).0, whole, "{name}");
    }
}

#[test]
fn what_a_recorded_stream_says_is_what_another_reader_puts_together() {
    for (name, body) in recorded("messages-stream") {
        let (mut text, mut blocks) = (String::new(), Vec::<(Value, String)>::new());
        for data in body.lines().filter_map(|line| line.strip_prefix("data: ")) {
            let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
            let index = event["index"].as_u64().unwrap_or(0) as usize;
            match event["type"].as_str().unwrap() {
                "content_block_start" => blocks.push((event["content_block"].clone(), String::new())),
                "content_block_delta" => {
                    text += event["delta"]["text"].as_str().unwrap_or("");
                    blocks[index].1 += event["delta"]["partial_json"].as_str().unwrap_or("");
                }
                _ => {}
            }
        }
        let events = read(&body);
        assert_eq!(said(&events, texts), text, "{name}");
        let expected = blocks.iter().filter(|(block, _)| block["type"] == "tool_use");
        let string = |value: &Value| value.as_str().unwrap().to_owned();
        let expected: Vec<_> = expected
            .map(|(block, json)| (string(&block["id"]), string(&block["name"]), json.clone()))
            .collect();
        assert_eq!(calls(&events), expected, "{name}");
    }
}

#[test]
fn reasoning_ends_with_its_mark_and_stands_before_the_text() {
    let events = read(&one("messages-stream-thinking"));
    let expected = [
        Event::Thinking(Text::new("391")),
        Event::Signature(Text::new("signature_REDACTED_1")),
        Event::BlockEnd,
        Event::Text(Text::new("391")),
        Event::BlockEnd,
    ];
    let content: Vec<Event> = events
        .into_iter()
        .filter(|event| {
            !matches!(event, Event::Start { .. } | Event::Usage(_) | Event::Tier(_) | Event::Finish(_))
        })
        .collect();
    assert_eq!(content, expected);
}

#[test]
fn arguments_stay_as_the_model_wrote_them() {
    // Case 5: key order and spelling, also of what the block brings whole.
    let events = read_whole(
        r#"{"type":"message","content":[{"type":"tool_use","id":"t","name":"f","input":{"path":"x\u00e9", "edits":[1.0,{"b":1,"a":2}]}}],"stop_reason":"tool_use"}"#,
    );
    assert_eq!(calls(&events)[0].2, r#"{"path":"x\u00e9", "edits":[1.0,{"b":1,"a":2}]}"#);
    let body = one("messages-unary-tools-parallel");
    let names: Vec<String> = calls(&read_whole(&body)).into_iter().map(|call| call.2).collect();
    assert_eq!(names, ["Alice", "Bob", "Charlie", "Daisy"].map(|name| format!(r#"{{"name":"{name}"}}"#)));
}

/// A block as the API's reference describes them, made up of `pieces`.
#[derive(Debug, Clone)]
struct Block {
    kind: usize,
    pieces: Vec<String>,
    extra: String,
}

impl Block {
    fn all(&self) -> String {
        self.pieces.concat()
    }

    /// What it is in a whole message.
    fn whole(&self) -> Value {
        let (all, extra) = (self.all(), &self.extra);
        match self.kind {
            0 => json!({"type": "text", "text": all}),
            1 => json!({"type": "thinking", "thinking": all, "signature": extra}),
            2 => json!({"type": "redacted_thinking", "data": extra}),
            3 => json!({"type": "tool_use", "id": extra, "name": "f", "input": {"a": all}}),
            _ => json!({"type": "web_search_tool_result", "tool_use_id": extra, "content": [{"text": all}]}),
        }
    }

    /// How a stream begins it.
    fn start(&self) -> Value {
        match self.kind {
            0 => json!({"type": "text", "text": ""}),
            1 => json!({"type": "thinking", "thinking": "", "signature": ""}),
            3 => json!({"type": "tool_use", "id": self.extra, "name": "f", "input": {}}),
            _ => self.whole(),
        }
    }

    fn deltas(&self) -> Vec<Value> {
        let pieces = self.pieces.iter();
        match self.kind {
            0 => pieces.map(|text| json!({"type": "text_delta", "text": text})).collect(),
            1 => pieces
                .map(|text| json!({"type": "thinking_delta", "thinking": text}))
                .chain([json!({"type": "signature_delta", "signature": self.extra})])
                .collect(),
            3 => json!({"a": self.all()})
                .to_string()
                .chars()
                .collect::<Vec<_>>()
                .chunks(3)
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece.iter().collect::<String>()}))
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn any_blocks() -> impl Strategy<Value = Vec<Block>> {
    let pieces = prop::collection::vec("[ -~é\n\u{1}😀]{0,6}", 0..4);
    let block = (0_usize..5, pieces, "[a-zA-Z0-9+/=]{1,9}");
    prop::collection::vec(block.prop_map(|(kind, pieces, extra)| Block { kind, pieces, extra }), 0..5)
}

/// What was said, whatever the pieces it came in.
fn joined(events: Vec<Event>) -> Vec<(String, String)> {
    let mut joined: Vec<(String, String)> = Vec::new();
    for event in events {
        let (kind, said) = match event {
            Event::Text(text) => ("text".to_owned(), text.said().into_owned()),
            Event::Thinking(text) => ("thinking".to_owned(), text.said().into_owned()),
            Event::Arguments { call, json } => (format!("arguments of {call}"), json.said().into_owned()),
            other => (format!("{other:?}"), String::new()),
        };
        match joined.last_mut() {
            Some((last, all)) if *last == kind && !said.is_empty() => *all += &said,
            _ => joined.push((kind, said)),
        }
    }
    joined
}

proptest! {
    #[test]
    fn s2_5_a_stream_and_a_whole_message_say_the_same(
        blocks in any_blocks(), cuts in prop::collection::vec(1_usize..90, 1..6),
    ) {
        let usage = json!({"input_tokens": 5, "output_tokens": 6, "service_tier": "standard"});
        let content: Vec<Value> = blocks.iter().map(Block::whole).collect();
        let whole = json!({
            "type": "message", "id": "msg_1", "model": "m", "role": "assistant", "content": content,
            "stop_reason": "end_turn", "stop_sequence": null, "usage": usage,
        });
        let mut events = vec![json!({"type": "message_start", "message": {
            "type": "message", "id": "msg_1", "model": "m", "content": [], "stop_reason": null, "usage": usage,
        }})];
        for (index, block) in blocks.iter().enumerate() {
            events.push(json!({"type": "content_block_start", "index": index, "content_block": block.start()}));
            events.push(json!({"type": "ping"}));
            events.extend(block.deltas().into_iter().map(|delta| {
                json!({"type": "content_block_delta", "index": index, "delta": delta})
            }));
            events.push(json!({"type": "content_block_stop", "index": index}));
        }
        events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 6}}));
        events.push(json!({"type": "message_stop"}));
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        let stream = stream(&lines.iter().map(String::as_str).collect::<Vec<_>>());

        let expected = joined(read_whole(&whole.to_string()));
        prop_assert_eq!(&joined(read(&stream)), &expected);
        let mut rest = stream.as_bytes();
        let pieces = cuts.iter().cycle().map_while(|cut| {
            let (piece, later) = rest.split_at((*cut).min(rest.len()));
            rest = later;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(joined(read_pieces(pieces).0), expected);
    }
}
