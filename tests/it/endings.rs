//! S2.10, S2.12, S2.13: where a stream ends, and what is said of how it did.

use crate::caller::Caller;
use crate::harness::{Config, Reply, World, streamed};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use weir_upstream::{Answer, At, Chat, Gate, Upstream, Usage, When, Writes};

/// Far less than any timer of an attempt.
const SOON: Duration = Duration::from_secs(10);

fn two() -> (Upstream, Upstream, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let config = Config::over(&[&first, &second]);
    let world = config.start_with(|options| options.keep_alive = Duration::from_secs(60));
    (first, second, world)
}

fn chunk(index: u64, delta: Value, finish: Option<&str>) -> String {
    let choice = json!({"index": index, "delta": delta, "finish_reason": finish});
    format!("data: {}\n\n", json!({"object": "chat.completion.chunk", "choices": [choice]}))
}

fn says(index: u64, text: &str) -> String {
    chunk(index, json!({"content": text}), None)
}

fn finish(index: u64, reason: &str) -> String {
    chunk(index, json!({}), Some(reason))
}

const DONE: &str = "data: [DONE]\n\n";

fn good() -> Answer {
    Chat::pieces(["one ", "two"]).usage(Some(Usage::new(10, 5))).usage_in_stream(When::Always).answer()
}

async fn soon(world: &World) -> Reply {
    tokio::time::timeout(SOON, world.stream()).await.expect("the answer does not end")
}

#[tokio::test]
async fn s2_12_an_answer_ends_with_done_whatever_its_upstream_does_then() {
    let (first, second, world) = two();
    for number in 0..4 {
        let gate = Gate::new();
        let held = good().hold_at(At::End, &gate);
        first.always(match number {
            0 => held.close_at(At::End),
            1 => held.reset_at(At::End),
            2 => held.hang_at(At::End),
            _ => good().close_at(At::End),
        });
        let reply = soon(&world).await;
        assert!(reply.is_whole() && reply.content() == "one two", "{number} {reply:?}");
        gate.open();
    }
    assert_eq!((first.count(), second.count()), (4, 0));
    for line in world.usage() {
        assert_eq!((&line["outcome"], &line["status"]), (&json!("ok"), &json!(200)), "{line}");
        assert_eq!((&line["tokens"]["input"], &line["assumed"]), (&json!(10), &json!(false)), "{line}");
    }
}

#[tokio::test]
async fn s2_12_done_without_its_blank_line_ends_an_answer_at_once() {
    let (first, second, world) = two();
    for line in ["data: [DONE]\n", "data:[DONE]\r\n"] {
        let frames = [says(0, "one"), finish(0, "stop"), line.to_owned()];
        first.always(Answer::events(frames).hang_at(At::End));
        let reply = soon(&world).await;
        assert!(!reply.broken && reply.text.contains("[DONE]"), "{reply:?}");
        assert_eq!(reply.content(), "one");
    }
    assert_eq!((first.count(), second.count()), (2, 0));
    assert!(world.usage().iter().all(|line| line["outcome"] == "ok"));
}

#[tokio::test]
async fn s2_12_a_caller_who_closes_at_done_has_not_left() {
    let (first, _second, world) = two();
    let gate = Gate::new();
    first.always(good().hold_at(At::End, &gate));
    for _ in 0..20 {
        let mut caller = Caller::send(&world, &streamed()).await;
        caller.read_until("[DONE]").await;
        caller.leave();
    }
    for line in world.usage_lines(20).await {
        assert_eq!((&line["outcome"], &line["status"]), (&json!("ok"), &json!(200)), "{line}");
        assert_eq!(line["assumed"], false, "{line}");
    }
}

#[tokio::test]
async fn s2_12_nothing_after_done_reaches_anybody() {
    let (first, second, world) = two();
    let whole = [says(0, "one"), finish(0, "stop"), DONE.to_owned()];
    for after in ["data: {\"error\":{\"message\":\"late\"}}\n\n", "data: <html>\n\n", ": more\n\n"] {
        for writes in [Writes::Joined, Writes::PerEvent, Writes::Size(1)] {
            let frames = whole.iter().cloned().chain([after.to_owned()]);
            first.always(Answer::events(frames.collect::<Vec<_>>()).writes(writes));
            let reply = soon(&world).await;
            assert_eq!((reply.status, reply.text), (200, whole.concat()), "{after}");
        }
    }
    assert_eq!(second.count(), 0);
    assert!(world.usage().iter().all(|line| line["outcome"] == "ok"));
}

#[tokio::test]
async fn s2_13_a_finish_of_one_choice_is_not_the_end_of_two() {
    let (first, _second, world) = two();
    let begun = [says(0, "one"), says(1, "uno"), says(0, " two"), finish(0, "stop")];
    first.always(Answer::events(begun.clone()));
    let reply = soon(&world).await;
    assert!(reply.stream_error().is_some(), "{reply:?}");
    for more in [vec![finish(1, "stop")], vec![DONE.to_owned()]] {
        let whole: Vec<String> = begun.iter().cloned().chain(more).collect();
        first.always(Answer::events(whole.clone()));
        let reply = soon(&world).await;
        assert_eq!((reply.text, reply.broken), (whole.concat(), false));
    }
    let outcomes: Vec<_> = world.usage().into_iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["stream_broken", "ok", "ok"]);
}

#[tokio::test]
async fn s2_13_a_choice_that_was_asked_for_and_never_began_is_missing() {
    let (first, second, world) = two();
    let begun = [says(0, "one"), finish(0, "stop")];
    let mut body = streamed();
    body["n"] = json!(2);
    for answer in [Answer::events(begun.clone()), Answer::events(begun.clone()).reset_at(At::End)] {
        first.always(answer);
        let reply = tokio::time::timeout(SOON, world.post(body.to_string())).await.unwrap();
        assert!(reply.stream_error().is_some() && !reply.text.contains("[DONE]"), "{reply:?}");
    }
    let whole: Vec<String> = begun.into_iter().chain([says(1, "uno"), finish(1, "stop")]).collect();
    first.always(Answer::events(whole.clone()));
    assert_eq!(world.post(body.to_string()).await.text, whole.concat());
    assert_eq!((first.count(), second.count()), (3, 0));
    let outcomes: Vec<_> = world.usage().into_iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["stream_broken", "stream_broken", "ok"]);
}

/// Whole: the caller sees a stream that ends in order, without the `[DONE]` that did not come.
#[tokio::test]
async fn s2_13_after_the_finish_of_every_choice_a_cut_is_no_failure() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let mut config = Config::over(&[&first, &second]);
    config.provider_mut(0, |provider| provider.timeouts.idle = Duration::from_millis(200));
    let world = config.start();
    let frames = [says(0, "one"), finish(0, "stop")];
    let answer = || Answer::events(frames.clone());
    for cut in [answer().close_at(At::End), answer().hang_at(At::End), answer()] {
        first.always(cut);
        let reply = soon(&world).await;
        assert_eq!((reply.status, reply.text, reply.broken), (200, frames.concat(), false));
    }
    let gate = Gate::new();
    first.always(answer().hold_at(At::End, &gate).reset_at(At::End));
    let mut begun = world.open_stream(streamed()).await;
    let mut text = String::new();
    while let Some(piece) = begun.chunk().await.unwrap() {
        text += std::str::from_utf8(&piece).unwrap();
        if text.contains("stop") {
            gate.open();
        }
    }
    assert_eq!(text, frames.concat());
    assert_eq!(second.count(), 0);
    assert!(world.usage().iter().all(|line| line["outcome"] == "ok"));
}

#[tokio::test]
async fn s2_13_after_the_finish_of_every_choice_nothing_that_adds_nothing_holds_the_caller() {
    let whole = says(0, "one") + &finish(0, "stop");
    let nothing = [": ping\n\n", "data: ping\n\n", "data: {\"choices\":[]}\n\n"];
    let frames = [whole.clone()].into_iter().chain(nothing.map(str::to_owned).into_iter().cycle().take(600));
    let pause = Duration::from_millis(200);
    let busy = (1..600)
        .fold(Answer::events(frames.collect::<Vec<_>>()), |answer, at| answer.wait_at(At::Event(at), pause));
    let silent = Answer::events([whole.clone()]).hang_at(At::End);
    let ends = async |answer: Answer| {
        let (first, second, world) = two();
        first.always(answer);
        // What else would end it, the idle time of a silent stream, is a minute.
        let reply = tokio::time::timeout(Duration::from_secs(45), world.stream()).await;
        let reply = reply.expect("the caller is held");
        assert!(reply.text.starts_with(&whole) && !reply.broken, "{reply:?}");
        assert!(reply.stream_error().is_none() && !reply.text.contains("[DONE]"), "{reply:?}");
        first.wait_for_cancelled(1).await.unwrap();
        assert_eq!((second.count(), &world.usage()[0]["outcome"]), (0, &json!("ok")));
    };
    tokio::join!(ends(busy), ends(silent));
}

#[tokio::test]
async fn s2_13_a_finish_reason_error_is_a_failure() {
    let (first, second, world) = two();
    first.always(Answer::events([finish(0, "error"), DONE.to_owned()]));
    assert_eq!(soon(&world).await.content(), "from the second");
    let inside = r#"{"choices":[{"message":{"content":"half"},"finish_reason":"error"}]}"#;
    first.always(Answer::json(200, inside));
    assert_eq!(world.chat().await.content(), "from the second");
    assert_eq!(second.count(), 2);
    first.always(Answer::events([says(0, "one"), finish(0, "error"), DONE.to_owned()]));
    let reply = soon(&world).await;
    assert_eq!((reply.content().as_str(), second.count()), ("one", 2));
    assert!(reply.stream_error().is_some() && !reply.text.contains("[DONE]"), "{reply:?}");
}

#[tokio::test]
async fn s2_13_garbage_after_content_is_an_error_event_and_never_a_false_end() {
    let (first, second, world) = two();
    for garbage in ["data: <html>\n\n", "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}\n\n"] {
        let frames = [says(0, "one"), garbage.to_owned(), finish(0, "stop"), DONE.to_owned()];
        first.always(Answer::events(frames));
        let reply = soon(&world).await;
        assert_eq!(reply.content(), "one", "{reply:?}");
        assert!(reply.stream_error().is_some() && !reply.text.contains("[DONE]"), "{reply:?}");
        assert!(!reply.text.contains("html"), "{reply:?}");
    }
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn s2_13_a_keep_alive_after_content_breaks_nothing_and_reaches_nobody() {
    let (first, second, world) = two();
    let good = [says(0, "one"), says(0, "two"), finish(0, "stop"), DONE.to_owned()];
    for keep_alive in [
        "data: ping\n\n",
        "data: [PING]\n\n",
        "data: : keepalive\n\n",
        "data:\n\n",
        "event: ping\n\n",
        "event: heartbeat\ndata: now\n\n",
    ] {
        let frames: Vec<String> =
            good.iter().flat_map(|frame| [keep_alive.to_owned(), frame.clone()]).collect();
        for writes in [Writes::Joined, Writes::PerEvent, Writes::Size(1)] {
            first.always(Answer::events(frames.clone()).writes(writes));
            assert_eq!(soon(&world).await.text, good.concat(), "{keep_alive}");
        }
    }
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn s2_10_an_error_behind_the_content_means_the_same_in_one_read_and_byte_by_byte() {
    let (first, second, world) = two();
    let error = json!({"error": {"message": "max tokens reached", "type": "invalid_request_error", "code": 400},
        "usage": {"prompt_tokens": 43, "completion_tokens": 10}});
    let frames = [says(0, "one"), finish(0, "length"), format!("data: {error}\n\n"), DONE.to_owned()];
    let mut replies = Vec::new();
    for writes in [Writes::Joined, Writes::PerEvent, Writes::Size(1), Writes::Sizes(vec![7, 100, 3])] {
        first.always(Answer::events(frames.clone()).writes(writes));
        let reply = soon(&world).await;
        assert_eq!((reply.status, reply.content().as_str()), (200, "one"), "{reply:?}");
        assert!(reply.stream_error().is_some(), "{reply:?}");
        replies.push(reply.text);
    }
    assert!(replies.iter().all(|text| *text == replies[0]), "{replies:?}");
    assert_eq!(second.count(), 0);
    for line in world.usage() {
        assert_eq!((&line["outcome"], &line["assumed"]), (&json!("stream_broken"), &json!(false)), "{line}");
        assert_eq!((&line["tokens"]["input"], &line["tokens"]["output"]), (&json!(43), &json!(10)), "{line}");
    }
}

#[tokio::test]
async fn s4_7_the_attempt_whose_stream_broke_is_not_logged_as_fine() {
    let (first, _second, world) = two();
    let whole = good();
    first.always(whole);
    assert!(soon(&world).await.is_whole());
    for broken in [
        Answer::events([says(0, "one")]),
        Answer::events([says(0, "one"), "data: {\"error\":{\"code\":429}}\n\n".to_owned()]),
    ] {
        first.always(broken);
        assert!(soon(&world).await.stream_error().is_some());
    }
    let lines = world.usage();
    let outcomes: Vec<_> = lines.iter().map(|line| &line["attempts"][0]["outcome"]).collect();
    assert_eq!(outcomes, ["ok", "server_error", "rate_limited"]);
}

#[tokio::test]
async fn s2_1_an_error_in_a_stream_keeps_the_type_and_code_that_it_would_have_had_before() {
    let (first, _second, world) = two();
    let recording = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/wire/groq/chat-stream-error-tool-use-failed.json");
    first.always(Answer::recording(&recording).unwrap());
    let error = soon(&world).await.stream_error().unwrap();
    assert_eq!(error["code"], "tool_use_failed", "{error}");
    assert!(!error["message"].as_str().unwrap().contains("again"), "it would fail again: {error}");
    let vendors = json!({"message": "x", "type": "server_error", "code": "internal_code"});
    first.always(Chat::says("one").error_after(2, vendors));
    let error = soon(&world).await.stream_error().unwrap();
    assert_eq!((&error["type"], &error["code"]), (&json!("upstream_error"), &json!("upstream_unavailable")));
}

#[tokio::test]
async fn s2_16_an_error_in_whatever_shape_ends_a_stream_and_is_told() {
    let (first, second, world) = two();
    let long = "word ".repeat(14_000);
    for error in [
        r#"{"object":"error","message":"near \ud83d","type":"InternalServerError","code":500}"#.to_owned(),
        r#"{"type":"error","message":"x \ud83d"}"#.to_owned(),
        r#"{"errors":[{"message":"x \ud83d"}]}"#.to_owned(),
        r#"{"code":500,"message":"Internal server error"}"#.to_owned(),
        format!(r#"{{"object":"error","message":"{long}","code":500}}"#),
        format!(r#"{{"errors":[{{"message":"{long}"}}]}}"#),
        format!(r#"{{"error":{}1{}}}"#, "{\"a\":".repeat(130), "}".repeat(130)),
    ] {
        let role = chunk(0, json!({"role": "assistant", "content": ""}), None);
        let error = format!("data: {error}\n\n");
        first.always(Answer::events([role.clone(), says(0, "one"), error.clone(), DONE.to_owned()]));
        let reply = soon(&world).await;
        assert_eq!(reply.content(), "one", "{error:.60}");
        assert!(reply.stream_error().is_some() && !reply.text.contains("[DONE]"), "{error:.60} {reply:?}");
        let before = second.count();
        first.always(Answer::events([role, error.clone(), DONE.to_owned()]));
        assert_eq!(soon(&world).await.content(), "from the second", "{error:.60}");
        assert_eq!(second.count(), before + 1, "{error:.60}");
    }
    let broken = world.usage().into_iter().filter(|line| line["outcome"] == "stream_broken").count();
    assert_eq!(broken, 7);
}
