//! S8.2, S9.2: how a gateway begins: the API server first, the last good configuration while it is away.

use crate::api::{Api, PATIENCE};
use crate::world::{World, eventually, publication, snapshot};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use weir_config::published::Published;

/// How long these tests wait for an API server that is away.
const SHORT: Duration = Duration::from_millis(300);

/// An API server that is away, and the directory of a gateway that ran what was published there.
async fn ran_once() -> (Api, TempDir, Published) {
    let mut api = Api::start();
    let published = publication(&snapshot(1), None);
    api.publish(&published);
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(&api, Some(dir.path()), SHORT);
    world.runs(&published).await;
    drop(world);
    api.stop();
    (api, dir, published)
}

#[tokio::test]
async fn s8_2_without_the_api_server_the_last_good_configuration_serves() {
    let (mut api, dir, first) = ran_once().await;
    let world = World::start(&api, Some(dir.path()), SHORT);
    eventually("it is ready", async || world.admin("/readyz").await.0 == 200).await;
    assert_eq!((world.generation().await, world.ask(0).await), (1, 200));
    assert!(world.problem().await.contains("cannot be watched"), "{}", world.problem().await);
    let second = publication(&snapshot(2), Some(&first.index));
    api.publish(&second);
    api.restart();
    world.runs(&second).await;
    assert_eq!(world.ask(1).await, 200);
}

#[tokio::test]
async fn s8_2_the_api_server_comes_before_the_last_good_configuration() {
    let (mut api, dir, first) = ran_once().await;
    let second = publication(&snapshot(0), Some(&first.index));
    api.publish(&second);
    api.restart();
    let world = World::start(&api, Some(dir.path()), PATIENCE);
    eventually("it is ready", async || world.admin("/readyz").await.0 == 200).await;
    assert_eq!(world.generation().await, 2, "not even for a moment does a revoked key come back");
    assert_eq!(world.ask(0).await, 401);
}

#[tokio::test]
async fn s8_2_while_the_api_server_has_something_torn_the_last_good_configuration_serves() {
    let (mut api, dir, first) = ran_once().await;
    let second = publication(&snapshot(2), Some(&first.index));
    api.put_index(&second.index);
    api.restart();
    let world = World::start(&api, Some(dir.path()), SHORT);
    eventually("it is ready", async || world.admin("/readyz").await.0 == 200).await;
    assert_eq!((world.generation().await, world.ask(0).await), (1, 200));
    api.publish(&second);
    world.runs(&second).await;
}

#[tokio::test]
async fn s8_2_a_damaged_last_good_configuration_is_ignored() {
    for damage in [truncate_index, garble_part, remove_part] {
        let (mut api, dir, first) = ran_once().await;
        damage(dir.path());
        let world = World::start(&api, Some(dir.path()), SHORT);
        eventually("the API server is found to be away", async || !world.problem().await.is_empty()).await;
        tokio::time::sleep(2 * SHORT).await; // nothing happens: there is no condition to wait for
        assert_eq!((world.generation().await, world.admin("/readyz").await.0), (0, 503));
        api.restart();
        world.runs(&first).await;
        drop(world);
        // It is whole again.
        api.stop();
        let world = World::start(&api, Some(dir.path()), SHORT);
        eventually("it is ready", async || world.generation().await == 1).await;
    }
}

fn parts(dir: &Path) -> BTreeSet<std::path::PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "part")).collect()
}

fn truncate_index(dir: &Path) {
    let text = fs::read_to_string(dir.join("index.json")).unwrap();
    fs::write(dir.join("index.json"), &text[..text.len() / 2]).unwrap();
}

fn garble_part(dir: &Path) {
    let part = parts(dir).pop_first().unwrap();
    let mut bytes = fs::read(&part).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(part, bytes).unwrap();
}

fn remove_part(dir: &Path) {
    fs::remove_file(parts(dir).pop_last().unwrap()).unwrap();
}

#[tokio::test]
async fn s8_2_what_is_kept_is_small_to_change_and_private() {
    let api = Api::start();
    let mut wanted = snapshot(1_000);
    let first = publication(&wanted, None);
    api.publish(&first);
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("made").join("by us");
    let world = World::start(&api, Some(&kept), SHORT);
    world.runs(&first).await;
    let has = async |published: &Published| {
        let index = published.index.to_json().unwrap();
        eventually("it is kept", async || {
            fs::read_to_string(kept.join("index.json")).is_ok_and(|text| text == index)
                && parts(&kept).len() == published.parts.len()
        })
        .await;
    };
    has(&first).await;
    let before = parts(&kept);
    fs::write(kept.join("left.unfinished"), "x").unwrap();
    Arc::make_mut(&mut wanted.keys[1]).suspended = true;
    let second = publication(&wanted, Some(&first.index));
    api.publish(&second);
    world.runs(&second).await;
    has(&second).await;
    eventually("it is swept", async || !kept.join("left.unfinished").exists()).await;
    assert_eq!(parts(&kept).difference(&before).count(), 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&kept), 0o700);
    assert!(parts(&kept).iter().all(|part| mode(part) == 0o600));
    assert_eq!(mode(&kept.join("index.json")), 0o600);
}

#[tokio::test]
async fn s9_2_without_any_configuration_a_gateway_is_not_ready_until_there_is_one() {
    let mut api = Api::start();
    api.stop();
    let dir = tempfile::tempdir().unwrap();
    let world = World::start(&api, Some(dir.path()), SHORT);
    eventually("it is found to be away", async || !world.problem().await.is_empty()).await;
    assert_eq!((world.admin("/readyz").await.0, world.admin("/livez").await.0), (503, 200));
    api.restart();
    eventually("nothing is published", async || world.problem().await.contains("no published")).await;
    assert_eq!(world.admin("/readyz").await.0, 503);
    // An empty configuration is one.
    let mut empty = snapshot(0);
    empty.routes.clear();
    empty.providers.clear();
    empty.credentials.clear();
    let published = publication(&empty, None);
    api.publish(&published);
    world.runs(&published).await;
    assert_eq!(world.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn s8_2_a_directory_that_cannot_be_written_keeps_nothing_from_serving() {
    let api = Api::start();
    let published = publication(&snapshot(1), None);
    api.publish(&published);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "no directory").unwrap();
    let world = World::start(&api, Some(&file), SHORT);
    world.runs(&published).await;
    assert_eq!(world.ask(0).await, 200);
}
