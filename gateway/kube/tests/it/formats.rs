//! S8.4, S8.10: what a gateway makes of the formats that it reads, and of what it does not know.

use crate::api::Api;
use crate::world::{World, eventually, publication, snapshot};
use serde_json::{Value, json};
use weir_config::Digest;
use weir_config::published::{FORMATS, Published, Store, encode};

/// `published` after `change` of the JSON of its secret part, with digests that fit.
fn changed(mut published: Published, change: impl FnOnce(&mut Value)) -> Published {
    let part = published.parts.iter_mut().find(|part| part.store == Store::Secret).unwrap();
    let mut json: Value = serde_json::from_slice(&part.json).unwrap();
    change(&mut json);
    part.json = serde_json::to_vec(&json).unwrap();
    part.sha256 = Digest::of(&part.json);
    published.index.parts.insert(part.name.clone(), part.reference());
    let parts = published.index.parts.iter();
    let hashed = parts.flat_map(|(name, part)| [name.as_bytes(), &[0], &part.sha256.0].concat());
    published.index.hash = Digest::of(&hashed.collect::<Vec<u8>>());
    published
}

#[tokio::test]
async fn s8_4_an_index_of_a_format_to_come_changes_nothing() {
    let api = Api::start();
    let first = publication(&snapshot(1), None);
    api.publish(&first);
    let world = World::follow(&api);
    world.runs(&first).await;
    assert_eq!(world.status().await["formats"], json!(FORMATS));
    api.put_index_json(r#"{"format":4,"all":"different"}"#);
    eventually("it says so", async || world.problem().await.contains("format 4")).await;
    assert_eq!((world.generation().await, world.ask(0).await), (1, 200));
    let second = publication(&snapshot(2), Some(&first.index));
    api.publish(&second);
    world.runs(&second).await;
}

#[tokio::test]
async fn s8_4_a_gateway_follows_from_one_format_to_the_other_and_back() {
    let api = Api::start();
    let mut last = encode(&snapshot(1), None, 1).unwrap();
    api.publish(&last);
    let world = World::follow(&api);
    world.runs(&last).await;
    for (format, keys) in [(2, 1), (1, 1), (3, 2), (2, 1)] {
        last = encode(&snapshot(keys), Some(&last.index), format).unwrap();
        api.publish(&last);
        world.runs(&last).await;
        assert_eq!(world.ask(0).await, 200);
        assert_eq!(world.ask(1).await, if keys == 2 { 200 } else { 401 });
    }
    assert_eq!(world.generation().await, 5);
}

/// A limit to come, say: a gateway that passed over it would let through what is to be limited.
#[tokio::test]
async fn s8_10_a_field_that_it_does_not_know_changes_nothing_and_is_named() {
    let api = Api::start();
    let first = publication(&snapshot(1), None);
    api.publish(&first);
    let world = World::follow(&api);
    world.runs(&first).await;
    let second = publication(&snapshot(2), Some(&first.index));
    let third = changed(second.clone(), |part| part["keys"][1]["limits"]["tokens_per_minute"] = json!(1_000));
    api.publish(&third);
    let flaw = "key llm/key-00001 has the field tokens_per_minute, which this version does not know";
    eventually("it says so", async || world.problem().await.contains(flaw)).await;
    assert_eq!((world.generation().await, world.ask(0).await, world.ask(1).await), (1, 200, 401));
    assert_eq!(world.admin("/readyz").await.0, 200);
    api.publish(&second);
    world.runs(&second).await;
}
