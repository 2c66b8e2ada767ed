//! What is a failure, and of what kind.

use super::*;
use crate::sse;

const START: &str = r#"{"type":"message_start","message":{"id":"m","model":"x","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#;
const BLOCK: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const TEXT: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#;

fn failed(stream: &str) -> Option<Failure> {
    read_pieces([stream.as_bytes()]).2
}

fn class(stream: &str) -> Option<FailureClass> {
    failed(stream).map(|failure| failure.class)
}

/// A frame before all others, and one behind content.
fn both(frame: &str) -> [String; 2] {
    [format!("{frame}\n\n"), format!("{}{frame}\n\n", stream(&[START, BLOCK, TEXT]))]
}

#[test]
fn s1_1_an_error_event_has_the_class_of_what_it_tells() {
    // By hand, from Anthropic's reference, "Errors": no recording has one in a stream.
    for (kind, expected) in [
        ("overloaded_error", FailureClass::Overloaded),
        ("rate_limit_error", FailureClass::RateLimited),
        ("api_error", FailureClass::ServerError),
        ("authentication_error", FailureClass::Credential),
        ("billing_error", FailureClass::Billing),
    ] {
        let data = format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"Sorry"}}}}"#);
        for frame in [
            format!("event: error\ndata: {data}"),
            format!("data: {data}"),
            format!("event: error\ndata: {}", data.replace(r#""type":"error","#, "")),
            format!("data: {}", data.replace(r#""type":"error","#, "")),
        ] {
            for stream in both(&frame) {
                let failure = failed(&stream).unwrap();
                assert_eq!((failure.class, failure.message.as_str()), (expected, "Sorry"), "{stream}");
            }
        }
        let body = Bytes::from(data);
        let failure = whole(Vendor::OpenAICompatible.row(), None, &body, NOW, &mut Vec::new()).unwrap_err();
        assert_eq!(failure.class, expected, "{kind}");
    }
    let llama = "error: {\"code\":503,\"message\":\"busy\"}";
    assert_eq!(class(&both(llama)[1]), Some(FailureClass::Overloaded));
}

#[test]
fn s1_1_what_is_no_event_of_the_api_is_garbled() {
    for stream in [
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
        "data: hello\n\n",
        "data: {\"type\":\"message_start\",\"message\":{}\n\n",
        "data: {}\n\n",
        "<html>\n\n",
        "event: content_block_delta\ndata: {\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}\n\n",
        "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\"}}\n\n",
    ] {
        let failure = failed(stream).unwrap();
        assert_eq!((failure.class, failure.status), (FailureClass::Garbled, Some(200)), "{stream}");
    }
    let behind = both("data: hello");
    assert_eq!(class(&behind[1]), Some(FailureClass::Garbled));
}

#[test]
fn what_says_nothing_gives_nothing() {
    let content = read(&stream(&[START, BLOCK, TEXT]));
    for frame in [
        "event: ping\ndata: {\"type\": \"ping\"}",
        "data: {\"type\":\"ping\"}",
        "event: ping\ndata: ",
        ": a comment",
        "event: a_word_of_2027\ndata: {\"type\":\"a_word_of_2027\",\"index\":0}",
        "event: data\ndata: [DONE]",
        "data: null",
        "data: : keepalive",
        "id: 7",
        "retry: 1",
        "\u{FEFF}",
    ] {
        let [first, behind] = both(frame);
        assert_eq!(read(&first), [], "{frame}");
        assert_eq!(read(&behind), content, "{frame}");
    }
    for frame in ["data: {}", "data: {\"a\":1}", "stray"] {
        assert_eq!(read(&both(frame)[1]), content, "{frame}");
    }
}

#[test]
fn s1_1_a_body_that_is_not_what_it_claims_is_garbled() {
    let judged = |body: &str| {
        let mut events = Vec::new();
        let body = Bytes::copy_from_slice(body.as_bytes());
        whole(Vendor::OpenAICompatible.row(), None, &body, NOW, &mut events).map_err(|failure| failure.class)
    };
    for body in [
        "",
        "<html></html>",
        "[]",
        "{}",
        r#"{"type":"message"}"#,
        r#"{"content":null}"#,
        r#"{"content":"a"}"#,
        r#"{"content":[]"#,
        r#"{"content":[]}x"#,
        r#"{"choices":[{"message":{"content":"a"}}]}"#,
        r#"{"content":[{"type":"tool_use","id":"t","input":{}}]}"#,
    ] {
        assert_eq!(judged(body), Err(FailureClass::Garbled), "{body}");
    }
    assert_eq!(judged(r#"{"error":{"message":"x","code":429}}"#), Err(FailureClass::RateLimited));
    assert_eq!(
        judged(r#"{"content":[],"error":{"type":"overloaded_error","message":"x"}}"#),
        Err(FailureClass::Overloaded)
    );
    assert_eq!(judged("\u{FEFF}{\"content\":[],\"error\":null}"), Ok(()));
}

#[test]
fn nothing_is_read_behind_the_last_event() {
    let mut decoder = MessagesDecoder::new(Vendor::OpenAICompatible.row(), None);
    let mut events = Vec::new();
    for frame in [&stream(&[START]), "event: message_stop\ndata: {}\n\n"] {
        decoder.frame(&sse::Event::of(frame.as_bytes()), NOW, &mut events).unwrap();
    }
    assert!(decoder.is_done() && !decoder.is_finished());
    let told = events.len();
    for frame in ["data: [DONE]\n\n", "data: rubbish\n\n", &stream(&[BLOCK, TEXT])] {
        decoder.frame(&sse::Event::of(frame.as_bytes()), NOW, &mut events).unwrap();
    }
    assert_eq!(events.len(), told);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_that_an_upstream_sends_breaks_the_reader(
        frames in prop::collection::vec((0_usize..8, "[ -~]{0,20}|[\\[\\]{}\":,a1\\\\]{0,20}"), 0..8),
    ) {
        let pieces: Vec<String> = frames
            .into_iter()
            .map(|(kind, junk)| match kind {
                0 => stream(&[START]),
                1 => stream(&[BLOCK]),
                2 => stream(&[TEXT]),
                3 => format!("event: content_block_start\ndata: {{\"content_block\":{junk}}}\n\n"),
                4 => format!("event: content_block_delta\ndata: {{\"delta\":{junk}}}\n\n"),
                5 => format!("event: message_delta\ndata: {{\"delta\":{junk},\"usage\":{junk}}}\n\n"),
                6 => format!("data: {junk}\n\n"),
                _ => format!("{junk}\n\n"),
            })
            .collect();
        let (events, _, failure) = read_pieces(pieces.iter().map(String::as_bytes));
        let starts = events.iter().filter(|event| matches!(event, Event::Start { .. })).count();
        prop_assert!(starts <= 1 && (starts == 1) != events.is_empty());
        prop_assert!(failure.is_none_or(|failure| failure.status.is_some()));
        let mut all = Vec::new();
        let _ = whole(Vendor::OpenAICompatible.row(), None, &Bytes::from(pieces.concat()), NOW, &mut all);
    }
}
