//! One type for unary answers and streams: what each of them says where the other has more to say.

use crate::{Account, Api, Asked, Counted, Envelope, Reading, StreamEnd, Words};
use bytes::Bytes;
use weir_config::{FailureClass, UnixSeconds, Usage, Vendor};

const NOW: UnixSeconds = UnixSeconds(1_780_000_000);
const WHY: Words<'_> =
    Words { message: "It broke.", kind: "server_error", param: None, code: None, attempts: None };
const ANSWER: &str =
    r#"{"choices":[{"message":{"content":"four"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
const TEXT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"four\"}}]}\n\n";

fn reading(stream: bool) -> Reading {
    let body = format!(r#"{{"model":"m","stream":{stream}}}"#);
    let asked = Asked::read(Api::Chat, body.into()).unwrap();
    let account = Account::new(Api::Chat, Vendor::OpenAICompatible.row(), "m");
    asked.reading(&Account { context_window: Some(1_000), ..account }, Envelope { id: "1", created: NOW })
}

fn feed(reading: &mut Reading, text: &str) -> Bytes {
    reading.feed(Bytes::copy_from_slice(text.as_bytes()), NOW)
}

#[test]
fn a_unary_answer_goes_on_as_it_comes_and_is_counted() {
    for cut in [0, 1, 5, ANSWER.len()] {
        let mut reading = reading(false);
        assert!(!reading.is_committed() && reading.usage().is_none() && reading.output_bytes() == 0);
        let (first, last) = ANSWER.split_at(cut);
        let begun = feed(&mut reading, first);
        assert_eq!(reading.is_finished(), last.is_empty(), "{first}");
        let out = [begun, feed(&mut reading, last)].concat();
        assert_eq!(out, ANSWER.as_bytes());
        assert_eq!((reading.begins(), reading.is_committed()), (Some(true), true));
        let counted =
            Counted { usage: Usage { input: 1, output: 2, ..Usage::default() }, input: true, output: true };
        assert_eq!((reading.usage(), reading.output_bytes()), (Some(counted), 0));
        assert_eq!(reading.whole(&ANSWER.into(), NOW).unwrap().facts.usage, Some(counted));
        assert_eq!(reading.end(NOW).end, StreamEnd::Complete);
        assert!(reading.failure().is_none() && !reading.is_over() && reading.is_finished());
    }
}

#[test]
fn s2_1_a_unary_answer_that_tells_of_an_error_goes_on_no_further() {
    let mut reading = reading(false);
    assert_eq!(feed(&mut reading, r#"{"choices":[],"#), r#"{"choices":[],"#);
    assert_eq!(feed(&mut reading, r#""error":{"message":"no","code":503}"#), "");
    assert_eq!(reading.failure().map(|failure| failure.class), Some(FailureClass::Overloaded));
    assert_eq!((feed(&mut reading, "}"), reading.is_over()), (Bytes::new(), true));
    assert_eq!(reading.end(NOW).end, StreamEnd::Truncated);
}

#[test]
fn a_unary_answer_that_ends_in_its_middle_is_garbled() {
    for text in ["", r#"{"choices":[{}]"#, "{}"] {
        let mut reading = reading(false);
        feed(&mut reading, text);
        assert!(reading.failure().is_none(), "it may go on: {text}");
        assert_eq!(reading.end(NOW).end, StreamEnd::Truncated, "{text}");
        assert_eq!(reading.failure().map(|failure| failure.class), Some(FailureClass::Garbled), "{text}");
    }
}

#[test]
fn s2_1_only_a_stream_has_a_place_for_comments_and_last_words() {
    let mut unary = reading(false);
    feed(&mut unary, ANSWER);
    assert_eq!((unary.is_stream(), unary.ping(), unary.broken(&WHY, NOW)), (false, None, None));
    let mut stream = reading(true);
    assert_eq!((stream.is_stream(), stream.begins(), stream.ping()), (true, None, Some(Api::Chat.ping())));
    assert_eq!(feed(&mut stream, TEXT), TEXT);
    assert_eq!(stream.broken(&WHY, NOW), Some(Api::Chat.error_event(&WHY)));
}

#[test]
fn s2_1_no_comment_comes_between_the_pieces_of_a_frame_and_last_words_begin_a_new_one() {
    let mut reading = reading(true);
    feed(&mut reading, TEXT);
    let long = TEXT.replace("four", &"word ".repeat(20_000));
    let (begun, _) = long.split_at(90_000);
    assert!(!feed(&mut reading, begun).is_empty(), "it goes on as it comes");
    assert_eq!(reading.ping(), None);
    let last = reading.broken(&WHY, NOW).unwrap();
    assert_eq!(last, [b"\n\n".as_slice(), &Api::Chat.error_event(&WHY)].concat());
}

#[test]
fn whatever_is_added_to_an_answer_changes_its_progress() {
    let mut stream = reading(true);
    let pieces = [
        (TEXT, true),
        (": ping\n\n", false),
        ("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", false),
        ("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n", true),
        ("data: [DONE]\n\n", false),
    ];
    for (piece, adds) in pieces {
        let before = stream.progress();
        feed(&mut stream, piece);
        assert_eq!(stream.progress() != before, adds, "{piece}");
    }
    let mut unary = reading(false);
    let before = unary.progress();
    feed(&mut unary, ANSWER);
    assert_ne!(unary.progress(), before);
}

#[test]
fn what_is_answered_in_place_of_a_stream_is_judged_whole() {
    let reading = reading(true);
    let error = reading.whole(&r#"{"error":{"message":"no","code":429}}"#.into(), NOW).unwrap_err();
    assert_eq!(error.class, FailureClass::RateLimited);
    assert!(reading.whole(&ANSWER.into(), NOW).is_ok());
}
