use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use weir_config::{FailureClass, Usage, Vendor};

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

fn stream() -> ChatStream {
    ChatStream::new(Vendor::OpenAICompatible.row(), true)
}

/// What goes through, and the stream after it.
fn pass(text: &str) -> (String, ChatStream, StreamEnd) {
    let mut stream = stream();
    let mut out = stream.feed(Bytes::copy_from_slice(text.as_bytes()), NOW).to_vec();
    let ending = stream.end(NOW);
    out.extend_from_slice(&ending.bytes);
    (String::from_utf8(out).unwrap(), stream, ending.end)
}

fn text(content: &str) -> String {
    format!(
        "data: {}\n\n",
        json!({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]})
    )
}

const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

#[test]
fn s2_1_role_empty_and_ping_frames_are_not_content() {
    let silent = [
        ": ping\n\n",
        "\n\n",
        r#"data: {"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"data: {"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":null,"refusal":null}}]}"#,
        r#"data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#,
        r#"data: {"choices":[{"delta":{"content":[]},"finish_reason":""}]}"#,
        r#"data: {"choices":[{"delta":{"content":[{"type":"text","text":""}]}}]}"#,
    ];
    for frame in silent {
        let (out, stream, _) = pass(&format!("{frame}\n\n"));
        assert!(!stream.content_seen() && stream.failure().is_none(), "{frame}");
        assert!(out.contains(frame));
    }
    for frame in ["event: ping\n\n", "data:\n\n", "retry: 3000\n\n"] {
        let (out, stream, _) = pass(frame);
        assert!(!stream.content_seen() && stream.failure().is_none() && out.is_empty(), "{frame}");
    }
    let deltas = [
        json!({"content": "a"}),
        json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]}), // Mistral
        json!({"reasoning_content": "a"}),
        json!({"reasoning": "a"}),
        json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "a"}]}),
        json!({"refusal": "a"}),
        json!({"tool_calls": [{"index": 0, "id": "", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}),
        json!({"function_call": {"name": "f"}}),
        json!({"audio": {"id": "a", "transcript": "a"}}),
    ];
    for delta in deltas {
        let (_, stream, _) = pass(&format!("data: {}\n\n", json!({"choices": [{"delta": delta}]})));
        assert!(stream.content_seen(), "{delta}");
    }
    assert!(pass(FINISH).1.content_seen(), "a finish is content: there is nothing else to come");
}

#[test]
fn s1_1_an_error_inside_is_a_failure_and_goes_no_further() {
    let errors = [
        (r#"data: {"error":{"message":"slow down","code":429}}"#, FailureClass::RateLimited),
        (
            "event: error\ndata: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}",
            FailureClass::ServerError,
        ),
        ("event: error\ndata: oops", FailureClass::ServerError),
        (
            r#"error: {"code":500,"message":"context shift is disabled","type":"server_error"}"#,
            FailureClass::ServerError,
        ),
        (
            r#"data: {"choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"x"}}"#,
            FailureClass::ServerError,
        ),
        (r#"data: {"error":"model overloaded"}"#, FailureClass::ServerError),
        (r#"data: {"error":{"message":"x","type":"insufficient_quota"}}"#, FailureClass::Billing),
    ];
    for (error, class) in errors {
        for before in ["", ": ping\n\n", &text("hi")] {
            let (out, stream, end) = pass(&format!("{before}{error}\n\n{}{FINISH}", text("never seen")));
            assert_eq!(out, before, "{error}");
            assert_eq!(stream.failure().map(|failure| failure.class), Some(class), "{error}");
            assert_eq!(end, StreamEnd::Truncated);
            assert_eq!(stream.content_seen(), before.contains("hi"), "{error}");
        }
    }
}

#[test]
fn s1_1_the_word_error_in_a_text_is_no_error() {
    let harmless = [
        r#"data: {"choices":[{"delta":{"content":"{\"error\":{\"message\":1}}"}}]}"#,
        r#"data: {"choices":[{"delta":{"content":"x"}}],"error":null}"#,
        r#"data: {"choices":[{"delta":{"content":"x"}}],"error":{}}"#,
        r#"data: {"choices":[{"delta":{"content":"x"},"logprobs":{"error":"no"}}]}"#,
        r#"data: {"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":1},\"finish_reason\":\"stop\""}}]}"#,
        r#"data: {"choices":[{"delta":{"content":"x"}}],"x":{"finish_reason":"stop","usage":{"prompt_tokens":1}}}"#,
    ];
    for frame in harmless {
        let body = format!("{}{frame}\n\n{frame}\n\n", text("a"));
        let (out, stream, end) = pass(&body);
        assert_eq!(out, body);
        assert!(stream.failure().is_none() && stream.usage().is_none() && !stream.is_finished(), "{frame}");
        assert_eq!(end, StreamEnd::Truncated);
    }
}

#[test]
fn s1_1_what_is_no_chat_stream_is_garbled() {
    let others = [
        "<!doctype html>\n<html>\n<p>Hello</p>\n</html>\n",
        "Internal error, sorry\n\n",
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"role\":\"assistant\"}}\n\n",
        "data: <html>\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}\n\n",
        "data: {\"candidates\":[]}\n\n",
        "data: [1]\n\n",
        "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[]}",
    ];
    for body in others {
        let (out, stream, end) = pass(body);
        assert_eq!(stream.failure().map(|failure| failure.class), Some(FailureClass::Garbled), "{body}");
        assert_eq!((out.as_str(), end), ("", StreamEnd::Truncated));
    }
    let (_, stream, _) = pass("{\"error\":{\"message\":\"no money\",\"code\":\"insufficient_quota\"}}");
    assert_eq!(stream.failure().map(|failure| failure.class), Some(FailureClass::Billing), "an error body");
}

#[test]
fn s2_5_a_last_frame_without_its_blank_line_counts_and_is_completed() {
    for end in ["", "\n", "\n\n"] {
        let (out, stream, ending) = pass(&format!("{}{}{end}", text("a"), FINISH.trim_end()));
        assert_eq!(out, format!("{}{FINISH}", text("a")));
        assert!(stream.is_finished() && !stream.done_seen());
        assert_eq!(ending, StreamEnd::Complete);
    }
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}";
    let (out, stream, _) = pass(&format!("{}{FINISH}{usage}", text("a")));
    assert_eq!(out, format!("{}{FINISH}", text("a")), "also a last one is dropped");
    let usage = Usage { input: 3, output: 4, ..Usage::default() };
    assert_eq!(stream.usage(), Some(Counted { usage, input: true, output: true }));
}

#[test]
fn s2_5_a_stream_that_ends_in_the_middle_is_truncated_and_its_last_piece_is_not_passed_on() {
    let piece = text("b");
    for before in [text("a"), ": ping\n\n".to_owned(), String::new()] {
        for cut in 0..piece.trim_end().len() {
            let (out, stream, end) = pass(&format!("{before}{}", &piece[..cut]));
            assert_eq!((out.as_str(), end), (before.as_str(), StreamEnd::Truncated), "{}", &piece[..cut]);
            assert!(stream.failure().is_none(), "cut off, but what came was fine: {}", &piece[..cut]);
        }
    }
    assert_eq!(pass("").2, StreamEnd::Truncated);
}

#[test]
fn s2_6_of_several_usages_the_last_is_the_truth() {
    let chunk = |tokens: u64| {
        let usage = json!({"prompt_tokens": 8, "completion_tokens": tokens});
        format!("data: {}\n\n", json!({"choices": [{"delta": {"content": "a"}}], "usage": usage}))
    };
    let (out, stream, _) = pass(&format!("{}{}{}", chunk(1), chunk(2), chunk(3)));
    assert_eq!(out.matches("usage").count(), 3, "usage on chunks with choices stays");
    assert_eq!(stream.usage().map(|counted| counted.usage.output), Some(3));
}

#[test]
fn s2_5_a_frame_of_any_length_passes_through_and_is_not_held_whole() {
    let huge = text(&"x".repeat(1_000_000));
    let body = format!("{}{huge}{}{FINISH}data: [DONE]\n\n", text("a"), text("b"));
    let mut stream = stream();
    let mut out = Vec::new();
    let mut longest_held = 0;
    for piece in body.as_bytes().chunks(10_000) {
        out.extend_from_slice(&stream.feed(Bytes::copy_from_slice(piece), NOW));
        longest_held = longest_held.max(stream.held.len());
    }
    assert_eq!(String::from_utf8(out).unwrap(), body);
    assert!(longest_held <= MAX_HELD, "{longest_held}");
    assert!(stream.done_seen() && stream.output_bytes() >= 1_000_000);
    assert_eq!(stream.end(NOW), Ending { bytes: Bytes::new(), end: StreamEnd::Complete });
}

#[test]
fn s9_3_all_that_is_kept_of_a_frame_is_counted() {
    let pad = "x".repeat(500 << 10);
    for (name, frame, least) in [
        ("bytes and head", format!("data: {{\"x\":\"{pad}"), (500 + 16) << 10),
        ("bytes, head and error", format!("data: {{\"error\":{{\"message\":\"{pad}"), (500 + 16 + 16) << 10),
        ("an error behind a choice", format!("data: {{\"choices\":[{{}}],\"error\":[\"{pad}"), 16 << 10),
    ] {
        let mut stream = stream();
        for piece in frame.as_bytes().chunks(8 << 10) {
            stream.feed(Bytes::copy_from_slice(piece), NOW);
        }
        let held = stream.held_bytes();
        assert!(
            stream.failure().is_none() && held >= least && held <= 2 * least + (64 << 10),
            "{name}: {held}"
        );
    }
}

#[test]
fn a_stream_between_two_frames_weighs_two_kibibytes() {
    let mut stream = stream();
    for frame in [text("a"), text(&"x".repeat(1_000_000)), text("b")] {
        for piece in frame.as_bytes().chunks(1_000) {
            stream.feed(Bytes::copy_from_slice(piece), NOW);
        }
        assert!(stream.held.is_empty() && stream.long.is_none());
    }
    let weight = size_of::<ChatStream>() + size_of::<Prefilter>();
    assert!(weight <= 2_048, "{weight}");
}

#[test]
fn s2_5_a_huge_first_frame_must_look_like_a_chunk() {
    let (_, stream, _) = pass(&format!("<html>{}", "x".repeat(MAX_HELD)));
    assert_eq!(stream.failure().map(|failure| failure.class), Some(FailureClass::Garbled));
    let cut = text(&"x".repeat(MAX_HELD));
    let (out, stream, end) = pass(&cut[..cut.len() - 10]);
    assert_eq!(out, format!("{}\n\n", &cut[..cut.len() - 10]), "what was passed on is closed");
    assert!(stream.content_seen() && end == StreamEnd::Truncated);
}

#[test]
fn output_is_measured_by_what_is_said() {
    let body = [text("four"), text("five5"), text("four"), FINISH.to_owned()].concat();
    assert_eq!(pass(&body).1.output_bytes(), 13);
    let both = json!({"choices": [{"delta": {"reasoning": "abc", "reasoning_details": [{"text": "abc"}]}}]});
    assert_eq!(pass(&format!("data: {both}\n\n")).1.output_bytes(), 3, "OpenRouter says it twice");
}

/// A chunk with the keys that matter in odd places, or only their names.
fn chunk() -> impl Strategy<Value = Value> {
    let words = [
        "",
        "a",
        "usage",
        "\"usage\":{",
        "\"finish_reason\":\"stop\"",
        "\"error\":{}",
        "{\"delta\":{\"content\":\"x\"}}",
        "\\\"",
        "\n",
    ];
    let finish = select(vec![None, None, Some(json!(null)), Some(json!("")), Some(json!("stop"))]);
    let delta = (select(words.to_vec()), select(vec!["content", "reasoning", "x", "error", "usage"]))
        .prop_map(|(word, key)| json!({ key: word }));
    // "a" becomes an index that stands before the delta
    let index = select(vec![
        None,
        None,
        None,
        Some(("a", 0)),
        Some(("a", 1)),
        Some(("index", 0)),
        Some(("index", 2)),
    ]);
    let choice = (delta, finish, index).prop_map(|(delta, finish, index)| {
        let mut choice = json!({"delta": delta});
        if let Some((key, index)) = index {
            choice[key] = json!(index);
        }
        if let Some(finish) = finish {
            choice["finish_reason"] = finish;
        }
        choice
    });
    let usage =
        select(vec![None, None, Some(json!(null)), Some(json!({"prompt_tokens": 1})), Some(json!({}))]);
    let other = select(vec![
        None,
        None,
        None,
        Some(("object", json!("chat.completion.chunk"))),
        Some(("obfuscation", json!("abc"))),
        Some(("obfuscation", json!("usage"))),
        Some(("z", json!({"usage": {"prompt_tokens": 5}}))),
        Some(("z", json!({"finish_reason": "stop", "error": 1}))),
        Some(("error", json!(null))),
        Some(("error", json!({"message": "x"}))),
        Some(("delta", json!({"content": "x"}))),
    ]);
    (prop::collection::vec(choice, 0..3), usage, other).prop_map(|(choices, usage, other)| {
        let mut chunk = json!({ "choices": choices });
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        if let Some((key, value)) = other {
            chunk[key] = value;
        }
        chunk
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// The shortcut for events that only carry text finds everything that parsing all of them finds.
    #[test]
    fn s2_1_skipping_the_parse_misses_nothing(chunks in prop::collection::vec((chunk(), any::<bool>()), 1..8)) {
        let body: String = chunks.iter().map(|(chunk, pretty)| {
            // serde_json::Value keeps its keys sorted; the other order has usage before choices
            let text = chunk.to_string().replace("\"a\":", "\"index\":");
            let text = if *pretty { text.replace("\":", "\" : ") } else { text };
            format!("data: {text}\n\n")
        }).collect();
        let (out, stream, _) = pass(&(text("start") + &body));
        let (mut seen, mut finished) = (BTreeSet::from([0]), BTreeSet::new());
        let (mut usage, mut failed, mut kept) = (None, false, text("start"));
        for (chunk, frame) in chunks.iter().map(|(chunk, _)| chunk).zip(body.split_inclusive("\n\n")) {
            usage = chunk["usage"]["prompt_tokens"].as_u64().or(usage); // also an error's is counted
            failed = chunk.get("error").is_some_and(|error| error.is_object());
            if failed {
                break;
            }
            let choices = chunk["choices"].as_array().unwrap();
            for (ordinal, choice) in choices.iter().enumerate() {
                let index = choice["index"].as_u64().or(choice["a"].as_u64()).unwrap_or(ordinal as u64);
                seen.insert(index);
                if choice["finish_reason"] == "stop" {
                    finished.insert(index);
                }
            }
            let behind = chunk.get("usage").is_some() && !finished.is_empty();
            let extra = choices.is_empty() && (chunk["usage"]["prompt_tokens"].is_u64() || behind);
            kept += if extra { "" } else { frame };
        }
        prop_assert_eq!(stream.failure().is_some(), failed);
        prop_assert_eq!(stream.is_finished(), finished == seen);
        prop_assert_eq!(stream.usage().map(|counted| counted.usage.input), usage);
        prop_assert_eq!(out, kept);
    }
}
