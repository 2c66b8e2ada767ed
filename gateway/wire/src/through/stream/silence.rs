//! What servers send to keep a connection alive: it goes to nobody whom it would break, and breaks nothing itself.

use super::*;
use weir_config::{FailureClass, FailureClass::Garbled, Vendor};

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"four\"}}]}\n\n";
const END: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// What goes through, and the stream after it: the same however it is cut.
fn pass(text: &str) -> (String, ChatStream) {
    let of = |size: usize| {
        let mut stream = ChatStream::new(Vendor::OpenAICompatible.row(), true);
        let pieces = text.as_bytes().chunks(size).map(Bytes::copy_from_slice);
        let mut out: Vec<u8> = pieces.flat_map(|piece| stream.feed(piece, NOW)).collect();
        out.extend_from_slice(&stream.end(NOW).bytes);
        (String::from_utf8(out).unwrap(), stream)
    };
    let whole = of(text.len());
    for size in [1, 7] {
        let cut = of(size);
        assert_eq!((&cut.0, cut.1.failure()), (&whole.0, whole.1.failure()), "{text:?} in pieces of {size}");
    }
    whole
}

#[test]
fn s2_13_a_keep_alive_after_content_is_no_garbage_and_goes_to_nobody() {
    for keep_alive in [
        "data: ping",
        "data:PING",
        "data: [PING]",
        "data: [ping]",
        "data: [KEEPALIVE]",
        "data: keep-alive",
        "data: HEARTBEAT",
        "data: : keepalive",
        "data: : OPENROUTER PROCESSING",
        "data: null",
        "data: \"ping\"",
        "data: {}",
        "data: {\"type\":\"ping\"}",
        "data:",
        "data: ",
        "event: ping",
        "event: heartbeat",
        "event: ping\ndata:",
        "event: ping\ndata: ping",
        "event: heartbeat\ndata: 2026-11-30T10:00:00Z",
        "event: ping\ndata: {\"time\":1",
        "data: \nevent: keepalive",
        "id: 7\ndata: ping",
        "id: 7",
        "retry: 3000",
    ] {
        for end in ["\n\n", "\r\n\r\n"] {
            let frame = keep_alive.replace('\n', &end[..end.len() / 2]) + end;
            let (out, stream) = pass(&format!("{frame}{TEXT}{frame}{frame}{TEXT}{END}{frame}"));
            assert_eq!(out, format!("{TEXT}{TEXT}{END}"), "{frame:?}");
            assert!(stream.failure().is_none() && stream.is_finished(), "{frame:?}");
        }
    }
}

#[test]
fn s2_7_a_comment_and_a_blank_line_go_through() {
    for comment in [": ping\n\n", ": OPENROUTER PROCESSING\n\n", ":\n\n", "\n"] {
        let text = format!("{comment}{TEXT}{comment}{TEXT}{END}");
        assert_eq!(pass(&text).0, text, "{comment:?}");
    }
}

#[test]
fn s2_13_garbage_is_no_keep_alive() {
    for garbage in [
        "data: <html>",
        "data: {\"choices\":[{\"delta\":{\"content\":\"ping\"}",
        "data: oops",
        "data: pin",
        "data: [ping",
        "data: ping failed",
        "data: [DONE",
        "data: ping\ndata: {\"choices\"",
        "data: Internal Server Error",
    ] {
        let (out, stream) = pass(&format!("{TEXT}{garbage}\n\n{TEXT}{END}"));
        assert_eq!(out, TEXT, "{garbage}");
        assert_eq!(stream.failure().map(|failure| failure.class), Some(Garbled), "{garbage}");
        let (out, stream) = pass(&format!("{garbage}\n\n"));
        assert_eq!((out.as_str(), stream.failure().map(|failure| failure.class)), ("", Some(Garbled)));
    }
    let (_, stream) = pass(&"data: ping\n\n".repeat(3));
    assert_eq!(stream.failure().map(|failure| failure.class), Some(Garbled), "nothing else is no stream");
}

#[test]
fn s2_13_a_keep_alive_that_the_end_of_the_stream_cuts_off_is_nothing() {
    let finished = END.split_inclusive("\n\n").next().unwrap();
    for tail in ["data: ping", "data: pin", "data: [PI", "data: : kee", "data:", "event: pin", "id: 7\n"] {
        let (out, stream) = pass(&format!("{TEXT}{finished}{tail}"));
        assert_eq!(out, format!("{TEXT}{finished}"), "{tail}");
        assert!(stream.failure().is_none() && stream.is_finished(), "{tail}");
    }
}

#[test]
fn s1_1_an_error_is_one_whatever_its_event_is_called() {
    for name in ["ping", "heartbeat"] {
        let error = format!("event: {name}\ndata: {{\"error\":{{\"message\":\"x\",\"code\":429}}}}\n\n");
        let (out, stream) = pass(&format!("{TEXT}{error}{END}"));
        assert_eq!(out, TEXT);
        assert_eq!(stream.failure().map(|failure| failure.class), Some(FailureClass::RateLimited));
    }
}
