//! S2.1: what of a stream is held, what is the caller's for good, and how a broken one ends.

use crate::caller::Caller;
use crate::harness::{Config, Reply, World, streamed};
use serde_json::{Value, json};
use std::time::Duration;
use weir_upstream::{Answer, At, Chat, Gate, Upstream, Writes};

fn chunk(delta: Value) -> String {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
    let chunk = json!({"id": "first", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]});
    format!("data: {chunk}\n\n")
}

/// What a stream may begin with before it has said anything; SDKs break on some of it.
fn nothing_yet() -> Vec<String> {
    vec![
        ": OPENROUTER PROCESSING\n\n".to_owned(),
        chunk(json!({"role": "assistant", "content": ""})),
        chunk(json!({"content": ""})),
        chunk(json!({})),
        "data:\n\n".to_owned(),
        "event: ping\n\n".to_owned(),
        chunk(json!({"role": "assistant", "content": null, "refusal": null})),
    ]
}

fn and(last: &str) -> Answer {
    Answer::events(nothing_yet().into_iter().chain([last.to_owned()]).collect::<Vec<_>>())
}

fn two() -> (Upstream, Upstream, Config) {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let config = Config::over(&[&first, &second]);
    (first, second, config)
}

#[tokio::test]
async fn s2_1_nothing_is_sent_before_the_first_content_so_any_failure_moves_on() {
    let (first, second, config) = two();
    let world = config.start();
    let held = nothing_yet().len();
    let failures = [
        ("server_error", Answer::events(nothing_yet()).reset_at(At::Event(held))),
        ("server_error", Answer::events(nothing_yet()).close_at(At::End)),
        ("garbled", Answer::events(nothing_yet())),
        ("garbled", and("data: [DONE]\n\n")),
        ("garbled", and("data: <html>\n\n")),
        ("garbled", Answer::empty_stream()),
        ("rate_limited", and("data: {\"error\":{\"code\":\"rate_limit_exceeded\"}}\n\n")),
        ("overloaded", and("event: error\ndata: {\"type\":\"overloaded_error\",\"message\":\"Busy\"}\n\n")),
    ];
    for (expected, failure) in &failures {
        for writes in [Writes::PerEvent, Writes::Joined, Writes::Size(1)] {
            first.always(failure.clone().writes(writes.clone()));
            let reply = world.stream().await;
            assert!(reply.is_whole(), "{expected} {writes:?} {reply:?}");
            assert_eq!(reply.content(), "from the second");
            assert!(!reply.text.contains("\"id\":\"first\""), "two answers in one: {}", reply.text);
            assert!(!reply.text.contains("PROCESSING"), "two answers in one: {}", reply.text);
        }
    }
    assert_eq!(second.count(), failures.len() * 3);
    let lines = world.usage();
    for (line, (expected, _)) in lines.iter().zip(failures.iter().flat_map(|failure| [failure; 3])) {
        assert_eq!(line["attempts"][0]["outcome"], *expected, "{line}");
        assert_eq!(line["attempts"][1]["outcome"], "ok", "{line}");
    }
}

#[tokio::test]
async fn s2_1_what_was_held_comes_with_the_first_content() {
    for (marker, first_content) in [
        ("Hi", json!({"content": "Hi"})),
        ("Hm", json!({"reasoning_content": "Hm"})),
        ("No", json!({"refusal": "No"})),
        ("call_1", json!({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "ping"}}]})),
    ] {
        let (first, _second, config) = two();
        let gate = Gate::new();
        let content = chunk(first_content);
        first.always(and(&content).hold_at(At::End, &gate));
        let world = config.start();
        let mut reply = world.open_stream(streamed()).await;
        let mut all = String::new();
        while !all.contains(marker) {
            all.push_str(std::str::from_utf8(&reply.chunk().await.unwrap().unwrap()).unwrap());
        }
        let silent = ["data:\n\n", "event: ping\n\n"];
        let held = nothing_yet().concat().replace(&silent.concat(), "");
        assert_eq!(all, held + &content);
        gate.reached_by(1).await; // and held there: the answer has not ended
    }
}

#[tokio::test]
async fn s2_1_holding_is_bounded_by_events_and_by_bytes() {
    let (first, second, config) = two();
    let world = config.start();
    let error = "data: {\"error\":{\"message\":\"died\"}}\n\n".to_owned();
    let empty = |count: usize| vec![chunk(json!({"content": ""})); count];
    let large = |count: usize| vec![chunk(json!({"role": "x".repeat(8 << 10)})); count];
    let comments = |count: usize| vec![format!(": {}\n\n", "x".repeat(8 << 10)); count];
    for frames in [empty(64), large(30), comments(100)] {
        first.always(Answer::events(frames.into_iter().chain([error.clone()]).collect::<Vec<_>>()));
        let reply = world.stream().await;
        assert_eq!((reply.status, reply.stream_error()), (200, None), "{reply:?}");
    }
    assert_eq!(second.count(), 3);
    for frames in [empty(65), large(33)] {
        let at = frames.len();
        let frames: Vec<String> = frames.into_iter().chain([error.clone()]).collect();
        let reply = committed_before(&world, &first, Answer::events(frames), at).await;
        assert!(reply.stream_error().is_some(), "{reply:?}");
    }
    assert_eq!(second.count(), 3);
}

/// The reply to a stream whose upstream sends `answer`, from its event `at` on only when the gateway has committed:
/// a failure that comes along with the first content would move on unseen.
async fn committed_before(world: &World, upstream: &Upstream, answer: Answer, at: usize) -> Reply {
    let gate = Gate::new();
    upstream.always(answer.hold_at(At::Event(at), &gate));
    let reply = world.open_stream(streamed()).await;
    gate.open();
    Reply::read(reply).await
}

/// After the first content the caller gets what came, then one error event in OpenAI's form, and nothing else.
fn is_broken_off(reply: &Reply, content: &str) {
    assert_eq!((reply.status, reply.broken), (200, false), "{reply:?}");
    assert_eq!(reply.content(), content, "{reply:?}");
    let error = reply.stream_error().unwrap_or_else(|| panic!("no error event: {}", reply.text));
    for key in ["message", "type", "param", "code"] {
        assert!(error.get(key).is_some(), "no {key} in {error}");
    }
    assert_eq!(error["code"], "upstream_unavailable");
    assert!(!reply.text.contains("[DONE]"), "{}", reply.text);
    assert!(!reply.text.contains("\"finish_reason\":\"stop\""), "{}", reply.text);
    assert_eq!(reply.text.matches("\"error\"").count(), 1, "{}", reply.text);
}

#[tokio::test]
async fn s2_1_after_the_first_content_a_failure_is_an_error_event() {
    let (first, second, config) = two();
    let world = config.start();
    let says = || Chat::pieces(["one ", "two ", "three"]);
    let error = json!({"message": "The server had an error.", "type": "server_error"});
    let failures = [
        says().answer().reset_at(At::Event(3)),
        says().answer().close_at(At::Event(3)),
        says().answer().close_at(At::Byte(500)),
        says().error_after(3, error.clone()).answer(),
        Chat::pieces(["one ", "two "]).finish(None).without_done().answer(),
        Chat::pieces(["one ", "two "]).finish(None).without_done().answer().close_at(At::End),
    ];
    let count = failures.len();
    for (at, failure) in failures.into_iter().enumerate() {
        let reply = committed_before(&world, &first, failure, 2).await;
        let content = if at == 2 { reply.content() } else { "one two ".to_owned() };
        is_broken_off(&reply, &content);
    }
    assert_eq!((first.count(), second.count()), (count, 0), "two models' text is never spliced");
    for line in world.usage() {
        assert_eq!(line["outcome"], "stream_broken", "{line}");
        assert_eq!(line["assumed"], true, "{line}");
        assert!(line["tokens"]["output"].as_u64().unwrap() > 0, "{line}");
    }
}

#[tokio::test]
async fn s2_1_what_was_counted_before_a_break_is_the_least_that_is_booked() {
    let (first, _second, config) = two();
    let world = config.start();
    let counted = |text: &str, tokens: u64| {
        let usage = json!({"prompt_tokens": 900, "completion_tokens": tokens});
        let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
        format!("data: {}\n\n", json!({"choices": [choice], "usage": usage}))
    };
    // The first counts along; the second's only count came before nearly all of its text.
    for frames in [
        [counted("Hi", 1), counted("there", 700)],
        [counted("Hi", 1), chunk(json!({"content": "x".repeat(2_800)}))],
    ] {
        let reply = committed_before(&world, &first, Answer::events(frames).close_at(At::End), 1).await;
        assert!(reply.stream_error().is_some());
    }
    for line in world.usage() {
        assert_eq!((&line["assumed"], &line["tokens"]["input"]), (&json!(true), &json!(900)), "{line}");
        let output = line["tokens"]["output"].as_u64().unwrap();
        assert!((700..720).contains(&output), "{line}");
    }
}

#[tokio::test]
async fn s2_1_after_an_error_event_the_upstream_is_cancelled() {
    let (first, _second, config) = two();
    let world = config.start();
    let died = Chat::pieces(["one ", "two "]).error_after(3, json!({"message": "died"})).answer();
    let reply = committed_before(&world, &first, died.hang_at(At::Event(4)), 2).await;
    is_broken_off(&reply, "one two ");
    first.wait_for_cancelled(1).await.unwrap();
}

#[tokio::test]
async fn s2_1_a_finish_without_done_is_a_whole_answer() {
    let (first, _second, config) = two();
    let world = config.start();
    first.always(Chat::says("Hello.").without_done());
    let reply = world.stream().await;
    assert_eq!((reply.content(), reply.stream_error()), ("Hello.".to_owned(), None), "{reply:?}");
    assert!(!reply.text.contains("[DONE]"), "no end is invented: {}", reply.text);
}

/// A gateway that soon says `: ping`.
fn impatient(config: &Config) -> World {
    config.start_with(|options| options.keep_alive = Duration::from_millis(40))
}

#[tokio::test]
async fn s2_1_the_headers_of_a_silent_stream_are_sent_with_a_ping() {
    let (first, second, config) = two();
    let world = impatient(&config);
    let gate = Gate::new();
    first.always(Answer::overloaded().hold_at(At::Start, &gate));
    let mut caller = Caller::send(&world, &streamed()).await;
    let begun = caller.read_until(": ping\n\n").await;
    let (head, _) = begun.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("x-request-id: req_"), "{head}");
    for unknown_yet in ["x-weir-provider", "x-weir-model", "x-weir-attempts"] {
        assert!(!head.contains(unknown_yet), "{head}");
    }
    assert_eq!(second.count(), 0);
    gate.open();
    let all = caller.read_until("data: [DONE]").await;
    assert!(all.contains("from the second") && !all.contains("\"error\""), "{all}");
}

#[tokio::test]
async fn s2_1_once_the_headers_are_sent_a_total_failure_is_an_error_event() {
    let (first, second, config) = two();
    let world = impatient(&config);
    let gate = Gate::new();
    first.always(Answer::bad_key().hold_at(At::Start, &gate));
    second.always(Answer::model_missing());
    let mut caller = Caller::send(&world, &streamed()).await;
    caller.read_until(": ping\n\n").await;
    gate.open();
    let all = caller.read_until("0\r\n\r\n").await;
    let error = all.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let error = &serde_json::from_str::<Value>(error).unwrap()["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("upstream_error"), &json!("upstream_unavailable")),
        "{all}"
    );
    assert!(!all.contains("[DONE]"), "{all}");
    let line = world.usage_lines(1).await.remove(0);
    assert_eq!(line["outcome"], "upstream_unavailable", "{line}");
    assert_eq!(line["attempts"].as_array().unwrap().len(), 2, "{line}");
}

#[tokio::test]
async fn s2_3_a_silence_in_the_middle_is_filled_with_pings() {
    let (first, _second, config) = two();
    let world = impatient(&config);
    let gate = Gate::new();
    first.always(Chat::pieces(["one ", "two"]).answer().hold_at(At::Event(2), &gate));
    let mut caller = Caller::send(&world, &streamed()).await;
    let begun = caller.read_until(": ping\n\n").await;
    assert!(begun.contains("one ") && begun.contains("x-weir-provider: default/p1"), "{begun}");
    gate.open();
    let all = caller.read_until("data: [DONE]").await;
    assert!(all.contains("two") && !all.contains("\"error\""), "{all}");
}

#[tokio::test]
async fn s2_3_no_ping_stands_inside_of_an_event() {
    let (first, _second, config) = two();
    let world = impatient(&config);
    let large = chunk(json!({"content": "x".repeat(600 << 10)}));
    let finish = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".to_owned();
    let frames = vec![chunk(json!({"content": "Hi"})), large, finish, "data: [DONE]\n\n".to_owned()];
    let whole = frames.concat();
    first.always(Answer::events(frames).wait_at(At::Byte(400 << 10), Duration::from_millis(200)));
    let reply = world.stream().await;
    assert!(reply.text == whole, "{} bytes of {}", reply.text.len(), whole.len());
}
