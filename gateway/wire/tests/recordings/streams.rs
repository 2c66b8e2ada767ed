//! Every recorded chat stream, passed through in pieces of many sizes. `golden/streams.txt` was written by
//! reading the recordings with another program, by the rules of the README beside them.

use crate::recorded::{self, Case};
use bytes::Bytes;
use weir_config::{UnixSeconds, Usage};
use weir_wire::{Reading, StreamEnd};

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

struct Passed {
    forwarded: Vec<u8>,
    /// In which event.
    content_at: Option<usize>,
    ending: StreamEnd,
    stream: Reading,
}

fn pass<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, drop_usage: bool) -> Passed {
    let mut stream = recorded::reading(true, !drop_usage);
    let mut forwarded = Vec::new();
    let (mut shown, mut content_at) = (Vec::new(), None);
    for piece in pieces {
        shown.extend_from_slice(piece);
        forwarded.extend_from_slice(&stream.feed(Bytes::copy_from_slice(piece), NOW));
        if stream.content_seen() && content_at.is_none() {
            content_at = Some(frames(&shown));
        }
    }
    let ending = stream.end(NOW);
    forwarded.extend_from_slice(&ending.bytes);
    Passed { forwarded, content_at, ending: ending.end, stream }
}

fn streams() -> Vec<Case> {
    let is_stream = |case: &Case| {
        case.name.contains("chat-stream")
            || case.name.contains("protocol-conversion/")
            || case.name.ends_with("chunk")
    };
    let cases = recorded::cases().into_iter();
    cases.filter(|case| case.api == "chat" && case.status == 200 && is_stream(case)).collect()
}

fn describe(case: &Case) -> String {
    let passed = pass(case.body.as_bytes().chunks(1), false);
    let stream = &passed.stream;
    let usage = stream.usage().map_or("none".to_owned(), |counted| {
        let Usage { input, cache_read, output, reasoning, .. } = counted.usage;
        format!("{input}/{cache_read}/{output}/{reasoning}")
    });
    let yes = |is| if is { "yes" } else { "no" };
    let finish = stream.failure().is_none() && passed.ending == StreamEnd::Complete;
    let dropped = frames(&passed.forwarded) - frames(&pass([case.body.as_bytes()], true).forwarded);
    format!(
        "{}: usage {usage}, content at {}, finish {}, done {}, dropped {dropped}{}",
        case.name,
        passed.content_at.map_or("none".to_owned(), |at| at.to_string()),
        yes(finish),
        yes(stream.done_seen()),
        if stream.failure().is_some() { ", failed" } else { "" },
    )
}

/// A recording without the frames that SDKs break on: data with nothing in it.
fn readable(body: &str) -> String {
    body.replace("data: \n\n", "")
}

fn frames(stream: &[u8]) -> usize {
    String::from_utf8_lossy(stream).matches("data:").count()
}

#[test]
fn s2_6_recorded_streams_mean_what_another_reader_says_they_mean() {
    let actual: Vec<String> = streams().iter().map(describe).collect();
    recorded::same(&actual, &recorded::golden("streams.txt"));
}

#[test]
fn s2_7_recorded_streams_pass_through_byte_for_byte_however_they_are_split() {
    for case in streams() {
        let body = case.body.as_bytes();
        let whole = pass([body], false);
        if whole.stream.failure().is_none() {
            let end = if case.body.ends_with("\n\n") || case.body.ends_with("\r\n\r\n") { "" } else { "\n" };
            assert_eq!(
                String::from_utf8_lossy(&whole.forwarded),
                format!("{}{end}", readable(&case.body)),
                "{}",
                case.name
            );
        }
        for size in [1, 2, 3, 7, 64, 1000, 1460] {
            for drop_usage in [false, true] {
                let whole = pass([body], drop_usage);
                let split = pass(body.chunks(size), drop_usage);
                assert!(split.forwarded == whole.forwarded, "{} in pieces of {size}", case.name);
                assert_eq!(split.stream.usage(), whole.stream.usage());
                assert_eq!(split.stream.failure(), whole.stream.failure());
                assert_eq!(split.stream.output_bytes(), whole.stream.output_bytes());
                assert_eq!(split.ending, whole.ending);
            }
        }
    }
}

#[test]
fn s2_6_only_the_extra_usage_chunk_is_dropped() {
    for case in streams() {
        let line_end = if case.body.contains("\r\n") { "\r\n\r\n" } else { "\n\n" };
        let body = case.body.trim_end().to_owned() + line_end;
        let is_extra = |frame: &&str| {
            let chunk = frame.strip_prefix("data: ").and_then(|data| serde_json::from_str(data.trim()).ok());
            let chunk: serde_json::Value = chunk.unwrap_or_default();
            chunk["usage"].is_object() && chunk["choices"].as_array().is_some_and(Vec::is_empty)
        };
        let expected = readable(&body);
        let expected: String = expected.split_inclusive(line_end).filter(|frame| !is_extra(frame)).collect();
        let passed = pass([body.as_bytes()], true);
        if passed.stream.failure().is_none() {
            assert!(passed.forwarded == expected.as_bytes(), "{}", case.name);
        }
    }
}

#[test]
fn s4_1_recorded_usage_is_what_the_readme_shows() {
    let shown = recorded::shown();
    let mut checked = 0;
    for case in streams() {
        let Some(shows) = shown.get(&case.name).filter(|shows| shows.contains("usage in")) else { continue };
        let count = |what| recorded::counted(shows, what);
        let usage = pass([case.body.as_bytes()], true).stream.usage().expect(&case.name).usage;
        assert_eq!(Some(usage.input + usage.cache_read), count("in"), "{}", case.name);
        assert_eq!(usage.cache_read, count("cached").unwrap_or(0), "{}", case.name);
        assert_eq!(usage.reasoning, count("reasoning").unwrap_or(0), "{}", case.name);
        let apart = if case.name.starts_with("xai/") { usage.reasoning } else { 0 }; // xAI leaves it out
        assert_eq!(Some(usage.output + usage.reasoning - apart), count("out"), "{}", case.name);
        checked += 1;
    }
    assert!(checked > 20, "the README's rows are read: {checked}");
}

#[test]
fn a_whole_chunk_is_forwarded_without_a_copy() {
    let body =
        Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n");
    let mut stream = recorded::reading(true, false);
    assert_eq!(stream.feed(body.clone(), NOW).as_ptr(), body.as_ptr());
}
