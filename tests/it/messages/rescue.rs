//! Failover between accounts of both APIs, before anything has reached the caller.

use super::said::Said;
use super::{Api, BOTH, ask, two};
use serde_json::Value;
use weir_upstream::{Answer, At, Chat, Message, anthropic};

/// What each attempt of a request came to, and where.
fn attempts(line: &Value) -> Vec<(&str, &str)> {
    let attempts = line["attempts"].as_array().unwrap().iter();
    attempts
        .map(|attempt| (attempt["target"].as_str().unwrap(), attempt["outcome"].as_str().unwrap()))
        .collect()
}

/// Asserts that an account of `first` which answers so is left for one of the other API, by callers of both.
async fn moves_on(first: Api, answer: Answer, outcome: &str, streams: &[bool]) {
    let (upstream, other, world) = two(first);
    upstream.always(answer.clone());
    for (number, (caller, stream)) in
        BOTH.into_iter().flat_map(|caller| streams.iter().map(move |stream| (caller, *stream))).enumerate()
    {
        let reply = ask(&world, caller, &caller.request(stream)).await;
        let case = format!("{caller:?} stream {stream} asks {first:?} that answers {answer:?}: {reply:?}");
        assert_eq!(reply.status, 200, "{case}");
        assert_eq!(Said::of(caller, &reply).text, "from the other", "{case}");
        assert_eq!(reply.header("x-weir-provider"), Some("default/p2"), "{case}");
        let lines = world.usage_lines(number + 1).await;
        assert_eq!(attempts(&lines[number]), [("p1", outcome), ("p2", "ok")], "{case}");
    }
    assert!(upstream.count() > 0 && other.count() == 2 * streams.len());
}

const EITHER: &[bool] = &[false, true];

#[tokio::test]
async fn s1_2_an_account_of_messages_that_has_no_room_is_left_for_one_of_chat() {
    for (answer, outcome) in [
        (anthropic::overloaded(), "overloaded"),
        (anthropic::rate_limited(None), "rate_limited"),
        (anthropic::rate_limited(Some(60)), "rate_limited"),
        (anthropic::server_error(), "server_error"),
        (anthropic::bad_key(), "credential"),
        (anthropic::forbidden(), "forbidden"),
        (anthropic::no_credit(), "billing"),
        (anthropic::model_missing("gpt-upstream"), "model_missing"),
        (Answer::reset(), "server_error"),
    ] {
        moves_on(Api::Messages, answer, outcome, EITHER).await;
    }
}

#[tokio::test]
async fn s1_2_an_account_of_chat_that_has_no_room_is_left_for_one_of_messages() {
    for (answer, outcome) in [
        (Answer::overloaded(), "overloaded"),
        (Answer::rate_limited(None), "rate_limited"),
        (Answer::server_error(500), "server_error"),
        (Answer::bad_key(), "credential"),
        (Answer::insufficient_quota(), "billing"),
        (Answer::model_missing(), "model_missing"),
        (Answer::reset(), "server_error"),
    ] {
        moves_on(Api::Chat, answer, outcome, EITHER).await;
    }
}

#[tokio::test]
async fn s1_1_an_error_that_a_stream_begins_with_moves_on() {
    let chat = serde_json::json!({"message": "Overloaded", "type": "overloaded_error", "code": null});
    for events in [0, 1, 2] {
        let answer = Message::says("never").error_after(events, "overloaded_error", "Overloaded").answer();
        moves_on(Api::Messages, answer, "overloaded", &[true]).await;
    }
    for events in [0, 1] {
        moves_on(
            Api::Chat,
            Chat::says("never").error_after(events, chat.clone()).answer(),
            "overloaded",
            &[true],
        )
        .await;
    }
}

#[tokio::test]
async fn s2_1_a_stream_that_breaks_before_its_content_moves_on() {
    for events in [0, 1, 2] {
        moves_on(
            Api::Messages,
            Message::says("never").answer().reset_at(At::Event(events)),
            "server_error",
            &[true],
        )
        .await;
        moves_on(
            Api::Messages,
            Message::says("never").answer().close_at(At::Event(events)),
            "server_error",
            &[true],
        )
        .await;
    }
}

#[tokio::test]
async fn s2_2_a_unary_answer_that_breaks_in_its_middle_moves_on() {
    for first in BOTH {
        let says = first.says("never seen");
        for byte in [0, 1, 50] {
            moves_on(first, says.clone().reset_at(At::Byte(byte)), "server_error", &[false]).await;
        }
    }
}

#[tokio::test]
async fn s2_11_garbage_moves_on() {
    for first in BOTH {
        for answer in
            [Answer::invalid_json(), Answer::truncated_json(), Answer::html(200), Answer::bytes(200, "")]
        {
            moves_on(first, answer, "garbled", EITHER).await;
        }
        // An answer of the other API is none.
        let other = if first == Api::Chat { Api::Messages } else { Api::Chat };
        moves_on(first, other.says("in another tongue"), "garbled", EITHER).await;
        moves_on(first, Answer::events(["event: nonsense\ndata: nonsense\n\n"; 3]), "garbled", &[true]).await;
    }
}

#[tokio::test]
async fn s1_1_a_callers_own_mistake_stops_in_the_words_of_its_api() {
    for (first, answer) in [
        (Api::Messages, anthropic::invalid("temperature: range: 0..1")),
        (Api::Chat, Answer::error(400, "invalid_request_error", None, "temperature: range: 0..1")),
    ] {
        let (upstream, other, world) = two(first);
        upstream.always(answer);
        for (caller, stream) in BOTH.into_iter().flat_map(|caller| [(caller, false), (caller, true)]) {
            let reply = ask(&world, caller, &caller.request(stream)).await;
            let error = reply.json()["error"].clone();
            assert_eq!((reply.status, &error["type"]), (400, &"invalid_request_error".into()), "{reply:?}");
            assert_eq!(error["message"], "temperature: range: 0..1", "{reply:?}");
            assert_eq!(reply.json()["type"] == "error", caller == Api::Messages, "{reply:?}");
        }
        assert_eq!(other.count(), 0);
    }
}

#[tokio::test]
async fn s1_11_a_prompt_that_is_too_long_for_anthropic_has_openais_code_for_callers_of_chat() {
    let (upstream, world) = super::one(Api::Messages);
    upstream.always(anthropic::too_long(300_000, 200_000));
    let reply = ask(&world, Api::Chat, &Api::Chat.request(false)).await;
    assert_eq!((reply.status, &*reply.code()), (400, "context_length_exceeded"), "{reply:?}");
    let reply = ask(&world, Api::Messages, &Api::Messages.request(false)).await;
    assert_eq!((reply.status, reply.json()["error"]["type"].as_str()), (400, Some("invalid_request_error")));
    let (upstream, world) = super::one(Api::Chat);
    upstream.always(Answer::context_length());
    let reply = ask(&world, Api::Messages, &Api::Messages.request(false)).await;
    // Clients of Anthropic's know it by this text alone.
    assert_eq!((reply.status, reply.json()["error"]["type"].as_str()), (400, Some("invalid_request_error")));
}
