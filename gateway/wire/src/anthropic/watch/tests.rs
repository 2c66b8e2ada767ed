use super::super::recorded::{NOW, frames, one, read_pieces, recorded, stream};
use super::*;
use crate::hub::Event;
use weir_config::{FailureClass, Vendor};

fn watched<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (MessagesWatch, Option<Failure>) {
    let mut watch = MessagesWatch::new(Vendor::OpenAICompatible.row(), Some(200_000));
    let mut failure = None;
    frames(pieces, |frame| {
        if failure.is_none() {
            failure = watch.frame(frame, NOW).err();
        }
    });
    (watch, failure)
}

#[test]
fn s2_5_a_stream_that_is_watched_means_what_it_means_to_the_decoder() {
    for (name, body) in recorded("messages-stream") {
        let (events, ..) = read_pieces([body.as_bytes()]);
        let usage = events
            .iter()
            .rev()
            .find_map(|event| if let Event::Usage(counted) = event { Some(*counted) } else { None });
        let said = events.iter().map(|event| match event {
            Event::Text(text) | Event::Thinking(text) | Event::Arguments { json: text, .. } => text.len(),
            Event::Call { name, .. } => name.len(),
            _ => 0,
        });
        let said: usize = said.sum();
        for size in [1, 7, 1_000, 100_000] {
            let (watch, failure) = watched(body.as_bytes().chunks(size));
            assert_eq!(failure, None, "{name}");
            assert!(watch.is_done() && watch.is_finished() && watch.content_seen(), "{name}");
            assert_eq!(watch.usage(), usage, "{name}");
            if name == "messages-stream-tool" {
                assert!(watch.output_bytes() > said as u64, "the vendor's own tools are called, too");
            } else {
                assert_eq!(watch.output_bytes(), said as u64, "{name}");
            }
        }
    }
}

#[test]
fn s2_1_only_what_a_reader_would_miss_is_content() {
    let start =
        r#"{"type":"message_start","message":{"content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#;
    let block =
        |block: &str| format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#);
    let delta = |delta: &str| format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
    let seen = |event: &str| {
        let (watch, failure) = watched([stream(&[start, event]).as_bytes()]);
        assert_eq!(failure, None);
        watch.content_seen()
    };
    for silent in [
        start.to_owned(),
        r#"{"type":"ping"}"#.to_owned(),
        block(r#"{"type":"text","text":""}"#),
        block(r#"{"type":"thinking","thinking":"","signature":""}"#),
        delta(r#"{"type":"text_delta","text":""}"#),
        delta(r#"{"type":"thinking_delta","thinking":""}"#),
        r#"{"type":"content_block_stop","index":0}"#.to_owned(),
        r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":1}}"#.to_owned(),
        r#"{"type":"message_stop"}"#.to_owned(),
    ] {
        assert!(!seen(&silent), "{silent}");
    }
    for content in [
        block(r#"{"type":"text","text":"a"}"#),
        block(r#"{"type":"redacted_thinking","data":"R"}"#),
        block(r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#),
        block(r#"{"type":"server_tool_use","id":"t","name":"f","input":{}}"#),
        delta(r#"{"type":"text_delta","text":"a"}"#),
        delta(r#"{"type":"thinking_delta","thinking":"a"}"#),
        delta(r#"{"type":"signature_delta","signature":"s"}"#),
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}}"#.to_owned(),
    ] {
        assert!(seen(&content), "{content}");
    }
}

#[test]
fn s1_1_a_failure_is_seen_before_content_and_behind_it() {
    let text = one("messages-stream-text");
    let (content, _) = text.split_at(text.find("event: content_block_stop").unwrap());
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    for before in ["", content] {
        let (watch, failure) = watched([format!("{before}{error}").as_bytes()]);
        assert_eq!(failure.unwrap().class, FailureClass::Overloaded);
        assert_eq!(watch.content_seen(), !before.is_empty());
        assert!(!watch.is_done() && !watch.is_finished());
    }
    assert_eq!(watched([b"data: hello\n\n".as_slice()]).1.unwrap().class, FailureClass::Garbled);
}

#[test]
fn what_a_delta_adds_is_measured_however_it_is_written() {
    for (data, expected) in [
        (r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\"b\\"}}"#, 6),
        (r#"{"delta": {"text": "a\"b\\", "type": "text_delta"}, "type": "content_block_delta"}"#, 6),
        (r#"{"delta":{"thinking":"abc","type":"thinking_delta"}}"#, 3),
        (r#"{"delta":{"type":"input_json_delta","partial_json":"{\"text\":\"x\"}"}}"#, 16),
        (r#"{"delta":{"type":"signature_delta","signature":"abc"}}"#, 0),
        (r#"{"delta":{"type":"citations_delta","citation":{"cited_text":"abc"}}}"#, 0),
        (r#"{"delta":{"type":"compaction_delta","content":"abc"}}"#, 3),
        (r#"{"delta":{"type":"text_delta","text":""}}"#, 0),
        (r#"{"delta":{"type":"text_delta","text":"cut"#, 3),
        ("", 0),
    ] {
        assert_eq!(measured(data.as_bytes()), expected, "{data}");
    }
}

#[test]
fn a_frame_that_only_adds_is_told_by_how_it_begins() {
    let delta = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"abc\"}}\n\n";
    let (mut watch, _) = watched([]);
    assert!(!watch.only_adds(delta.as_bytes()), "not before content");
    watch.frame(&sse::Event::of(delta.as_bytes()), NOW).unwrap();
    assert!(watch.only_adds(delta.as_bytes()));
    assert_eq!(watch.output_bytes(), 6);
    for other in [
        delta.replace("content_block_delta\ndata", "content_block_stop\ndata"),
        delta.replace("\n\n", "\nerror: {}\n\n"),
        delta.replace("\n\n", ""),
        delta.replace('\n', "\r\n"),
        delta.replace("event: ", "event:"),
        delta.replace("data: {", "data: "),
        delta.replace("\"}}\n", "\n"),
    ] {
        assert!(!watch.only_adds(other.as_bytes()), "{other:?}");
    }
    let torn = delta.replace("\"}}\n", "\n");
    let failure = watch.frame(&sse::Event::of(torn.as_bytes()), NOW).unwrap_err();
    assert_eq!(
        failure.class,
        weir_config::FailureClass::Garbled,
        "what is torn is no part of a whole answer"
    );
    for (name, body) in recorded("messages-stream") {
        let (slow, _) = watched([body.as_bytes()]);
        let mut watch = MessagesWatch::new(Vendor::OpenAICompatible.row(), Some(200_000));
        let mut skipped = 0;
        for frame in body.split_inclusive("\n\n") {
            if watch.only_adds(frame.as_bytes()) {
                skipped += 1;
            } else {
                watch.frame(&sse::Event::of(frame.as_bytes()), NOW).unwrap();
            }
        }
        assert_eq!(watch.output_bytes(), slow.output_bytes(), "{name}");
        assert_eq!((watch.usage(), watch.is_done()), (slow.usage(), true), "{name}");
        assert!(skipped + 1 >= body.matches("event: content_block_delta").count() - 1, "{name}: {skipped}");
    }
}
