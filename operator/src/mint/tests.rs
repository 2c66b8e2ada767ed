//! `keep` from outside: against an API server that allows what the chart's rules allow.

mod failing;
mod world;

use super::*;
use crate::fake_api::FakeApi;
use serde_json::{Value, json};
use weir_compile::Code;
use weir_config::{Digest, MintedKey};
use world::{World, digests, key, text};

const APP: (&str, &str) = ("a", "app");

#[tokio::test]
async fn s10_5_a_key_is_made_with_all_that_apps_take_for_their_environment() {
    let mut world = World::new(&[key("app")]).await;
    let kept = world.keep().await;
    assert_eq!(kept.changed, [ObjectName::new("a", "app")].into(), "the same pass publishes it");
    assert!(kept.taken.is_empty() && kept.findings.is_empty() && kept.again.is_none());
    let secret = world.api.get("secrets", APP).unwrap();
    let key = text(&secret, "OPENAI_API_KEY");
    assert!(MintedKey::is_well_formed(&key));
    assert_eq!(text(&secret, "ANTHROPIC_AUTH_TOKEN"), key);
    assert_eq!(text(&secret, "OPENAI_BASE_URL"), "http://default-gateway.a.svc/v1");
    assert_eq!(text(&secret, "ANTHROPIC_BASE_URL"), "http://default-gateway.a.svc");
    let digests: Value = serde_json::from_str(&text(&secret, "digests.json")).unwrap();
    assert_eq!(digests[0]["sha256"], Digest::of(key.as_bytes()).to_string());
    assert_eq!(key.split('_').nth(1), digests[0]["id"].as_str());
    let minted_at = digests[0]["mintedAt"].as_str().unwrap();
    assert!(weir_crds::Timestamp::from(minted_at).parse().is_ok() && minted_at.ends_with('Z'), "{minted_at}");
    assert_eq!((&secret["type"], &secret["immutable"]), (&json!("Opaque"), &Value::Null));
    assert_eq!(secret["metadata"]["labels"], json!({"app.kubernetes.io/managed-by": "weir"}));
    let owner = &secret["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["name"]), (&json!("LLMKey"), &json!("app")));
    assert_eq!(owner["uid"], world.api.get("llmkeys.weir.dev", APP).unwrap()["metadata"]["uid"]);
}

#[tokio::test]
async fn s10_5_a_key_is_made_once() {
    let mut world = World::new(&[key("app")]).await;
    world.keep().await;
    let (first, writes) = (world.api.get("secrets", APP), world.api.writes().len());
    for restarted in [false, true] {
        if restarted {
            world = World::on(world.api.clone()).await;
        }
        let kept = world.keep().await;
        assert!(kept.taken.is_empty() && kept.findings.is_empty());
        assert_eq!(world.digests(&kept), digests(&[&first]), "it is read, wherever it comes from");
    }
    assert_eq!((world.api.get("secrets", APP), world.api.writes().len()), (first, writes));
}

#[tokio::test]
async fn s10_8_a_foreign_secret_of_a_keys_name_survives() {
    let api = FakeApi::watched(&["a"]);
    let text = MintedKey::from_random(&[7; 40]).text;
    let foreign = api.create(
        "secrets",
        json!({"metadata": {"namespace": "a", "name": "app", "labels": {"app.kubernetes.io/managed-by": "weir"}},
               "stringData": {}, "data": {"OPENAI_API_KEY": world::base64(text.expose())}}),
    );
    world::create(&api, &[key("app")]);
    let mut world = World::on(api).await;
    let kept = world.keep().await;
    assert_eq!(kept.taken, [ObjectName::new("a", "app")].into());
    assert_eq!(world.api.get("secrets", APP).unwrap(), foreign, "byte for byte, and not written at all");
    assert_eq!(world.api.writes(), []);
    assert_eq!(world.digests(&kept), [], "what is in it opens nothing");
    assert_eq!(world.codes(&kept), [Code::NameTaken]);
}

#[tokio::test]
async fn s10_8_a_foreign_secret_that_came_a_moment_ago_survives() {
    let mut world = World::new(&[key("app")]).await;
    world.api.mute(true);
    let foreign =
        world.api.create("secrets", json!({"metadata": {"namespace": "a", "name": "app"}, "data": {}}));
    let kept = world.keep().await;
    assert_eq!(kept.taken, [ObjectName::new("a", "app")].into());
    assert_eq!(world.api.get("secrets", APP).unwrap(), foreign);
}

#[tokio::test]
async fn two_keys_that_name_one_secret_do_not_share_it() {
    let mut world = World::new(&[key("app"), world::into("rival", "app")]).await;
    let kept = world.keep().await;
    assert_eq!(kept.taken, [ObjectName::new("a", "rival")].into());
    assert_eq!(world.digests(&kept).len(), 1);
    assert_eq!(world.codes(&kept), [Code::NameTaken]);
}

#[tokio::test]
async fn two_operators_at_once_agree_on_one_key() {
    let (mut one, mut other) = {
        let one = World::new(&[key("app")]).await;
        let other = World::on(one.api.clone()).await;
        (one, other)
    };
    let (mine, theirs) = tokio::join!(one.keep(), other.keep());
    assert!(mine.taken.is_empty() && theirs.taken.is_empty());
    let there = one.api.get("secrets", APP);
    assert_eq!(one.digests(&mine), digests(&[&there]));
    assert_eq!(other.digests(&theirs), digests(&[&there]));
}

#[tokio::test]
async fn who_deletes_the_secret_gets_another_key_and_the_old_one_is_gone() {
    let mut world = World::new(&[key("app")]).await;
    world.keep().await;
    let first = world.api.get("secrets", APP);
    world
        .until("the watch tells of it", |picture| picture.secrets.get(&ObjectName::new("a", "app")).is_some())
        .await;
    world.api.delete("secrets", APP);
    world
        .until("and that it is gone", |picture| picture.secrets.get(&ObjectName::new("a", "app")).is_none())
        .await;
    let kept = world.keep().await;
    let second = world.api.get("secrets", APP);
    assert_ne!(digests(&[&first]), digests(&[&second]));
    assert_eq!(world.digests(&kept), digests(&[&second]));
}

#[tokio::test]
async fn a_secret_that_came_and_went_before_the_watch_told_is_made_again() {
    let mut world = World::new(&[key("app")]).await;
    world.api.mute(true);
    world.keep().await;
    let first = world.api.get("secrets", APP);
    world.api.delete("secrets", APP);
    let kept = world.keep().await;
    let second = world.api.get("secrets", APP);
    assert!(second.is_some() && digests(&[&first]) != digests(&[&second]));
    assert_eq!(world.digests(&kept), digests(&[&second]));
}

#[tokio::test]
async fn another_gateway_changes_the_addresses_and_nothing_else() {
    let mut world = World::new(&[key("app")]).await;
    world.keep().await;
    world.api.edit("secrets", APP, |secret| secret["data"]["mine"] = json!(world::base64("kept")));
    world.api.edit("llmkeys.weir.dev", APP, |key| {
        key["spec"]["gatewayRef"] = json!({"name": "shared", "namespace": "llm-platform"});
    });
    let before = world.api.get("secrets", APP).unwrap();
    world
        .until("the key is changed", |picture| world::gateway(picture, "app").as_deref() == Some("shared"))
        .await;
    let kept = world.keep().await;
    let after = world.api.get("secrets", APP).unwrap();
    assert_eq!(text(&after, "OPENAI_BASE_URL"), "http://shared-gateway.llm-platform.svc/v1");
    assert_eq!(text(&after, "ANTHROPIC_BASE_URL"), "http://shared-gateway.llm-platform.svc");
    for name in ["OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "digests.json", "mine"] {
        assert_eq!(after["data"][name], before["data"][name], "{name}");
    }
    assert_eq!(kept.changed, [ObjectName::new("a", "app")].into());
    let writes = world.api.writes().len();
    world.keep().await;
    assert_eq!(world.api.writes().len(), writes, "and that is all");
}

#[tokio::test]
async fn a_damaged_secret_is_not_written_over() {
    let mut world = World::new(&[key("app"), key("other")]).await;
    world.keep().await;
    world.api.edit("secrets", APP, |secret| secret["data"]["digests.json"] = json!(world::base64("{")));
    world.api.edit("secrets", ("a", "other"), |secret| {
        let addresses =
            ["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"].map(|name| (name, secret["data"][name].clone()));
        secret["data"] = addresses.into_iter().collect();
    });
    let (writes, damaged) = (world.api.writes().len(), world.api.get("secrets", APP));
    world.until_told(&["app", "other"]).await;
    let kept = world.keep().await;
    assert_eq!((world.api.writes().len(), world.api.get("secrets", APP)), (writes, damaged));
    assert_eq!(world.codes(&kept), [Code::InvalidValue, Code::SecretKeyMissing]);
    assert!(world.findings(&kept).iter().all(|finding| finding.message.contains("delete the Secret")));
}

#[tokio::test]
async fn who_does_not_lead_writes_nothing() {
    let mut world = World::new(&[key("app"), world::into("rival", "app")]).await;
    world.leading = false;
    let kept = world.keep().await;
    assert_eq!((world.api.writes().len(), kept.taken.len(), kept.again), (0, 1, None));
}

#[tokio::test]
async fn a_key_that_is_gone_opens_nothing_whatever_became_of_its_secret() {
    let mut world = World::new(&[key("app")]).await;
    let kept = world.keep().await;
    assert_eq!(world.digests(&kept).len(), 1);
    world.api.delete("llmkeys.weir.dev", APP);
    world.until("the key is gone", |picture| world::gateway(picture, "app").is_none()).await;
    let kept = world.keep().await;
    assert_eq!(world.digests(&kept), [], "the garbage collector may take its time");
}
