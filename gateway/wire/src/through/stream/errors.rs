//! Errors in a stream, in whatever shape, however odd their JSON and however long.

use super::*;
use weir_config::{FailureClass, Vendor};

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);
const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"four\"}}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// What goes through of `text` in pieces of `size`, and the stream after it.
fn pass(text: &[u8], size: usize) -> (Vec<u8>, ChatStream) {
    let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), true);
    let mut out = Vec::new();
    for piece in text.chunks(size) {
        out.extend_from_slice(&stream.feed(Bytes::copy_from_slice(piece), NOW));
    }
    out.extend_from_slice(&stream.end(NOW).bytes);
    (out, stream)
}

/// Checks that `frame` ends a stream with a failure of `class`, wherever it comes and however it is cut.
fn fails(frame: &[u8], class: FailureClass) {
    let shown = String::from_utf8_lossy(frame.get(..80).unwrap_or(frame));
    for before in ["", ROLE, TEXT] {
        let text = [before.as_bytes(), frame, b"\n\n", DONE.as_bytes()].concat();
        for size in [1_000, 4_096, 65_536, text.len()] {
            let (out, stream) = pass(&text, size);
            assert!(out == before.as_bytes(), "{shown} in pieces of {size}: {} bytes", out.len());
            assert_eq!(stream.failure().map(|failure| failure.class), Some(class), "{shown} {before} {size}");
            assert!(!stream.is_finished(), "{shown}");
        }
    }
}

#[test]
fn s2_17_an_error_with_odd_json_is_one() {
    use FailureClass::{Overloaded, RateLimited, ServerError};
    let deep = "{\"a\":".repeat(130) + "1" + &"}".repeat(130);
    for (data, class) in [
        (
            r#"{"object":"error","message":"near \ud83d","type":"InternalServerError","code":500}"#,
            ServerError,
        ),
        (r#"{"type":"error","message":"x \ud83d"}"#, ServerError),
        (r#"{"errors":[{"message":"x \ud83d","code":"rate_limit_exceeded"}]}"#, RateLimited),
        ("{\"object\":\"error\",\"message\":\"a\u{1}b\"}", ServerError),
        (r#"{"object":"error","message":"x","got":NaN,"code":503}"#, Overloaded),
        (r#"{"object":"error","message":"x","got":1e400,"code":503}"#, Overloaded),
        (r#"{"error":{"message":"x","code":503},"error":null}"#, Overloaded),
        (r#"{"object":"error","object":"error","message":"x"}"#, ServerError),
        (&format!(r#"{{"error":{deep}}}"#), ServerError),
        (r#"{"code":500,"message":"Internal server error"}"#, ServerError),
        (r#"{"status_code":"429","message":"Slow down"}"#, RateLimited),
        (r#"{"status":503,"message":"Full"}"#, Overloaded),
    ] {
        fails(format!("data: {data}").as_bytes(), class);
        fails(format!("data: \u{FEFF}{data}").as_bytes(), class);
    }
    fails(b"data: {\"object\":\"error\",\"message\":\"caf\xe9\",\"code\":503}", Overloaded);
}

#[test]
fn s2_17_what_an_error_event_says_is_an_error_whatever_its_shape() {
    use FailureClass::{Overloaded, ServerError};
    for (data, class) in [
        (r#"{"message":"boom"}"#, ServerError),
        ("boom", ServerError),
        (r#"{"code":"overloaded"}"#, Overloaded),
        ("{", ServerError),
    ] {
        fails(format!("event: error\ndata: {data}").as_bytes(), class);
    }
}

#[test]
fn s2_1_a_chunk_that_is_torn_is_no_part_of_a_whole_answer() {
    for torn in [
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\tb\"}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\0b\"}}]}",
        r#"{"choices":[{"index":0,"delta":{"content":"Hel"#,
        r#"{"choices":[{"index":0,"delta":{"content":"Hel"}}]"#,
        r#"{"choices":[{"index":0,"delta":{"content":"Hel"},}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":None}}]}"#,
        "{'choices':[{'index':0,'delta':{'content':'Hel'}}]}",
        r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}{"choices":[{"index":0,"delta":{"content":"b"}}]}"#,
    ] {
        for before in ["", ROLE] {
            let text = [before, "data: ", torn, "\n\n", TEXT, DONE].concat();
            for size in [7, text.len()] {
                let (out, stream) = pass(text.as_bytes(), size);
                assert_eq!(String::from_utf8(out).unwrap(), before, "{torn}");
                let class = stream.failure().map(|failure| failure.class);
                assert_eq!(class, Some(FailureClass::Garbled), "{torn}");
            }
        }
    }
}

#[test]
fn s2_16_an_error_of_any_shape_is_found_in_a_frame_of_any_size() {
    use FailureClass::{Overloaded, ServerError};
    for length in [100, 65_500, 70_000, 200_000, 300_000, 600_000] {
        let long = "word ".repeat(length / 5);
        for (frame, class) in [
            (format!(r#"data: {{"object":"error","code":503,"message":"{long}"}}"#), Overloaded),
            (format!(r#"data: {{"type":"error","message":"{long}"}}"#), ServerError),
            (format!(r#"data: {{"type":"error","message":"\ud83d {long}"}}"#), ServerError),
            (format!(r#"data: {{"errors":[{{"message":"{long}"}}]}}"#), ServerError),
            (format!(r#"data: {{"error":{{"code":503,"message":"{long}"}}}}"#), Overloaded),
            (format!(r#"data: {{"code":503,"message":"{long}"}}"#), Overloaded),
            (format!("event: error\ndata: {{\"code\":503,\"message\":\"{long}\"}}"), Overloaded),
            (format!(r#"error: {{"code":503,"message":"{long}"}}"#), Overloaded),
        ] {
            fails(frame.as_bytes(), class);
        }
        for (frame, class) in [
            (format!(r#"data: {{"object":"error","message":"{long}","code":503}}"#), Overloaded),
            (format!(r#"data: {{"error":{{"message":"{long}","code":503}}}}"#), Overloaded),
            (format!("data: {{\"code\":503,\"message\":\"{long}\"}}\nevent: error"), Overloaded),
            (format!("event: error\ndata: {{\"message\":\"{long}\",\"code\":503}}"), Overloaded),
            (format!(r#"error: {{"message":"{long}","code":503}}"#), Overloaded),
            (
                format!(r#"data: {{"error":{{"message":"\"{long}\\\\","type":"overloaded_error"}}}}"#),
                Overloaded,
            ),
            (
                format!("data: {{\"object\":\"error\",\"message\":\"a\u{1}b {long}\",\"code\":503}}"),
                Overloaded,
            ),
            (format!(r#"data: {{"choices":[],"error":{{"message":"{long}","code":503}}}}"#), Overloaded),
            (format!(r#"data: {{"errors":[{{"message":"{long}","code":503}}]}}"#), Overloaded),
        ] {
            fails(frame.as_bytes(), class);
        }
        if length < 512 << 10 {
            // Behind more nobody waits for a sign that it is one.
            let frame = format!(r#"data: {{"message":"{long}","object":"error","code":503}}"#);
            fails(frame.as_bytes(), Overloaded);
        }
    }
}

#[test]
fn s2_17_an_error_that_says_nothing_is_none() {
    for error in [
        r#"{"code":"0","message":""}"#,
        r#"{"code":200,"message":"OK"}"#,
        r#"{"code":"200","message":"success"}"#,
        r#"{"code":"null","message":null}"#,
        r#""None""#,
        r#""success""#,
    ] {
        let text = TEXT.replace("]}\n", &format!("],\"error\":{error}}}\n")) + DONE;
        let (out, stream) = pass(text.as_bytes(), text.len());
        assert_eq!(String::from_utf8_lossy(&out), text);
        assert!(stream.failure().is_none() && stream.is_finished(), "{error}");
    }
}

#[test]
fn s2_11_what_only_looks_like_an_error_is_passed_over() {
    for data in [
        r#"{"code":200,"message":"ok"}"#,
        r#"{"code":500}"#,
        r#"{"status":"running","message":"queued"}"#,
        r#"{"type":"ping","errors":[]}"#,
    ] {
        let text = format!("{ROLE}{TEXT}data: {data}\n\n{TEXT}{DONE}");
        let (out, stream) = pass(text.as_bytes(), text.len());
        assert_eq!(String::from_utf8_lossy(&out), format!("{ROLE}{TEXT}{TEXT}{DONE}"));
        assert!(stream.failure().is_none() && stream.is_finished(), "{data}");
    }
}
