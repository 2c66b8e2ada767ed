//! A stream means the same however its bytes are cut: outcome, usage, and what goes on.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use weir_config::Vendor;

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);

/// All that a stream means to anybody.
#[derive(Debug, PartialEq)]
struct Meaning {
    out: String,
    /// Whether it was the caller's before it ended or failed.
    committed: bool,
    content: bool,
    done: bool,
    whole: bool,
    failure: Option<Failure>,
    usage: Option<Counted>,
    output_bytes: u64,
}

fn meaning<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, drop_usage: bool) -> Meaning {
    let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), drop_usage);
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&stream.feed(Bytes::copy_from_slice(piece), NOW));
    }
    let ending = stream.end(NOW);
    out.extend_from_slice(&ending.bytes);
    Meaning {
        out: String::from_utf8_lossy(&out).into_owned(),
        committed: stream.is_committed(),
        content: stream.content_seen(),
        done: stream.done_seen(),
        whole: ending.end == StreamEnd::Complete,
        failure: stream.failure().cloned(),
        usage: stream.usage(),
        output_bytes: stream.output_bytes(),
    }
}

/// Frames of every kind, `$` for a line's end.
fn frames() -> Vec<String> {
    let long = |bytes: usize| "QUJD".repeat(bytes / 4);
    let image = |rest: &str| {
        format!(
            r#"data: {{"choices":[{{"index":0,"delta":{{"content":"see","images":[{{"image_url":{{"url":"data:image/png;base64,{}"}}}}]}}{rest}$$"#,
            long(70_000)
        )
    };
    let mut frames: Vec<String> = [
        r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}$$"#,
        r#"data: {"choices":[{"index":0,"delta":{"content":"one"},"finish_reason":null}]}$$"#,
        r#"data: {"choices":[{"index":0,"delta":{"content":"two"},"finish_reason":null}]}$$"#,
        r#"data: {"choices":[{"delta":{"content":"two"},"finish_reason":null,"index":1}]}$$"#,
        r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}$$"#,
        r#"data: {"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}$$"#,
        r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}$$"#,
        r#"data: {"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}$$"#,
        r#"data: {"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}$$"#,
        r#"data: {"choices":[{"index":0,"delta":{"content":"x"},"usage":{"prompt_tokens":12}}]}$$"#,
        r#"data: {"error":{"message":"no","code":429},"usage":{"prompt_tokens":43,"completion_tokens":10}}$$"#,
        r#"data: {"error":{"message":"","code":null},"choices":[]}$$"#,
        "event: error$data: oops$$",
        "error: {\"code\":500}$$",
        r#"data: {"choices":[{"index":0,"delta":{"content":"a;base64,QU"},"finish_reason":null}]}$$"#,
        "data: ping$$",
        "event: ping$$",
        "data: null$$",
        "data: {}$$",
        "data: {\"type\":\"ping\"}$$",
        "event: keepalive$data: keepalive$$",
        " data: {\"x\":1}$$",
        "meta: {\"a\":1}$$",
        "data: <html>$$",
        "data: {\"choices\":[{\"delta\"$$",
        ": comment$$",
        "$",
        "data:$$",
        "data: [DONE]$$",
        "event: x$data: [DONE]$$",
        "data: {\"choices\":[{\"delta\":$data:  {\"content\":\"more\"}}]}$$",
    ]
    .map(str::to_owned)
    .to_vec();
    frames.extend([
        image("}]}"),
        image(r#","finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#),
        image(r#"}],"error":{"message":"no"}}"#),
        image(""),
        format!(
            r#"data: {{"choices":[],"x":"{}","usage":{{"prompt_tokens":7,"completion_tokens":5}}}}$$"#,
            long(70_000)
        ),
        format!(
            r#"data: {{"usage":{{"prompt_tokens":7}},"x":"{}","choices":[{{"delta":{{"content":"x"}}}}]}}$$"#,
            long(70_000)
        ),
        format!(r#"data: {{"x":"{}"}}$$"#, long(70_000)),
        format!(
            r#"data: {{"object":"chat.completion.chunk","error":{{"message":"no"}},"x":"{}"}}$$"#,
            long(70_000)
        ),
        format!("data: {}$$", long(70_000)),
        format!(": {}$$", long(70_000)),
        format!(": {}$$", long(60_000)),
        format!("event: error$data: {}$$", long(70_000)),
        format!("event: error$data: {{\"message\":\"{}\",\"code\":503}}$$", long(70_000)),
        format!("data: {{\"error\":{{\"message\":\"{}\",\"code\":503}}}}$$", long(70_000)),
        format!("<html>{}$$", long(70_000)),
    ]);
    frames
}

fn stream() -> impl Strategy<Value = String> {
    let frame = (select(frames()), select(vec!["\n", "\r\n", "\r"]));
    let frames = prop::collection::vec(frame, 1..9);
    (frames, 0..8usize).prop_map(|(frames, cut)| {
        let mut text: String = frames.iter().map(|(frame, end)| frame.replace('$', end)).collect();
        text.truncate(text.len() - cut.saturating_sub(4).min(text.len()));
        text
    })
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> =
        cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn s2_10_a_stream_means_the_same_however_it_is_cut(
        text in stream(), cuts in prop::collection::vec(any::<usize>(), 0..6), drop_usage in any::<bool>(),
    ) {
        let bytes = text.as_bytes();
        let whole = meaning([bytes], drop_usage);
        prop_assert_eq!(&meaning(pieces(bytes, &cuts), drop_usage), &whole);
        if bytes.len() < 2_000 {
            prop_assert_eq!(&meaning(bytes.chunks(1), drop_usage), &whole);
        }
        prop_assert_eq!(&meaning(bytes.chunks(4_099), drop_usage), &whole);
    }
}

#[test]
fn s2_10_every_place_where_two_frames_may_be_cut_gives_the_same() {
    let frames: Vec<String> = frames().into_iter().filter(|frame| frame.len() < 1_000).collect();
    let good = r#"data: {"choices":[{"index":0,"delta":{"content":"one"}}]}$$"#;
    for end in ["\n", "\r\n", "\r"] {
        for frame in &frames {
            for text in [format!("{good}{frame}{good}"), format!("{frame}{good}{frame}")] {
                let text = text.replace('$', end);
                let whole = meaning([text.as_bytes()], true);
                for cut in 0..text.len() {
                    let (left, right) = text.as_bytes().split_at(cut);
                    assert_eq!(meaning([left, right], true), whole, "{text:?} cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn s2_10_the_length_at_which_a_frame_becomes_a_long_one_is_no_matter_either() {
    for end in ["\n", "\r\n", "\r"] {
        for length in MAX_HELD - 8..MAX_HELD + 8 {
            // A long one goes on before its error is seen, another doesn't.
            let around = |text: &str| {
                format!(
                    r#"data: {{"choices":[{{"delta":{{"content":"{text}"}}}}],"error":{{"message":"no"}}}}"#
                )
            };
            let frame = around(&"x".repeat(length - around("").len())) + end + end;
            let text =
                format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"a\"}}}}]}}{end}{end}{frame}");
            let whole = meaning([text.as_bytes()], true);
            for cut in text.len() - 6..text.len() {
                let (left, right) = text.as_bytes().split_at(cut);
                let same = meaning([left, right], true) == whole;
                assert!(same, "{end:?} {length}, cut {} before the end", right.len());
            }
        }
    }
}
