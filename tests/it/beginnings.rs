//! S2.11, S2.14, S2.17: what an answer may begin with and still be one, and how a stream is sent.

use crate::caller::Caller;
use crate::harness::{Config, Reply, World, streamed, unary};
use serde_json::json;
use std::time::Duration;
use weir_upstream::{Answer, At, Chat, Form, Gate, Upstream, Writes};

const SOON: Duration = Duration::from_secs(10);

fn two() -> (Upstream, Upstream, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let world = Config::over(&[&first, &second]).start();
    (first, second, world)
}

fn good() -> Vec<String> {
    [
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"four"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#,
        "[DONE]",
    ]
    .map(|data| format!("data: {data}\n\n"))
    .to_vec()
}

#[tokio::test]
async fn s2_11_an_event_that_is_no_chunk_does_not_make_a_good_stream_garbled() {
    let (first, second, world) = two();
    let odd = [
        "data: null\n\n".to_owned(),
        "data: {}\n\n".to_owned(),
        "data: {\"type\":\"ping\"}\n\n".to_owned(),
        "data: {\"type\":\"keepalive\",\"sequence_number\":3}\n\n".to_owned(),
        "event: ping\ndata: {}\n\n".to_owned(),
        "event: keepalive\ndata: keepalive\n\n".to_owned(),
        "data: {\"object\":\"chat.completion.chunk\",\"choices\":null}\n\n".to_owned(),
        "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\"}\n\n".to_owned(),
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"}}],\"usage\":\"none\",\"x_groq\":1}\n\n".to_owned(),
        " data: {\"choices\":[]}\n\n".to_owned(),
        "meta: {\"a\":1}\n\n".to_owned(),
        format!(": {}\n\n", "x".repeat(300 << 10)),
    ];
    let mut asked = 0;
    for frame in &odd {
        for writes in [Writes::Joined, Writes::PerEvent, Writes::Size(1_000)] {
            let frames: Vec<String> = [frame.clone()].into_iter().chain(good()).collect();
            first.always(Answer::events(frames).writes(writes));
            let reply = world.stream().await;
            assert!(reply.is_whole() && reply.content() == "four", "{frame:.80} {reply:?}");
            asked += 1;
        }
    }
    assert_eq!((first.count(), second.count()), (asked, 0), "asked and paid once");
    for line in world.usage() {
        assert_eq!((&line["tokens"]["input"], &line["assumed"]), (&json!(10), &json!(false)), "{line}");
    }
}

#[tokio::test]
async fn s2_11_a_stream_without_a_chunk_moves_on_at_its_end_or_after_64_kib() {
    let (first, second, world) = two();
    let ping = "data: {\"type\":\"ping\"}\n\n";
    for answer in
        [Answer::events([ping, "data: [DONE]\n\n"]), Answer::endless(ping.repeat(10), Duration::ZERO)]
    {
        first.always(answer);
        let reply = tokio::time::timeout(SOON, world.stream()).await.expect("it waits for ever");
        assert_eq!(reply.content(), "from the second", "{reply:?}");
    }
    assert_eq!(second.count(), 2);
    assert!(world.usage().iter().all(|line| line["attempts"][0]["outcome"] == "garbled"));
}

/// The reply, of which the first content must come while the upstream is held.
async fn at_once(world: &World, upstream: &Upstream, answer: Answer) -> Reply {
    let gate = Gate::new();
    upstream.always(answer.hold_at(At::End, &gate));
    let begun = tokio::time::timeout(SOON, world.open_stream(streamed())).await.expect("nothing comes");
    gate.open();
    Reply::read(begun).await
}

#[tokio::test]
async fn s2_14_an_event_stream_is_known_by_its_first_bytes_and_at_once() {
    let (first, second, world) = two();
    let body = || Answer::bytes(200, good().concat());
    for comment in ["", ": hello\n\n", "event: message\n", "\u{FEFF}", "\r\n\r\n"] {
        let with = || Answer::bytes(200, comment.to_owned() + &good().concat());
        for answer in [with(), with().header("content-type", "text/plain")] {
            let reply = at_once(&world, &first, answer).await;
            assert!(reply.text.ends_with("[DONE]\n\n") && reply.content() == "four", "{comment:?} {reply:?}");
        }
    }
    for label in ["application/json", "application/octet-stream", "text/html"] {
        for writes in [Writes::Joined, Writes::Size(1)] {
            let reply = at_once(&world, &first, body().header("content-type", label).writes(writes)).await;
            assert!(reply.is_whole() && reply.content() == "four", "{label} {reply:?}");
        }
    }
    assert_eq!(second.count(), 0);
    first.always(Answer::html(200));
    assert_eq!(world.stream().await.content(), "from the second");
    first.always(Chat::says("unasked").form(Form::Unary));
    assert_eq!(world.stream().await.content(), "from the second", "JSON is no stream");
}

#[tokio::test]
async fn s2_14_a_stream_in_place_of_a_unary_answer_moves_on_at_once() {
    let (first, _second, world) = two();
    let unasked = || Chat::says("unasked").form(Form::Stream).answer().hang_at(At::Event(2));
    for answer in [unasked(), unasked().wait_at(At::Byte(2), Duration::from_millis(50))] {
        first.always(answer);
        let reply = tokio::time::timeout(SOON, world.chat()).await.expect("it waits for the end of a stream");
        assert_eq!(reply.content(), "from the second");
    }
    assert!(world.usage().iter().all(|line| line["attempts"][0]["outcome"] == "garbled"));
}

#[tokio::test]
async fn s9_3_white_space_before_an_answer_is_held_up_to_64_kib() {
    let (first, second, world) = two();
    for body in [unary(), streamed()] {
        first.always(Answer::json(200, " ".repeat(200 << 10)).hang_at(At::Byte(150 << 10)));
        let reply = tokio::time::timeout(SOON, world.post(body.to_string())).await.expect("it is held");
        assert_eq!(reply.content(), "from the second");
    }
    assert_eq!(second.count(), 2);
    let kept_alive = "\n".repeat(1_000) + r#"{"choices":[{"message":{"content":"four"}}]}"#;
    first.always(Answer::json(200, kept_alive.clone()).writes(Writes::Size(1)));
    assert_eq!(world.chat().await.text, kept_alive);
}

#[tokio::test]
async fn s2_14_a_stream_says_its_charset_and_that_nobody_may_hold_it() {
    let (first, _second, world) = two();
    first.always(Answer::says("hi"));
    let reply = world.stream().await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(reply.header("cache-control"), Some("no-cache"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    assert_eq!(world.chat().await.header("x-accel-buffering"), None);

    let impatient =
        Config::over(&[&first]).start_with(|options| options.keep_alive = Duration::from_millis(20));
    first.always(Answer::hang());
    let head = Caller::send(&impatient, &streamed()).await.read_until(": ping").await;
    for line in
        ["content-type: text/event-stream; charset=utf-8", "cache-control: no-cache", "x-accel-buffering: no"]
    {
        assert!(head.contains(line), "{head}");
    }
}

#[tokio::test]
async fn s2_17_what_sdks_read_passes_through() {
    let (first, second, world) = two();
    let usage = r#""usage":{"prompt_tokens":10,"completion_tokens":5}"#;
    for odd in [
        r#""x":"\ud83d""#,
        r#""x":1e400"#,
        r#""logprobs":{"a":NaN,"b":-Infinity}"#,
        r#""error":{"message":"","type":"","param":"","code":null}"#,
        r#""error":{"code":0,"message":""}"#,
        r#""error":{"message":null,"code":null}"#,
    ] {
        for mark in ["", "\u{FEFF}"] {
            let body =
                format!("{mark}{{\"choices\":[{{\"message\":{{\"content\":\"four\"}}}}],{odd},{usage}}}");
            first.always(Answer::json(200, body.clone()));
            let reply = world.chat().await;
            assert_eq!((reply.status, &reply.text), (200, &body));
        }
        for at in [0, 2] {
            let mut frames = good();
            frames[at] = frames[at].replacen('{', &format!("{{{odd},"), 1);
            first.always(Answer::events(frames.clone()));
            let reply = world.stream().await;
            frames.remove(3); // the usage was not asked for
            assert_eq!((reply.status, reply.text), (200, frames.concat()));
        }
    }
    assert_eq!(second.count(), 0);
    for line in world.usage() {
        assert_eq!((&line["tokens"]["input"], &line["assumed"]), (&json!(10), &json!(false)), "{line}");
    }
}

#[tokio::test]
async fn s2_17_an_answer_without_choices_passes() {
    let (first, second, world) = two();
    let blocked = r#"{"choices":[],"prompt_feedback":{"block_reason":"SAFETY"}}"#;
    first.always(Answer::json(200, blocked));
    let reply = world.chat().await;
    assert_eq!((reply.status, &*reply.text, second.count()), (200, blocked, 0));
}
