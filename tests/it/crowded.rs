//! S9.3: streams that hold more than there is room for. That is ours: no account has failed.

use crate::harness::{Config, Reply, World};
use crate::tools::{body_of, eventually, start};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use weir_upstream::{Answer, At, Chat, Gate, Upstream};

const STREAMS: usize = 12;
/// So many of them have room in 4 MiB, of which a sixteenth is for small requests: each holds 500 KiB, and beside them
/// the half of that by which errors are known.
const FIT: usize = 5;

/// The beginning of an event that may be anything: 500 KiB of it are held.
fn undecided() -> String {
    format!("data: {{\"x\":\"{}", "x".repeat(500 << 10))
}

/// An upstream that answers every stream with `frames`, and nothing after them.
fn hangs_behind(frames: Vec<String>) -> Upstream {
    let upstream = Upstream::start();
    upstream.always(Answer::by(move |seen| match is_stream(&seen.body) {
        true => Answer::events(frames.clone()).hang_at(At::Event(frames.len())),
        false => Answer::says("hi"),
    }));
    upstream
}

fn is_stream(body: &[u8]) -> bool {
    body.windows(8).any(|part| part == b"\"stream\"")
}

/// A gateway that may hold 4 MiB; who is not asked first is never asked.
fn world(upstreams: &[&Upstream], keep_alive: Duration) -> Arc<World> {
    Arc::new(start(&Config::over(upstreams), |options| {
        options.memory_budget = Some(4 << 20);
        options.keep_alive = keep_alive;
    }))
}

/// What they were told that had no room. The others go on as long as `streams`.
async fn turned_away(world: &Arc<World>, streams: &mut JoinSet<Reply>) -> Vec<Reply> {
    for _ in 0..STREAMS {
        let world = Arc::clone(world);
        streams.spawn(async move { world.stream().await });
    }
    let mut replies = Vec::new();
    eventually("those without room are told", async || {
        replies.extend(streams.try_join_next().map(Result::unwrap));
        replies.len() >= STREAMS - FIT
    })
    .await;
    replies
}

fn ended(line: &Value) -> (&Value, &Value, &Value) {
    (&line["outcome"], &line["status"], &line["attempts"][0]["outcome"])
}

#[tokio::test]
async fn s9_3_streams_that_hold_more_than_there_is_room_for_are_turned_away_and_no_account_is_blamed() {
    let (first, second) = (hangs_behind(vec![undecided()]), Upstream::start());
    let world = world(&[&first, &second], Duration::from_secs(15));
    let mut streams = JoinSet::new();
    for reply in turned_away(&world, &mut streams).await {
        assert_eq!((reply.status, &*reply.code()), (503, "overloaded"), "{reply:?}");
        assert_eq!(reply.header("x-weir-error-source"), Some("gateway"));
        assert!(reply.header("retry-after-ms").is_some(), "{reply:?}");
    }
    assert_eq!(world.chat().await.status, 200, "a small request has room all the while");
    assert_eq!(second.count(), 0, "where there is no room, nobody else is asked");
    for line in world.usage_lines(STREAMS - FIT).await.iter().filter(|line| line["stream"] == true) {
        assert_eq!(ended(line), (&json!("overloaded"), &json!(503), &json!("no_room")), "{line}");
        assert_eq!(line["assumed"], true, "what was sent is billed: {line}");
    }
    drop(streams);
    eventually("all is given back", async || world.post(body_of(2 << 20)).await.status == 200).await;
}

#[tokio::test]
async fn s9_3_a_begun_stream_without_room_is_told_in_band() {
    let first = hangs_behind(vec![undecided()]);
    let world = world(&[&first], Duration::from_millis(20));
    let mut streams = JoinSet::new();
    for reply in turned_away(&world, &mut streams).await {
        let code = reply
            .stream_error()
            .map_or_else(|| reply.json()["error"]["code"].clone(), |error| error["code"].clone());
        assert_eq!(code, "overloaded", "{reply:?}");
    }
}

#[tokio::test]
async fn s9_3_an_answer_that_grows_beyond_its_share_without_room_is_broken_off_in_band() {
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": "first"}}]});
    let first = hangs_behind(vec![format!("data: {chunk}\n\n"), undecided()]);
    let world = world(&[&first], Duration::from_secs(15));
    let mut streams = JoinSet::new();
    for reply in turned_away(&world, &mut streams).await {
        let error = reply.stream_error().unwrap_or_else(|| panic!("{reply:?}"));
        assert_eq!(
            (reply.status, &error["code"], reply.broken),
            (200, &json!("overloaded"), false),
            "{reply:?}"
        );
        assert!(reply.text.starts_with("data: {\"choices\"") && !reply.text.contains("[DONE]"), "{reply:?}");
    }
    assert_eq!(world.chat().await.status, 200, "a small request has room all the while");
    for line in world.usage_lines(STREAMS - FIT).await.iter().filter(|line| line["stream"] == true) {
        assert_eq!(ended(line), (&json!("overloaded"), &json!(200), &json!("no_room")), "{line}");
    }
}

#[tokio::test]
async fn s9_3_a_stream_within_its_share_is_refused_nothing_in_a_full_budget() {
    let (upstream, silent, speaking) = (Upstream::start(), Gate::new(), Gate::new());
    // Each waits before its first content and again behind it, in the middle of an event.
    let words: Vec<String> = (0..20).map(|n| format!("{n} {}", "x".repeat(2 << 10))).collect();
    let answer = Chat::pieces(words.clone()).answer();
    upstream.always(answer.hold_at(At::Event(1), &silent).hold_at(At::Byte(20_000), &speaking));
    let world =
        Arc::new(start(&Config::over(&[&upstream]), |options| options.memory_budget = Some(1060 << 10)));
    let mut streams = JoinSet::new();
    // With its request each takes 40 KiB. There are 32 KiB for the last one, which is its share.
    let mut refused = None;
    while refused.is_none() {
        let (stream, world) = (streams.len() + 1, Arc::clone(&world));
        streams.spawn(async move { world.stream().await });
        eventually("it has begun, or there is no room", async || {
            refused = streams.try_join_next();
            refused.is_some() || silent.waiting() == stream
        })
        .await;
    }
    assert_eq!(refused.unwrap().unwrap().code(), "overloaded", "it is full");
    assert_eq!(upstream.count(), streams.len(), "who has no room asks nobody; who has asked goes on");
    silent.open();
    assert!(streams.len() >= 20, "{}", streams.len());
    speaking.reached_by(streams.len()).await;
    speaking.open();
    for reply in streams.join_all().await {
        assert!(reply.is_whole() && reply.content() == words.concat(), "{reply:?}");
    }
}
