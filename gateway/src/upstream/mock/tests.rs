use super::*;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Waker;

fn mock(reply: MockReply) -> Mock {
    Mock {
        latency: Duration::ZERO,
        first_byte: Duration::ZERO,
        tokens_per_second: None,
        error_percent: 0,
        error_status: 500,
        reply,
    }
}

/// A chat whose only message is `text`, in pieces as after a model was rewritten.
fn chat(text: &str) -> [Bytes; 3] {
    let rest = format!(r#"","messages":[{{"role":"user","content":"{text}"}}]}}"#);
    [Bytes::from_static(b"{\"model\":\""), Bytes::from_static(b"m"), Bytes::from(rest)]
}

async fn pieces((_, mut body): (Head, MockBody)) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    while let Some(piece) = poll_fn(|cx| body.poll_data(cx)).await {
        pieces.push(piece);
    }
    pieces
}

/// What the events say, one after the other.
fn said(events: &[Bytes]) -> String {
    let content = |event: &Bytes| {
        let json = event.strip_prefix(b"data: ")?;
        let chunk: serde_json::Value = serde_json::from_slice(json).ok()?;
        Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())
    };
    events.iter().filter_map(content).collect()
}

#[tokio::test]
async fn a_stream_and_a_whole_answer_say_the_same() {
    for (reply, expected) in [(MockReply::Echo, "one two  three"), (MockReply::Lorem, LOREM)] {
        let body = chat("one two  three");
        let events = pieces(answer(&mock(reply), &body, true, 7).await).await;
        assert_eq!(said(&events), expected);
        let parsed = |event: &Bytes| -> serde_json::Value { serde_json::from_slice(&event[6..]).unwrap() };
        let [.., finish, usage, done] = &events[..] else { panic!("{events:?}") };
        assert_eq!(parsed(finish)["choices"][0]["finish_reason"], "stop");
        assert_eq!(done, "data: [DONE]\n\n");
        let whole = pieces(answer(&mock(reply), &body, false, 7).await).await;
        let whole: serde_json::Value = serde_json::from_slice(&whole.concat()).unwrap();
        assert_eq!(whole["choices"][0]["message"]["content"], expected);
        assert_eq!((&whole["model"], &whole["usage"]["prompt_tokens"]), (&"m".into(), &7.into()));
        assert_eq!(parsed(usage)["usage"], whole["usage"]);
    }
}

#[tokio::test]
async fn s9_3_an_echo_says_no_more_than_16_kib_of_a_long_prompt() {
    let body = chat(&"a ".repeat(1 << 19));
    let events = pieces(answer(&mock(MockReply::Echo), &body, true, 7).await).await;
    assert_eq!(said(&events), "a ".repeat(ECHO / 2));
    let whole = pieces(answer(&mock(MockReply::Echo), &body, false, 7).await).await;
    assert!(whole.concat().len() < 2 * ECHO);
}

#[tokio::test]
async fn nothing_that_is_logged_shows_what_is_said() {
    let answer = answer(&mock(MockReply::Echo), &chat(&"a ".repeat(ECHO)), true, 7).await;
    assert!(!format!("{answer:?}").contains("a a"));
}

#[tokio::test]
async fn s9_3_a_mock_lets_others_have_their_turn() {
    let body = chat(&"a".repeat(8 << 20));
    let mock = mock(MockReply::Echo);
    let mut reading = pin!(answer(&mock, &body, true, 7));
    let mut cx = Context::from_waker(Waker::noop());
    let mut turns = 0;
    let answer = loop {
        turns += 1;
        match reading.as_mut().poll(&mut cx) {
            Poll::Ready(answer) => break answer,
            Poll::Pending => {}
        }
    };
    assert!(turns > 100, "read in {turns} turns");
    let mut answer = pin!(pieces(answer));
    assert!(answer.as_mut().poll(&mut cx).is_ready(), "a single word");
    let many = super::answer(&mock, &chat(&"a ".repeat(ECHO)), true, 7).await;
    assert!(pin!(pieces(many)).poll(&mut cx).is_pending(), "8,192 events are no single turn");
}
