//! S2.3: what keeps a silent stream from being given up.

use super::world::{Net, World, assert_takes, seconds};
use crate::harness::{Config, streamed, unary};
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use weir_upstream::{Answer, At, Chat};

/// What came of the answer to `body`, and when, until it had `end`.
async fn told(world: &World, body: &Value, end: &str) -> Vec<(Duration, String)> {
    let mut caller = world.asking(body).await;
    let (began, mut told) = (Instant::now(), Vec::new());
    loop {
        let mut piece = vec![0; 64 << 10];
        let read = caller.stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "it ended: {told:?}");
        let text = String::from_utf8_lossy(&piece[..read]).into_owned();
        let ended = text.contains(end);
        told.push((began.elapsed(), text));
        if ended {
            return told;
        }
    }
}

/// Whether a comment is in it.
fn is_ping(text: &str) -> bool {
    text.lines().any(|line| line.starts_with(':'))
}

#[tokio::test(start_paused = true)]
async fn s2_3_a_silent_stream_is_kept_alive_every_15_seconds() {
    let net = Net::default();
    let upstream = net.upstream();
    let world = net.start(&Config::over(&[&upstream]));
    for place in [At::Start, At::Event(2)] {
        upstream.always(Chat::pieces(["one ", "two"]).answer().wait_at(place, seconds(50)));
        let told = told(&world, &streamed(), "[DONE]").await;
        let pings: Vec<Duration> = told.iter().filter(|(_, text)| is_ping(text)).map(|(at, _)| *at).collect();
        assert_eq!(pings.len(), 3, "{told:?}");
        for (ping, at) in pings.into_iter().zip([15, 30, 45]) {
            assert_takes(ping, seconds(at));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s2_3_a_stream_that_says_something_and_a_unary_answer_have_no_pings() {
    let net = Net::default();
    let upstream = net.upstream();
    let world = net.start(&Config::over(&[&upstream]));
    upstream.always(Chat::pieces(["one ", "two", "three"]).answer().every(seconds(14)));
    let stream = world.ask(&streamed()).await.0;
    upstream.always(Answer::says("late").wait_at(At::Start, seconds(100)));
    let unary = world.ask(&unary()).await.0;
    assert_eq!((stream.content(), unary.content()), ("one twothree".to_owned(), "late".to_owned()));
    assert!(![stream, unary].iter().any(|reply| is_ping(&reply.text)));
}
