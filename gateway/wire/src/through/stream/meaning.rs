//! What the frames of a stream mean: chunks, errors, ends, and what is neither.

use super::*;
use weir_config::{FailureClass, FailureClass::Garbled, Vendor};

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

/// What goes through, the stream after it, and whether it is whole.
pub(super) fn pass(text: &str) -> (String, ChatStream, bool) {
    let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), true);
    let mut out = stream.feed(Bytes::copy_from_slice(text.as_bytes()), NOW).to_vec();
    let ending = stream.end(NOW);
    out.extend_from_slice(&ending.bytes);
    (String::from_utf8(out).unwrap(), stream, ending.end == StreamEnd::Complete)
}

pub(super) fn says(index: u64, text: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":{index},\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

pub(super) fn finish(index: u64, reason: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\n")
}

pub(super) fn used(usage: &str) -> String {
    format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n")
}

pub(super) const DONE: &str = "data: [DONE]\n\n";

/// As tokens of input and output, and whether both were told.
pub(super) fn tokens(stream: &ChatStream) -> Option<(u64, u64, bool)> {
    let Counted { usage, input, output } = stream.usage()?;
    Some((usage.input + usage.cache_read, usage.output + usage.reasoning, input && output))
}

/// What is no chunk, and comes before the first one all the same.
fn foreign() -> Vec<String> {
    let frames = [
        "data: null\n\n",
        "data: {}\n\n",
        "data: {\"type\":\"ping\"}\n\n",
        "data: {\"type\":\"keepalive\",\"sequence_number\":3}\n\n",
        "event: ping\ndata: {}\n\n",
        "event: keepalive\ndata: keepalive\n\n",
        "data: {\"choices\":null}\n\n",
        "data: [1]\n\n",
        "data: <html>\n\n",
        " data: {\"choices\":[]}\n\n",
        "meta: {\"a\":1}\n\n",
    ];
    frames.map(str::to_owned).to_vec()
}

#[test]
fn s2_11_what_is_no_chunk_before_the_first_content_is_passed_over() {
    let good = says(0, "one") + &finish(0, "stop") + DONE;
    for frame in foreign() {
        let (out, stream, whole) = pass(&(frame.clone() + &good));
        assert_eq!((out.as_str(), whole), (good.as_str(), true), "{frame}");
        assert!(stream.failure().is_none() && stream.content_seen());
    }
    let comment = format!(": {}\n\n", "x".repeat(300 << 10));
    assert_eq!(pass(&(comment.clone() + &good)).0, good, "nobody holds as much for nothing");
    assert_eq!(pass(&(good.clone() + &comment)).0, good, "and nothing comes behind the end");
    let odd = [
        r#"data: {"object":"chat.completion.chunk","choices":null}"#,
        r#"data: {"object":"chat.completion.chunk"}"#,
        r#"data: {"choices":[{"delta":{"content":""}}],"usage":"none","x_groq":7,"error":false}"#,
        r#"data: {"choices":[{"delta":"","finish_reason":7,"index":"0"}]}"#,
    ];
    for frame in odd {
        let text = format!("{frame}\n\n{good}");
        assert_eq!(pass(&text).0, text, "an odd chunk goes through");
    }
}

#[test]
fn s2_11_a_stream_without_a_chunk_is_garbled_at_its_end_or_after_64_kib() {
    for frame in foreign() {
        let (out, stream, whole) = pass(&frame);
        assert_eq!((out.as_str(), whole), ("", false), "{frame}");
        assert_eq!(stream.failure().map(|failure| failure.class), Some(Garbled), "{frame}");
    }
    let ping = "data: {\"type\":\"ping\"}\n\n";
    let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), true);
    let mut pings = 0;
    while stream.failure().is_none() {
        assert!(stream.feed(Bytes::from_static(ping.as_bytes()), NOW).is_empty());
        assert!(!stream.is_committed());
        pings += 1;
    }
    assert!((3_000..5_000).contains(&pings), "{pings}");
    let chunk = says(0, "");
    let (_, stream, _) = pass(&(chunk + &ping.repeat(10_000) + &says(0, "one")));
    assert!(
        stream.failure().is_none() && stream.content_seen(),
        "after a chunk they are no sign of anything"
    );
    let comments = ": ping\n\n".repeat(100_000);
    let (out, stream, _) = pass(&(comments + &says(0, "one")));
    assert!(stream.content_seen() && out.len() < 100 << 10, "{}", out.len());
}

#[test]
fn s2_12_nothing_matters_after_done() {
    let good = says(0, "one") + &finish(0, "stop") + DONE;
    for after in
        ["data: {\"error\":{\"message\":\"late\"}}\n\n", "data: <html>\n\n", ": more\n\n", "event: er"]
    {
        let (out, stream, whole) = pass(&(good.clone() + after));
        assert_eq!((out.as_str(), whole), (good.as_str(), true), "{after}");
        assert!(stream.failure().is_none() && stream.is_over());
    }
    let (_, stream, whole) = pass(&(says(0, "one") + DONE));
    assert!(whole && stream.is_finished(), "also without a finish reason");
}

#[test]
fn s2_12_done_ends_a_stream_with_its_line() {
    for end in ["\n", "\r\n"] {
        for field in ["data: ", "data:"] {
            for after in ["", end, "event: error\n\n", "data: more\n\n"] {
                let text = format!("{}{field}[DONE]{end}{after}", says(0, "one"));
                for size in [1, 7, text.len()] {
                    let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), true);
                    let pieces = text.as_bytes().chunks(size).map(Bytes::copy_from_slice);
                    let out: Vec<u8> = pieces.flat_map(|piece| stream.feed(piece, NOW)).collect();
                    let whole = format!("{}{field}[DONE]{end}{end}", says(0, "one"));
                    assert_eq!(String::from_utf8(out).unwrap(), whole, "{text:?} {size}");
                    assert!(stream.is_over() && stream.failure().is_none(), "{text:?} {size}");
                }
            }
        }
    }
    let (_, stream, whole) = pass(&(says(0, "one") + "data: [DONE]x\n\n"));
    assert!(!whole && stream.failure().is_some());
    let inside = says(0, &"word ".repeat(20_000)).replace("\n\n", "\n");
    assert!(!pass(&(inside + "data: [DONE]\n")).1.is_over(), "a line of another event");
}

#[test]
fn s2_13_every_choice_must_have_finished() {
    let both = says(0, "a") + &says(1, "b");
    let rest = says(0, "more").repeat(3);
    assert!(!pass(&(both.clone() + &finish(0, "stop"))).2);
    assert!(!pass(&(both.clone() + &rest + &finish(0, "stop"))).2);
    assert!(pass(&(both.clone() + &finish(1, "length") + &rest + &finish(0, "stop"))).2);
    assert!(pass(&(both.clone() + &finish(0, "stop") + DONE)).2);
    let silent_second =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},{\"index\":1,\"delta\":{}}]}\n\n";
    assert!(!pass(&(silent_second.to_owned() + &finish(0, "stop"))).2);
    let unnumbered = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    assert!(pass(unnumbered).2);
}

#[test]
fn s2_13_as_many_choices_must_have_finished_as_were_asked_for() {
    let whole = |choices: u32, text: &str| {
        let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), true).expecting(choices, None);
        stream.feed(Bytes::copy_from_slice(text.as_bytes()), NOW);
        stream.end(NOW).end == StreamEnd::Complete
    };
    let first = says(0, "a") + &finish(0, "stop");
    let both = first.clone() + &says(1, "b") + &finish(1, "stop");
    assert!(whole(1, &first) && whole(2, &both));
    assert!(!whole(2, &first), "the second has not begun");
    assert!(!whole(3, &both));
    assert!(whole(2, &(first + DONE)), "the vendor says that this is all");
    let many: String = (0..200).map(|index| finish(index, "stop")).collect();
    assert!(whole(200, &many), "those that are not told apart count as one");
}

#[test]
fn s2_13_a_finish_reason_error_is_a_failure() {
    for before in ["", &says(0, "one")] {
        for reason in ["error", "insufficient_system_resource"] {
            let (out, stream, whole) = pass(&(before.to_owned() + &finish(0, reason) + DONE));
            assert_eq!((out.as_str(), whole), (before, false));
            assert_eq!(stream.failure().unwrap().class, FailureClass::ServerError);
        }
        let inner = r#"data: {"choices":[{"delta":{},"finish_reason":"error","error":{"code":429,"message":"Slow down"}}]}"#;
        let (_, stream, _) = pass(&format!("{before}{inner}\n\n"));
        let failure = stream.failure().unwrap();
        assert_eq!((failure.class, &*failure.message), (FailureClass::RateLimited, "Slow down"));
    }
}

#[test]
fn s2_13_garbage_after_content_is_a_failure_and_a_keep_alive_is_not() {
    for garbage in [
        "data: <html>\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}\n\n",
        "data: oops\n\n",
    ] {
        let (out, stream, whole) = pass(&(says(0, "one") + garbage + &finish(0, "stop") + DONE));
        assert_eq!((out, whole), (says(0, "one"), false), "{garbage}");
        assert_eq!(stream.failure().unwrap().class, Garbled);
    }
    for keep_alive in ["data: null\n\n", "event: ping\ndata: ping\n\n", "data: {\"type\":\"ping\"}\n\n"] {
        let rest = finish(0, "stop") + DONE;
        let (out, _, whole) = pass(&(says(0, "one") + keep_alive + &rest));
        assert_eq!((out, whole), (says(0, "one") + &rest, true), "{keep_alive}");
    }
}

#[test]
fn s2_15_of_several_counts_the_largest_that_can_be_is_the_truth() {
    let real = r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}"#;
    for (window, absurd) in [
        (None, r#"{"prompt_tokens":999999999,"completion_tokens":5,"total_tokens":1000000004}"#),
        (Some(128_000), r#"{"prompt_tokens":9,"completion_tokens":128001,"total_tokens":128010}"#),
        (Some(128_000), r#"{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":999999}}"#),
    ] {
        for usages in [[absurd, real], [real, absurd]] {
            let text = usages.map(used).concat();
            let text = says(0, "a") + &finish(0, "stop") + &text + DONE;
            let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), true).expecting(1, window);
            stream.feed(Bytes::copy_from_slice(text.as_bytes()), NOW);
            let counted = stream.usage().unwrap().believed(window);
            let sides = (counted.usage.input, counted.usage.cache_read, counted.usage.output);
            assert_eq!((sides, counted.input, counted.output), ((10, 0, 5), true, true), "{usages:?}");
        }
    }
}

#[test]
fn s2_15_of_each_count_the_largest_is_the_truth() {
    let of = |usages: &[&str]| {
        let usages: String = usages.iter().map(|usage| used(usage)).collect();
        tokens(&pass(&(says(0, "a") + &finish(0, "stop") + &usages + DONE)).1)
    };
    let real = r#"{"prompt_tokens":100,"completion_tokens":50}"#;
    assert_eq!(
        of(&[real, r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#]),
        Some((100, 50, true))
    );
    assert_eq!(of(&[r#"{"prompt_tokens":100}"#, r#"{"completion_tokens":50}"#]), Some((100, 50, true)));
    assert_eq!(of(&[r#"{"prompt_tokens":100}"#]), Some((100, 0, false)));
    assert_eq!(of(&[r#"{"prompt_tokens":100,"total_tokens":150}"#]), Some((100, 50, true)));
    assert_eq!(of(&[r#"{"prompt_tokens":0,"completion_tokens":0}"#]), None);
}

#[test]
fn s2_15_usage_is_read_in_its_other_places_and_the_first_is_trusted_most() {
    let kimi = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":8,"completion_tokens":2}}]}"#;
    assert_eq!(tokens(&pass(&format!("{}{kimi}\n\n{DONE}", says(0, "a"))).1), Some((8, 2, true)));
    let groq = r#"data: {"choices":[],"x_groq":{"usage":{"prompt_tokens":7,"completion_tokens":3}}}"#;
    assert_eq!(tokens(&pass(&format!("{}{groq}\n\n", says(0, "a"))).1), Some((7, 3, true)));
    let all = format!(
        "{}{kimi}\n\n{groq}\n\n{}",
        says(0, "a"),
        used(r#"{"prompt_tokens":1,"completion_tokens":1}"#)
    );
    assert_eq!(tokens(&pass(&all).1), Some((1, 1, true)));
    let failed = r#"data: {"error":{"message":"x"},"usage":{"prompt_tokens":43,"completion_tokens":10}}"#;
    assert_eq!(
        tokens(&pass(&format!("{}{}{failed}\n\n{DONE}", says(0, "a"), finish(0, "length"))).1),
        Some((43, 10, true))
    );
}

/// An image of so many bytes in a delta, with more behind it.
fn image(bytes: usize, rest: &str) -> String {
    let image = "QUJD".repeat(bytes / 4);
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"see\",\"images\":[{{\"type\":\"image_url\",\"image_url\":{{\"url\":\"data:image/png;base64,{image}\"}}}}]}}{rest}\n\n"
    )
}

#[test]
fn s2_16_finish_and_usage_are_found_in_a_frame_of_any_size() {
    let end = r#","finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
    for bytes in [1_000, 60 << 10, 70 << 10, 300 << 10, 1 << 20] {
        let frame = image(bytes, end);
        let (out, stream, whole) = pass(&frame);
        assert!(out == frame && whole, "{bytes}");
        assert_eq!(tokens(&stream), Some((10, 5, true)), "{bytes}");
        let text = 3 + bytes.min(4_000) as u64;
        assert_eq!(stream.output_bytes(), text, "an image is no text: {bytes}");
        let cut = &frame[..frame.len() - end.len() - 16];
        assert!(pass(cut).1.output_bytes() <= text, "nor is half of one: {bytes}");
    }
}

#[test]
fn s2_16_a_usage_chunk_of_any_size_is_read_and_kept_from_who_did_not_ask() {
    for bytes in [1_000, 70 << 10, 300 << 10] {
        let before = says(0, "a") + &finish(0, "stop");
        let much = "x".repeat(bytes);
        for usage in [
            format!(
                "data: {{\"choices\":[],\"x\":\"{much}\",\"usage\":{{\"prompt_tokens\":10,\"completion_tokens\":5}}}}\n\n"
            ),
            format!(
                "data: {{\"usage\":{{\"prompt_tokens\":10,\"completion_tokens\":5}},\"x\":\"{much}\",\"choices\":[]}}\n\n"
            ),
        ] {
            let (out, stream, whole) = pass(&format!("{before}{usage}{DONE}"));
            assert!(out == format!("{before}{DONE}") && whole, "{bytes}: {} bytes", out.len());
            assert_eq!(tokens(&stream), Some((10, 5, true)), "{bytes}");
        }
    }
}

#[test]
fn s2_16_an_error_in_a_frame_of_any_size_is_one() {
    for bytes in [1_000, 70 << 10, 300 << 10] {
        let error = r#""error":{"message":"Slow down","code":429}"#;
        let first = format!("data: {{{error},\"x\":\"{}\"}}\n\n", "x".repeat(bytes));
        for before in ["", &says(0, "a")] {
            let (out, stream, _) = pass(&format!("{before}{first}{DONE}"));
            assert_eq!(out, before, "{bytes}");
            assert_eq!(stream.failure().unwrap().class, FailureClass::RateLimited, "{bytes}");
        }
        let (_, stream, whole) = pass(&(image(bytes, &format!("}}],{error}}}")) + DONE));
        assert!(stream.failure().is_some() && !whole, "{bytes}");
    }
}

#[test]
fn s2_16_audio_that_comes_in_pieces_counts_once() {
    let piece = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"audio\":{{\"data\":\"{}\"}}}}}}]}}\n\n",
        "QUJD".repeat(500)
    );
    let (_, stream, _) = pass(&(piece.repeat(30) + &says(0, "said")));
    assert_eq!(stream.output_bytes(), 4_004);
}

#[test]
fn s2_17_what_sdks_read_of_a_chunk_is_read() {
    for odd in [r#""logprobs":{"x":NaN,"y":-Infinity},"#, r#""x":1e400,"#, r#""x":"\ud83d","#] {
        let first =
            format!("data: {{\"choices\":[{{{odd}\"index\":0,\"delta\":{{\"content\":\"a\"}}}}]}}\n\n");
        let last = format!(
            "data: {{\"choices\":[{{{odd}\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":4}}}}\n\n"
        );
        let text = format!("\u{FEFF}{first}{last}");
        let (out, stream, whole) = pass(&text);
        assert!(out == text && whole, "{odd}");
        assert_eq!(tokens(&stream), Some((3, 4, true)), "{odd}");
    }
}

#[test]
fn s2_17_an_error_with_nothing_in_it_is_none() {
    for empty in [
        r#"{"message":"","type":"","param":"","code":null}"#,
        r#"{"code":0,"message":""}"#,
        r#"{"message":null,"code":null}"#,
        r#"{"a":[{}],"b":false}"#,
        "{}",
        "[]",
        "\"\"",
        "0",
        "false",
        "null",
    ] {
        let chunk = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"a\"}}}}],\"error\":{empty}}}\n\n"
        );
        let text = format!("{chunk}{chunk}{}{DONE}", finish(0, "stop"));
        let (out, _, whole) = pass(&text);
        assert!(out == text && whole, "{empty}");
    }
}

#[test]
fn s2_1_done_behind_a_complaint_without_a_finish_is_no_end() {
    for complaint in [r#"{"detail":"Internal error"}"#, r#"{"type":"status","message":"worker died"}"#] {
        let complaint = format!("data: {complaint}\n\n");
        let (out, stream, whole) = pass(&(says(0, "one") + &complaint + DONE));
        assert_eq!((out, whole), (says(0, "one"), false), "{complaint}");
        assert_eq!(stream.failure().map(|failure| failure.class), Some(FailureClass::ServerError));
        let finished = says(0, "one") + &finish(0, "stop");
        let (out, stream, whole) = pass(&(says(0, "") + &complaint + &finished + &complaint + DONE));
        assert_eq!((out, whole), (says(0, "") + &finished + DONE, true), "{complaint}");
        assert!(stream.failure().is_none());
    }
}
