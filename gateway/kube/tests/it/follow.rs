//! S8.1, S8.2, S8.7: what is published is followed.

use crate::api::Api;
use crate::world::{World, eventually, publication, snapshot};
use std::sync::Arc;
use weir_config::published::part_names;

#[tokio::test]
async fn s8_2_what_is_published_serves_and_is_followed() {
    let api = Api::start();
    let first = publication(&snapshot(1), None);
    api.publish(&first);
    let world = World::follow(&api);
    world.runs(&first).await;
    assert_eq!((world.ask(0).await, world.ask(1).await), (200, 401));
    let second = publication(&snapshot(2), Some(&first.index));
    api.publish(&second);
    world.runs(&second).await;
    assert_eq!((world.ask(0).await, world.ask(1).await), (200, 200));
    assert_eq!(world.generation().await, 2);
}

#[tokio::test]
async fn s8_2_only_parts_that_changed_are_fetched() {
    let api = Api::start();
    let mut wanted = snapshot(1_000);
    let first = publication(&wanted, None);
    assert!(first.parts.len() > 4, "{:?}", first.parts);
    api.publish(&first);
    let world = World::follow(&api);
    world.runs(&first).await;
    let fetched = |calls: Vec<String>| calls.iter().filter(|call| call.starts_with("get ")).count();
    assert_eq!(fetched(api.calls()), first.parts.len());
    Arc::make_mut(&mut wanted.keys[500]).suspended = true;
    let second = publication(&wanted, Some(&first.index));
    api.publish(&second);
    world.runs(&second).await;
    assert_eq!(fetched(api.calls()), 1);
    assert_eq!((world.ask(499).await, world.ask(500).await), (200, 401));
}

/// A pod's Role lists these names and nothing else.
#[tokio::test]
async fn s8_2_a_pod_asks_for_fixed_names_alone() {
    let api = Api::start();
    let first = publication(&snapshot(600), None);
    api.publish(&first);
    let world = World::follow(&api);
    world.runs(&first).await;
    api.end_watches();
    let second = publication(&snapshot(601), Some(&first.index));
    api.publish(&second);
    world.runs(&second).await;
    let names = part_names("gw");
    let allowed = |call: &String| {
        let part =
            |kind: &str, names: &[String]| names.iter().any(|name| *call == format!("get {kind}/{name}"));
        ["list configmaps gw-config", "watch configmaps gw-config"].contains(&call.as_str())
            || part("configmaps", &names.config_maps)
            || part("secrets", &names.secrets)
    };
    let calls = api.calls();
    assert!(calls.iter().all(allowed), "{calls:?}");
    assert!(calls.iter().filter(|call| call.starts_with("watch ")).count() >= 2, "{calls:?}");
}

#[tokio::test]
async fn s8_7_a_revoked_key_is_refused_and_its_running_stream_ends_normally() {
    let api = Api::start();
    let first = publication(&snapshot(2), None);
    api.publish(&first);
    let world = World::follow(&api);
    world.runs(&first).await;
    let words = "one two three four five six seven eight nine ten";
    let mut stream = world.chat(1, words, true).await;
    let mut text = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    let mut without = snapshot(2);
    without.keys.truncate(1);
    let second = publication(&without, Some(&first.index));
    api.publish(&second);
    world.runs(&second).await;
    assert!(!text.contains("[DONE]"), "the stream still runs: {text}");
    assert_eq!((world.ask(0).await, world.ask(1).await), (200, 401));
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(text.contains("ten") && text.trim_end().ends_with("[DONE]"), "{text}");
}

#[tokio::test]
async fn s8_3_what_is_published_for_another_gateway_is_not_applied() {
    let api = Api::start();
    let mut foreign = snapshot(1);
    Arc::make_mut(&mut foreign.gateway).name = "elsewhere/gw".parse().unwrap();
    api.publish(&publication(&foreign, None));
    let world = World::follow(&api);
    eventually("it says so", async || world.problem().await.contains("elsewhere/gw")).await;
    assert_eq!(world.generation().await, 0);
}
