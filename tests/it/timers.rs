//! S2.3: the timers of an attempt.

use crate::harness::{Config, World};
use std::time::{Duration, Instant};
use weir_config::Timeouts;
use weir_upstream::{Answer, At, Blackhole, Chat, Upstream};

/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(80);
/// Several times as long.
const LONG: Duration = Duration::from_millis(300);

/// The first provider's timers are changed; a second one answers.
fn two(change: impl FnOnce(&mut Timeouts)) -> (Upstream, Upstream, World) {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.always(Answer::says("from the second"));
    let mut config = Config::over(&[&first, &second]);
    config.provider_mut(0, |provider| change(&mut provider.timeouts));
    (first, second, config.start())
}

/// The first target's outcome of every request.
fn outcomes(world: World) -> Vec<String> {
    world.usage().iter().map(|line| line["attempts"][0]["outcome"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn s2_3_a_connection_that_does_not_come_about_moves_on() {
    let (nobody, second) = (Blackhole::start().unwrap(), Upstream::start());
    let mut config = Config::new();
    config.add("p1", nobody.port());
    config.add("p2", second.port());
    config.provider_mut(0, |provider| provider.timeouts.connect = SHORT);
    let world = config.start();
    for reply in [world.chat().await, world.stream().await] {
        assert!(reply.is_whole(), "{reply:?}");
    }
    assert_eq!(second.count(), 2);
    assert_eq!(outcomes(world), ["timeout", "timeout"]);
}

#[tokio::test]
async fn s2_3_a_stream_without_a_first_byte_moves_on() {
    let (first, second, world) = two(|timeouts| timeouts.first_byte = SHORT);
    for silent in [Answer::hang(), Answer::says("too late").hang_at(At::Byte(0))] {
        first.always(silent);
        let reply = world.stream().await;
        assert!(reply.is_whole() && reply.content() == "from the second", "{reply:?}");
    }
    first.wait_for_cancelled(2).await.unwrap();
    assert_eq!(second.count(), 2);
    assert_eq!(outcomes(world), ["timeout", "timeout"]);
}

#[tokio::test]
async fn s2_3_a_stream_that_falls_silent_before_its_content_moves_on() {
    let (first, second, world) = two(|timeouts| timeouts.idle = SHORT);
    first.always(Answer::says("too late").hang_at(At::Event(1)));
    let reply = world.stream().await;
    assert!(reply.is_whole() && reply.content() == "from the second", "{reply:?}");
    assert_eq!(second.count(), 1);
    assert_eq!(outcomes(world), ["timeout"]);
}

#[tokio::test]
async fn s2_3_a_stream_that_falls_silent_after_its_content_is_broken_off() {
    let (first, second, world) = two(|timeouts| timeouts.idle = SHORT);
    first.always(Chat::pieces(["one ", "two"]).answer().hang_at(At::Event(2)));
    let reply = world.stream().await;
    assert_eq!(reply.content(), "one ");
    assert!(reply.stream_error().is_some_and(|error| error["code"] == "upstream_unavailable"), "{reply:?}");
    first.wait_for_cancelled(1).await.unwrap();
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn s2_3_a_stream_is_idle_only_without_any_byte() {
    let (first, _second, world) = two(|timeouts| timeouts.idle = LONG);
    let text = "x".repeat(200);
    // One frame whose bytes come so slowly that it takes longer than the idle time; each piece takes less.
    let slow = (300..700)
        .step_by(50)
        .fold(Chat::pieces(["one ", &text]).answer(), |answer, at| answer.wait_at(At::Byte(at), SHORT));
    first.always(slow);
    let reply = world.stream().await;
    assert!(reply.is_whole(), "{reply:?}");
    assert_eq!(reply.content(), format!("one {text}"));
}

#[tokio::test]
async fn s2_3_what_only_keeps_a_stream_alive_does_not_put_its_first_token_off() {
    let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
    let empty = "data: {\"choices\":[]}\n\n";
    for frame in [": keep-alive\n\n", "data: {\"type\":\"ping\"}\n\n", role, empty] {
        let (first, second, world) = two(|timeouts| timeouts.first_token = LONG);
        first.always(Answer::endless(frame, Duration::from_millis(20)));
        let reply = tokio::time::timeout(Duration::from_secs(10), world.stream()).await;
        let reply = reply.unwrap_or_else(|_| panic!("{frame} keeps it for ever"));
        assert_eq!(reply.content(), "from the second", "{frame} {reply:?}");
        first.wait_for_cancelled(1).await.unwrap();
        assert_eq!(second.count(), 1);
        assert_eq!(outcomes(world), ["timeout"]);
    }
}

#[tokio::test]
async fn s2_3_the_first_token_is_waited_for_no_longer_once_the_stream_has_begun() {
    let empty = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"}}]}\n\n".repeat(100);
    for pause in [Duration::from_millis(5), Duration::ZERO] {
        let (first, second, world) = two(|timeouts| timeouts.first_token = LONG);
        first.always(Answer::endless(empty.clone(), pause));
        let reply = tokio::time::timeout(Duration::from_secs(10), world.stream()).await;
        let reply = reply.unwrap_or_else(|_| panic!("still waiting, pause {pause:?}"));
        assert!(reply.stream_error().is_some() && second.count() == 0, "more than is held was sent on");
        assert_eq!(outcomes(world), ["timeout"]);
    }
}

#[tokio::test]
async fn s2_3_content_in_time_is_all_that_the_first_token_asks_for() {
    for first_content in
        [r#"{"reasoning_content":"hm"}"#, r#"{"tool_calls":[{"index":0,"function":{"name":"f"}}]}"#]
    {
        let (first, second, world) = two(|timeouts| timeouts.first_token = LONG);
        let begun = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{first_content}}}]}}\n\n");
        let end = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"late\"},\"finish_reason\":\"stop\"}]}\n\n";
        let frames = [begun, end.to_owned(), "data: [DONE]\n\n".to_owned()];
        first.always(Answer::events(frames.clone()).wait_at(At::Event(1), LONG * 2));
        let reply = world.stream().await;
        assert_eq!((reply.text, second.count()), (frames.concat(), 0));
    }
}

/// A thousand events.
fn frames() -> String {
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"more \"}}]}\n\n".repeat(1_000)
}

#[tokio::test]
async fn s2_3_a_stream_ends_at_its_total_time_however_busy_it_is() {
    for pause in [Duration::from_millis(5), Duration::ZERO] {
        let (first, second, world) = two(|timeouts| timeouts.total = LONG);
        first.always(Answer::endless(frames(), pause));
        let began = Instant::now();
        let reply = tokio::time::timeout(Duration::from_secs(10), world.stream()).await;
        let reply =
            reply.unwrap_or_else(|_| panic!("still going after {:?}, pause {pause:?}", began.elapsed()));
        assert!(reply.content().starts_with("more more"), "{} bytes", reply.text.len());
        assert!(reply.stream_error().is_some(), "{} bytes", reply.text.len());
        first.wait_for_cancelled(1).await.unwrap();
        assert_eq!(second.count(), 0);
    }
}

#[tokio::test]
async fn s2_3_a_unary_answer_may_take_its_time() {
    let (first, second, world) = two(|timeouts| (timeouts.first_byte, timeouts.idle) = (SHORT, SHORT));
    first.always(Answer::says("well considered").wait_at(At::Start, LONG).wait_at(At::Byte(20), LONG));
    let reply = world.chat().await;
    assert_eq!((reply.status, reply.content()), (200, "well considered".to_owned()), "{reply:?}");
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn s2_3_a_unary_answer_beyond_its_total_time_moves_on() {
    let (first, second, world) = two(|timeouts| timeouts.total = SHORT);
    for slow in [Answer::hang(), Answer::says("too late").hang_at(At::Byte(20))] {
        first.always(slow);
        let reply = world.chat().await;
        assert!(reply.is_whole() && reply.content() == "from the second", "{reply:?}");
    }
    first.wait_for_cancelled(2).await.unwrap();
    assert_eq!(second.count(), 2);
    assert_eq!(outcomes(world), ["timeout", "timeout"]);
}

#[tokio::test]
async fn s2_3_an_error_that_never_ends_does_not_hold_its_request() {
    let (first, second, world) = two(|_| {});
    first.always(Answer::overloaded().hang_at(At::Byte(10)));
    let both = async { tokio::join!(world.chat(), world.stream()) };
    let (unary, stream) =
        tokio::time::timeout(Duration::from_secs(10), both).await.expect("still held after 10 s");
    assert!(unary.is_whole() && stream.is_whole(), "{unary:?} {stream:?}");
    assert_eq!(second.count(), 2);
    assert_eq!(outcomes(world), ["overloaded", "overloaded"]);
}
