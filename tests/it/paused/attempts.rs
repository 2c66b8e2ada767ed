//! S2.3: the timers of an attempt.

use super::world::{Net, World, assert_takes, seconds};
use crate::harness::{Config, Reply, streamed, unary};
use std::sync::Arc;
use std::time::Duration;
use weir_upstream::{Answer, At, Chat, Upstream};

/// What the second upstream says.
const SECOND: &str = "from the second";

/// A first upstream that does `first`, a second one that answers, and a gateway that prefers the first.
fn two(first: Answer) -> (Net, World, [Arc<Upstream>; 2]) {
    let net = Net::default();
    let upstreams = [net.upstream(), net.upstream()];
    upstreams[0].always(first);
    upstreams[1].always(Answer::says(SECOND));
    let world = net.start(&Config::over(&[&upstreams[0], &upstreams[1]]));
    (net, world, upstreams)
}

/// A stream's chunk with this delta.
fn chunk(delta: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n")
}

#[track_caller]
fn assert_moved_on(reply: &Reply) {
    assert!(reply.is_whole() && reply.content() == SECOND, "{reply:?}");
}

#[track_caller]
fn assert_broken_off(reply: &Reply) {
    assert!(reply.stream_error().is_some_and(|error| error["code"] == "upstream_unavailable"), "{reply:?}");
}

#[tokio::test(start_paused = true)]
async fn s2_3_a_connection_has_5_seconds_to_come_about() {
    let net = Net::default();
    let second = net.upstream();
    second.always(Answer::says(SECOND));
    let mut config = Config::new();
    config.add("p1", net.silence());
    config.add("p2", second.port());
    let world = net.start(&config);
    for body in [unary(), streamed()] {
        let (reply, took) = world.ask(&body).await;
        assert_moved_on(&reply);
        assert_takes(took, seconds(5));
    }
    assert_eq!(world.outcomes().await, ["timeout", "timeout"]);
}

#[tokio::test(start_paused = true)]
async fn s2_3_a_stream_has_a_minute_for_its_first_byte() {
    let (_net, world, [first, _]) = two(Answer::hang());
    for silent in [Answer::hang(), Answer::says("too late").hang_at(At::Byte(0))] {
        first.always(silent);
        let (reply, took) = world.ask(&streamed()).await;
        assert_moved_on(&reply);
        assert_takes(took, seconds(60));
    }
    assert_eq!(first.cancelled().len(), 2);
    first.always(Answer::says("just in time").wait_at(At::Start, seconds(59)));
    let (reply, took) = world.ask(&streamed()).await;
    assert_eq!(reply.content(), "just in time");
    assert_takes(took, seconds(59));
    assert_eq!(world.outcomes().await, ["timeout", "timeout", "ok"]);
}

#[tokio::test(start_paused = true)]
async fn s2_3_a_stream_has_10_minutes_for_its_first_content() {
    let (role, empty) = (chunk(r#"{"role":"assistant","content":""}"#), "data: {\"choices\":[]}\n\n");
    for frame in [": keep-alive\n\n", "data: {\"type\":\"ping\"}\n\n", &role, empty] {
        let (_net, world, [first, _]) = two(Answer::endless(frame.to_owned(), seconds(20)));
        let (reply, took) = world.ask(&streamed()).await;
        assert_eq!(reply.content(), SECOND, "{reply:?}");
        assert_takes(took, seconds(600));
        assert_eq!(first.cancelled().len(), 1);
        assert_eq!(world.outcomes().await, ["timeout"]);
    }
}

#[tokio::test(start_paused = true)]
async fn s2_3_content_after_9_minutes_is_in_time_and_an_answer_may_take_longer_than_10() {
    for first in [
        r#"{"content":"x"}"#,
        r#"{"reasoning_content":"hm"}"#,
        r#"{"tool_calls":[{"index":0,"function":{"name":"f"}}]}"#,
    ] {
        let end = [chunk(r#"{"content":"late"},"finish_reason":"stop""#), "data: [DONE]\n\n".to_owned()];
        let frames: Vec<String> = std::iter::repeat_n(chunk(r#"{"content":""}"#), 11)
            .chain(std::iter::repeat_n(chunk(first), 5))
            .chain(end)
            .collect();
        let (_net, world, [_, second]) = two(Answer::events(frames).every(seconds(50)));
        let (reply, took) = world.ask(&streamed()).await;
        assert!(reply.content().ends_with("late") && reply.stream_error().is_none(), "{reply:?}");
        assert_eq!(reply.text.matches(first).count(), 5, "{reply:?}");
        assert!(took > seconds(800) && second.count() == 0, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn s2_3_a_stream_may_be_silent_for_a_minute() {
    // Before its content another target answers, after it none can.
    let (_net, world, [first, second]) = two(Answer::says("too late").hang_at(At::Event(1)));
    let (reply, took) = world.ask(&streamed()).await;
    assert_moved_on(&reply);
    assert_takes(took, seconds(60));
    first.always(Chat::pieces(["one ", "two"]).answer().hang_at(At::Event(2)));
    let (reply, took) = world.ask(&streamed()).await;
    assert_eq!(reply.content(), "one ");
    assert_broken_off(&reply);
    assert_takes(took, seconds(60));
    first.always(Chat::pieces(["one ", "two"]).answer().every(seconds(59)));
    let (reply, _) = world.ask(&streamed()).await;
    assert_eq!((reply.content(), reply.stream_error()), ("one two".to_owned(), None));
    assert_eq!(second.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn s2_3_a_stream_is_idle_only_without_any_byte() {
    let text = "x".repeat(200);
    // One frame whose bytes take longer than a minute; each piece takes less.
    let slow = (300..700)
        .step_by(50)
        .fold(Chat::pieces(["one ", &text]).answer(), |answer, at| answer.wait_at(At::Byte(at), seconds(59)));
    let (_net, world, _upstreams) = two(slow);
    let (reply, took) = world.ask(&streamed()).await;
    assert!(reply.is_whole() && reply.content() == format!("one {text}"), "{reply:?}");
    assert_takes(took, seconds(8 * 59));
}

#[tokio::test(start_paused = true)]
async fn s2_3_a_stream_ends_after_15_minutes_however_busy_it_is() {
    let (_net, world, [first, second]) = two(Answer::endless(chunk(r#"{"content":"x"}"#), seconds(7)));
    let (reply, took) = world.ask(&streamed()).await;
    assert_eq!(reply.content().len(), 129, "one every 7 s");
    assert_broken_off(&reply);
    assert_takes(took, seconds(900));
    assert_eq!((first.cancelled().len(), second.count()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn s2_3_a_unary_answer_has_15_minutes_and_no_other_timer() {
    let (_net, world, [first, second]) = two(Answer::hang());
    for slow in [Answer::hang(), Answer::says("too late").hang_at(At::Byte(20))] {
        first.always(slow);
        let (reply, took) = world.ask(&unary()).await;
        assert_moved_on(&reply);
        assert_takes(took, seconds(900));
    }
    let most = Duration::from_secs(449);
    first.always(Answer::says("well considered").wait_at(At::Start, most).wait_at(At::Byte(20), most));
    let (reply, took) = world.ask(&unary()).await;
    assert!(reply.is_whole() && reply.content() == "well considered", "{reply:?}");
    assert_takes(took, most * 2);
    assert_eq!(second.count(), 2);
    assert_eq!(world.outcomes().await, ["timeout", "timeout", "ok"]);
}
