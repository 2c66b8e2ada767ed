//! S8.3: what does not fit together changes nothing.

use crate::api::{Api, Fault};
use crate::world::{World, eventually, publication, snapshot};
use weir_config::published::{Part, Published, Store};

/// A gateway that runs what is published for one key; what is published; and what would follow for two keys.
async fn one_then_two() -> (Api, World, Published, Published) {
    let api = Api::start();
    let first = publication(&snapshot(1), None);
    let second = publication(&snapshot(2), Some(&first.index));
    api.publish(&first);
    let world = World::follow(&api);
    world.runs(&first).await;
    (api, world, first, second)
}

fn secret(published: &Published) -> &Part {
    published.parts.iter().find(|part| part.store == Store::Secret).unwrap()
}

async fn goes_on_with_the_first(world: &World) {
    assert_eq!(world.generation().await, 1);
    assert_eq!((world.ask(0).await, world.ask(1).await), (200, 401));
    assert_eq!(world.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn s8_3_an_index_before_its_part_changes_nothing_until_the_part_comes() {
    let (api, world, _, second) = one_then_two().await;
    api.put_index(&second.index);
    let name = &secret(&second).name;
    eventually("it names the part", async || world.problem().await.contains(name)).await;
    goes_on_with_the_first(&world).await;
    api.put_part(secret(&second));
    world.runs(&second).await;
    assert_eq!(world.ask(1).await, 200);
}

#[tokio::test]
async fn s8_3_a_missing_part_changes_nothing() {
    let (api, world, first, second) = one_then_two().await;
    let name = &secret(&second).name;
    api.delete("secrets", name);
    api.put_index(&second.index);
    eventually("it names the part", async || world.problem().await == format!("{name} is missing")).await;
    goes_on_with_the_first(&world).await;
    // Back to what runs: nothing is to be done any more.
    api.put_index(&first.index);
    world.runs(&first).await;
}

#[tokio::test]
async fn s8_3_a_damaged_part_changes_nothing() {
    let (api, world, _, second) = one_then_two().await;
    let part = secret(&second);
    let unzipped = Part { json: vec![b'x'; part.json.len()], ..part.clone() };
    api.put_part(&unzipped);
    api.put_index(&second.index);
    eventually("it names the part", async || world.problem().await.contains(&part.name)).await;
    goes_on_with_the_first(&world).await;
    api.put_stored(Store::Secret, &part.name, b"no zstd at all".to_vec());
    api.put_index(&second.index);
    eventually("it says why", async || world.problem().await.contains("decompressed")).await;
    goes_on_with_the_first(&world).await;
    api.put("secrets", &part.name, serde_json::json!({}));
    api.put_index(&second.index);
    eventually("it says why", async || world.problem().await.contains("has no part.zst")).await;
    goes_on_with_the_first(&world).await;
    api.publish(&second);
    world.runs(&second).await;
}

#[tokio::test]
async fn s8_3_an_index_that_is_gone_or_garbled_changes_nothing() {
    let (api, world, _, second) = one_then_two().await;
    api.put_index_json("{");
    eventually("it says why", async || world.problem().await.contains("index cannot be read")).await;
    goes_on_with_the_first(&world).await;
    api.delete("configmaps", "gw-config");
    eventually("it says why", async || world.problem().await.contains("no published configuration")).await;
    goes_on_with_the_first(&world).await;
    api.publish(&second);
    world.runs(&second).await;
}

#[tokio::test]
async fn s8_7_calls_that_fail_are_made_again() {
    let (api, world, _, second) = one_then_two().await;
    api.fail("get secrets", Fault::Status(429), 2);
    api.fail("get secrets", Fault::Status(500), 1);
    api.fail("get secrets", Fault::Silence, 1);
    api.publish(&second);
    eventually("it says why", async || world.problem().await.contains("429")).await;
    world.runs(&second).await;
}
