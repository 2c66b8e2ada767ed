//! S2.3: the timers of an attempt where the kernel's sockets or an upstream that never pauses matter; all others at their
//! defaults are in `paused/attempts.rs`.

use crate::harness::{Config, World};
use std::time::{Duration, Instant};
use weir_config::Timeouts;
use weir_upstream::{Answer, At, Blackhole, Upstream};

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
