//! S10.18: how long connections to upstreams are kept.

use super::world::{Net, World, seconds};
use crate::harness::{Config, unary};
use std::sync::Arc;
use tokio::time::{Instant, sleep};
use weir_upstream::Upstream;

fn world() -> (Net, World, Arc<Upstream>) {
    let net = Net::default();
    let upstream = net.upstream();
    let world = net.start_with(&Config::over(&[&upstream]), |options| options.workers = 1.try_into().ok());
    (net, world, upstream)
}

#[tokio::test(start_paused = true)]
async fn s10_18_a_connection_is_idle_for_50_seconds_and_then_closed_without_a_request() {
    let (_net, world, upstream) = world();
    for pause in [0, 40, 40] {
        sleep(seconds(pause)).await;
        assert!(world.ask(&unary()).await.0.is_whole());
    }
    assert_eq!(upstream.connections(), 1, "used again, it is idle anew");
    sleep(seconds(49)).await;
    assert_eq!(upstream.connections_open(), 1);
    sleep(seconds(3)).await;
    assert_eq!(upstream.connections_open(), 0, "a sweep a second");
}

#[tokio::test(start_paused = true)]
async fn s10_18_a_connection_that_is_never_idle_lives_for_five_to_ten_minutes() {
    let (_net, world, upstream) = world();
    let began = Instant::now();
    while upstream.connections() < 2 {
        assert!(began.elapsed() < seconds(601), "it has outlived its time");
        assert!(world.ask(&unary()).await.0.is_whole());
        sleep(seconds(1)).await;
    }
    assert!(began.elapsed() > seconds(300), "{:?}", began.elapsed());
}
