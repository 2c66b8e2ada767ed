//! S9.1: how long an end takes.

use super::world::{Net, World, assert_takes, seconds};
use crate::harness::{Config, streamed};
use crate::raw::{Raw, chat};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use weir_gateway::testing::Stream;
use weir_upstream::{Answer, Upstream};

/// A gateway that ends as it does by default, over an upstream whose streams end with this many events, one a second.
fn world(events: usize) -> (Net, World, Arc<Upstream>) {
    let net = Net::default();
    let upstream = net.upstream();
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
    let end = [
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: [DONE]\n\n",
    ];
    upstream.always(Answer::events(std::iter::repeat_n(event, events).chain(end)).every(seconds(1)));
    let mut config = Config::over(&[&upstream]);
    config.gateway_mut(|gateway| {
        gateway.listener.removal_delay = seconds(10);
        gateway.listener.drain_timeout = seconds(300);
    });
    let world = net.start(&config);
    (net, world, upstream)
}

async fn drained(world: &World) -> Duration {
    let began = Instant::now();
    world.gateway.drain().await;
    began.elapsed()
}

/// The answer of a caller who leaves with its end.
async fn rest(mut caller: Raw<Stream>) -> String {
    String::from_utf8(caller.reply().await.unwrap().body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn s9_1_a_stream_that_goes_on_is_cut_after_10_seconds_and_5_minutes() {
    let (_net, world, _upstream) = world(800);
    let mut caller = world.asking(&streamed()).await;
    caller.read_past("\"x\"").await;
    let (took, text) = tokio::join!(drained(&world), rest(caller));
    assert_takes(took, seconds(310));
    assert!(text.contains("shutting_down") && !text.contains("[DONE]"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn s9_1_a_stream_that_ends_in_time_ends_whole_and_then_so_does_the_gateway() {
    let (_net, world, _upstream) = world(300);
    let caller = world.asking(&streamed()).await;
    let (took, text) = tokio::join!(drained(&world), rest(caller));
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!((seconds(300)..seconds(304)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn s9_1_connections_are_accepted_for_10_seconds_more() {
    let (_net, world, _upstream) = world(1);
    let callers = async {
        tokio::time::sleep(Duration::from_millis(9_900)).await;
        let mut caller = world.caller().await;
        let answered = caller.ask(chat(&streamed().to_string())).await;
        tokio::time::sleep(seconds(1)).await;
        (answered.status, answered.header("connection").map(str::to_owned), world.is_deaf().await)
    };
    let (took, told) = tokio::join!(drained(&world), callers);
    assert_eq!(told, (200, Some("close".to_owned()), true));
    assert!((seconds(10)..seconds(14)).contains(&took), "{took:?}");
}
