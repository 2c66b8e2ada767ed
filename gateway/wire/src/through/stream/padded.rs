//! A frame means the same however long it is: what is put around its data decides nothing.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use weir_config::Vendor;

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);
const PADDING: &str = "   ";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

/// Data of every kind, but one: of a chunk that breaks off behind its first choice a long one has gone on by then.
const DATA: [&str; 26] = [
    r#"{"choices":[{"index":0,"delta":{"content":"two"}}]}"#,
    r#"{"choices":[{"index":1,"delta":{"content":"two"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#,
    r#"{"usage":{"prompt_tokens":10,"completion_tokens":5}}"#,
    r#"{"choices":[],"usage":{"input":1}}"#,
    r#"{"choices":[],"citations":[1]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"x"}}],"error":{"message":"no","code":429}}"#,
    r#"{"errors":[{"message":"no","code":429}]}"#,
    r#"{"error":{"message":"no","code":429}}"#,
    r#"[{"error":{"message":"no","code":429}}]"#,
    r#"{"object":"error","message":"no","code":503}"#,
    r#"{"detail":"no"}"#,
    r#"{"type":"ping"}"#,
    r#"{"choices":["#,
    "{}",
    "null",
    "7",
    "ping",
    "[PING]",
    ": keepalive",
    "<html>",
    "[DONE]",
    "[done]",
    "",
];

/// Lines around the data, `$` for what makes the frame long.
const AROUND: [&str; 11] = [
    "data:$DATA\n",
    "data: DATA$\n",
    "data: $DATA$\n",
    "data:$\ndata: DATA\n",
    "event: x$\ndata: DATA\n",
    "data: DATA\nevent: x$\n",
    "event: error\ndata:$DATA\n",
    "event: error\nevent: y$\ndata: DATA\n",
    "event: error\nevent:\ndata: DATA$\n",
    "id: 7$\ndata: DATA\n",
    ":$\ndata: DATA\n",
];

/// All that a stream means; of what goes on nothing that makes a frame long, nor the last line's end, which may be
/// written twice.
#[derive(Debug, PartialEq)]
struct Meaning {
    out: String,
    content: bool,
    done: bool,
    end: StreamEnd,
    failure: Option<Failure>,
    usage: Option<Counted>,
    output_bytes: u64,
}

fn meaning(text: &str, drop_usage: bool, size: usize) -> Meaning {
    let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), drop_usage);
    let pieces = text.as_bytes().chunks(size).map(Bytes::copy_from_slice);
    let mut out: Vec<u8> = pieces.flat_map(|piece| stream.feed(piece, NOW)).collect();
    let Ending { bytes, end } = stream.end(NOW);
    out.extend_from_slice(&bytes);
    // A `[DONE]` behind many blanks is put right, one behind none needs it not.
    let out = String::from_utf8(out).unwrap().replace(PADDING, "").replace("data:[DONE]", "data: [DONE]");
    Meaning {
        out: out.trim_end().to_owned(),
        content: stream.content_seen(),
        done: stream.done_seen(),
        end,
        failure: stream.failure().cloned(),
        usage: stream.usage(),
        output_bytes: stream.output_bytes(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn s2_10_a_long_frame_means_what_a_short_one_does(
        frame in (select(DATA.to_vec()), select(AROUND.to_vec())), length in 21_800..40_000_usize,
        before in select(vec![TEXT, FINISH]), drop_usage in any::<bool>(), end in select(vec!["\n", "\r\n", "\r"]),
        after in select(vec!["", TEXT, FINISH, "data: [DONE]\n\n"]), size in select(vec![999, 4_096, 70_001, usize::MAX]),
        cut in 0..3_usize,
    ) {
        let frame = frame.1.replace("DATA", frame.0) + "\n";
        let of = |padding: &str| {
            let mut text = format!("{before}{}{after}", frame.replace('$', padding)).replace('\n', end);
            text.truncate(text.len() - if after.is_empty() { cut } else { 0 });
            text
        };
        let long = meaning(&of(&PADDING.repeat(length)), drop_usage, size.min(1 << 20));
        let short = meaning(&of(""), drop_usage, 1 << 20);
        prop_assert_eq!(long, short, "{}", frame);
    }
}
