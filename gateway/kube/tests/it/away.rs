//! S8.7: an API server that is away, or that has forgotten.

use crate::api::{Api, Fault};
use crate::world::{World, eventually, publication, snapshot};
use std::time::{Duration, Instant};

#[tokio::test]
async fn s8_7_gateways_serve_while_the_api_server_is_away_and_converge_within_10_s_of_its_return() {
    let mut api = Api::start();
    let first = publication(&snapshot(1), None);
    api.publish(&first);
    let world = World::follow(&api);
    world.runs(&first).await;
    api.stop();
    eventually("it says so", async || world.problem().await.contains("cannot be watched")).await;
    // Long enough for the waits to have grown to their longest.
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        assert_eq!((world.ask(0).await, world.generation().await), (200, 1));
        assert_eq!(world.admin("/readyz").await.0, 200);
    }
    let second = publication(&snapshot(2), Some(&first.index));
    api.publish(&second);
    api.restart();
    let back = Instant::now();
    world.runs(&second).await;
    assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
}

#[tokio::test]
async fn s8_7_a_watch_that_comes_too_late_begins_anew() {
    let api = Api::start();
    let first = publication(&snapshot(1), None);
    api.publish(&first);
    let world = World::follow(&api);
    world.runs(&first).await;
    // Told within the stream, 410.
    api.compact();
    let second = publication(&snapshot(2), Some(&first.index));
    api.publish(&second);
    world.runs(&second).await;
    // Told as the answer to a watch.
    api.fail("watch configmaps", Fault::Status(410), 3);
    api.end_watches();
    let third = publication(&snapshot(3), Some(&second.index));
    api.publish(&third);
    world.runs(&third).await;
    assert!(api.calls().iter().filter(|call| call.starts_with("list ")).count() >= 3);
}

#[tokio::test]
async fn s8_7_an_api_server_that_fails_or_says_nothing_is_asked_again() {
    let api = Api::start();
    let first = publication(&snapshot(1), None);
    api.publish(&first);
    api.fail("list configmaps", Fault::Status(429), 1);
    api.fail("list configmaps", Fault::Status(503), 1);
    api.fail("list configmaps", Fault::Silence, 1);
    api.fail("watch configmaps", Fault::Silence, 1);
    let world = World::follow(&api);
    world.runs(&first).await;
    let second = publication(&snapshot(2), Some(&first.index));
    api.publish(&second);
    world.runs(&second).await;
}

#[tokio::test]
async fn s8_7_a_change_while_no_watch_runs_is_not_missed() {
    let api = Api::start();
    let mut last = publication(&snapshot(1), None);
    api.publish(&last);
    let world = World::follow(&api);
    for keys in 2..12 {
        world.runs(&last).await;
        api.end_watches();
        last = publication(&snapshot(keys), Some(&last.index));
        api.publish(&last);
    }
    world.runs(&last).await;
    assert_eq!(world.generation().await, 11);
}
