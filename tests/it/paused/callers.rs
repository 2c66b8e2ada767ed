//! S9.3, S9.4: what callers may take of a connection's time.

use super::world::{Net, World, assert_takes, seconds};
use crate::harness::{Config, streamed, unary};
use crate::raw::{chat, chat_head};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use weir_upstream::{Answer, Upstream};

fn world() -> (Net, World, Arc<Upstream>) {
    let net = Net::default();
    let upstream = net.upstream();
    let world = net.start(&Config::over(&[&upstream]));
    (net, world, upstream)
}

#[tokio::test(start_paused = true)]
async fn s9_4_headers_have_10_seconds_from_the_accept_and_from_a_requests_first_byte() {
    let (_net, world, upstream) = world();
    for head in ["", "PO", "POST /v1/chat/completions HTTP/1.1\r\nhost: w"] {
        let mut caller = world.caller().await;
        let began = Instant::now();
        caller.send(head).await;
        assert_eq!(caller.rest().await, b"", "{head:?}");
        assert_takes(began.elapsed(), seconds(10));
    }
    assert_eq!(upstream.count(), 0);
    let mut slow = world.caller().await;
    let (head, body) = (chat_head("content-length: 2\r\n"), "{}");
    for line in head.split_inclusive("\r\n") {
        slow.send(line).await;
        sleep(Duration::from_millis(1_900)).await;
    }
    slow.send(body).await;
    assert_eq!(slow.reply().await.unwrap().status, 400, "five lines in 9.5 s, and no model");
}

#[tokio::test(start_paused = true)]
async fn s9_4_a_kept_connection_is_closed_after_two_minutes_without_a_request() {
    let (_net, world, _upstream) = world();
    let mut caller = world.caller().await;
    for pause in [0, 119, 119] {
        sleep(seconds(pause)).await;
        assert_eq!(caller.ask(chat(&unary().to_string())).await.status, 200);
    }
    let kept = Instant::now();
    assert_eq!(caller.rest().await, b"");
    assert_takes(kept.elapsed(), seconds(120));
}

#[tokio::test(start_paused = true)]
async fn s9_3_a_body_has_a_minute_and_a_second_for_each_64_kib() {
    let (_net, world, _upstream) = world();
    for (sent, time) in [(0, 60), (1, 60), (64 << 10, 61), (640 << 10, 70)] {
        let mut caller = world.caller().await;
        let began = Instant::now();
        assert!(caller.send(chat_head("content-length: 1000000\r\n")).await);
        assert!(caller.send("x".repeat(sent)).await);
        let refused = caller.reply().await.unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (408, "body_too_slow"), "{sent}");
        assert_takes(began.elapsed(), seconds(time));
    }
}

#[tokio::test(start_paused = true)]
async fn s9_4_a_caller_who_takes_nothing_for_a_minute_is_given_up() {
    let (_net, world, upstream) = world();
    let much = format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n",
        "x".repeat(1 << 10)
    );
    upstream.always(Answer::endless(much, Duration::ZERO));
    let began = Instant::now();
    let _caller = world.asking(&streamed()).await;
    upstream.wait_for(seconds(120), |upstream| !upstream.cancelled().is_empty()).await.unwrap();
    assert_takes(began.elapsed(), seconds(60));
}
