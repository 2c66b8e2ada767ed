//! Objects that are deleted and made again under their names: they are others, and what was made for the ones before
//! goes before anything is made for them.

use crate::stage::Stage;
use kube::ResourceExt as _;
use weir_cluster::wait;
use weir_cluster::world::manifests::{GATEWAY, KEY, PROVIDER, ROUTE};
use weir_cluster::world::{SOON, is_ready, text};
use weir_crds::Kind;

const WORLD: &[&str] = &[GATEWAY, PROVIDER, ROUTE, KEY];
const ALL: [(Kind, &str); 4] =
    [(Kind::Gateway, "main"), (Kind::Provider, "mock"), (Kind::Route, "chat"), (Kind::Key, "app")];

/// Deletes it and makes it at once again; waits until the new one is Ready.
async fn make_again(stage: &Stage, (kind, name): (Kind, &str), manifest: &str) {
    let before = stage.objects.api(kind).get(name).await.unwrap().uid();
    stage.objects.delete(kind, name).await.unwrap();
    stage.apply(&[manifest]).await;
    let is_the_new_one = |object: &serde_json::Value| {
        is_ready(object) && text(object, "/metadata/uid").map(str::to_owned) != before
    };
    stage.objects.until((kind, name), "made again and Ready", is_the_new_one).await.unwrap();
}

#[tokio::test]
async fn s10_8_a_key_that_is_made_again_gets_another_text() {
    let stage = Stage::with("key-again", WORLD).await;
    let before = stage.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    stage.until_answered(&before, 200).await;
    make_again(&stage, (Kind::Key, "app"), KEY).await;
    stage.until_answered(&before, 401).await;
    let after = stage.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    assert_ne!(after, before);
    assert_eq!(stage.gateways[0].chat(&after, "chat").await.unwrap(), 200);
}

#[tokio::test]
async fn s8_5_a_gateway_that_is_made_again_counts_anew_and_its_pods_follow() {
    let stage = Stage::with("gateway-again", WORLD).await;
    let key = stage.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    stage.until_answered(&key, 200).await;
    for (kind, name) in ALL {
        stage.objects.until_ready(kind, name).await.unwrap();
    }
    // Whatever it counts to: the next life begins at one.
    for models in ["talk", "speak", "chat"] {
        stage.apply(&[&ROUTE.replace("model: chat", &format!("model: {models}"))]).await;
        stage.objects.until_ready(Kind::Route, "chat").await.unwrap();
    }
    make_again(&stage, (Kind::Gateway, "main"), GATEWAY).await;
    for (kind, name) in ALL {
        stage.objects.until_ready(kind, name).await.unwrap();
    }
    let published = async || {
        let object = stage.objects.get(Kind::Gateway, "main").await?;
        let config = |field: &str| object.pointer(&format!("/status/config/{field}")).cloned();
        let runs = stage.gateways[0].status().await?;
        let is_in_force = config("hash").is_some()
            && runs.pointer("/config/hash") == config("hash").as_ref()
            && config("podsCurrent") == Some(1.into());
        Ok(is_in_force.then_some(()))
    };
    wait::until("its pod runs what the new one says", SOON, published).await.unwrap();
    assert_eq!(stage.gateways[0].chat(&key, "chat").await.unwrap(), 200);
    // And it goes on following.
    stage.apply(&[&ROUTE.replace("model: chat", "model: talk")]).await;
    stage.objects.until_ready(Kind::Route, "chat").await.unwrap();
    assert_eq!(stage.gateways[0].chat(&key, "talk").await.unwrap(), 200);
}
