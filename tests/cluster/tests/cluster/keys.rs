//! Keys over their lives, from the Secret that the operator makes to the answers of a gateway that never restarts.

use crate::stage::Stage;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use std::time::Duration;
use weir_cluster::wait;
use weir_cluster::world::manifests::{GATEWAY, KEY, PROVIDER, ROUTE};
use weir_cluster::world::{Gateway, SOON, text};
use weir_config::Digest;
use weir_crds::Kind;

const APP: (Kind, &str) = (Kind::Key, "app");
/// From a deletion to the first refusal.
const REVOKED: Duration = Duration::from_secs(1);

async fn stage(prefix: &str) -> Stage {
    Stage::with(prefix, &[GATEWAY, PROVIDER, ROUTE]).await
}

fn secrets(stage: &Stage) -> Api<Secret> {
    Api::namespaced(stage.objects.client.clone(), &stage.objects.namespace)
}

async fn text_of(stage: &Stage, secret: &str) -> String {
    stage.objects.secret(secret, "OPENAI_API_KEY").await.unwrap()
}

/// `KEY` with other lines in its spec.
fn key(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: weir.dev/v1alpha1, kind: LLMKey, metadata: {{name: {name}}}, \
         spec: {{gatewayRef: {{name: main}}, allowedModels: ['*'], {spec}}}}}"
    )
}

#[tokio::test]
async fn s10_5_a_deleted_secret_is_made_again_with_another_text() {
    let stage = stage("remint").await;
    stage.apply(&[KEY]).await;
    let before = text_of(&stage, "app-llm").await;
    stage.until_answered(&before, 200).await;
    secrets(&stage).delete("app-llm", &DeleteParams::default()).await.unwrap();
    stage.until_answered(&before, 401).await;
    let after = text_of(&stage, "app-llm").await;
    assert_ne!(after, before);
    stage.until_answered(&after, 200).await;
    assert_eq!(stage.gateways[0].chat(&before, "chat").await.unwrap(), 401);
    stage.objects.until_ready(APP.0, APP.1).await.unwrap();
}

#[tokio::test]
async fn s10_5_with_its_key_a_text_is_refused_within_a_second_and_its_secret_goes() {
    let stage = stage("deleted").await;
    stage.apply(&[KEY]).await;
    let key = text_of(&stage, "app-llm").await;
    stage.until_answered(&key, 200).await;
    stage.objects.delete(APP.0, APP.1).await.unwrap();
    let took = stage.until_answered(&key, 401).await;
    assert!(took < REVOKED, "{took:?}");
    let secrets = secrets(&stage);
    let gone = async || Ok(secrets.get_opt("app-llm").await?.is_none().then_some(()));
    wait::until("the garbage collector takes the Secret", SOON, gone).await.unwrap();
}

#[tokio::test]
async fn s10_8_a_foreign_secret_survives_byte_for_byte() {
    let stage = stage("foreign").await;
    let secrets = secrets(&stage);
    let foreign = json!({ "metadata": { "name": "app-llm" }, "stringData": { "OPENAI_API_KEY": "mine" } });
    let before =
        secrets.create(&PostParams::default(), &serde_json::from_value(foreign).unwrap()).await.unwrap();
    stage.apply(&[KEY]).await;
    stage.until_condition(APP, ("Programmed", "False", "NameTaken")).await;
    // Nor when the key changes, nor when it goes.
    stage.apply(&[&KEY.replace("allowedModels: ['*']", "allowedModels: [chat]")]).await;
    stage.until_condition(APP, ("Programmed", "False", "NameTaken")).await;
    stage.objects.delete(APP.0, APP.1).await.unwrap();
    stage.apply(&[&key("other", "source: {generate: {secretName: other-llm}}")]).await;
    stage.until_answered(&text_of(&stage, "other-llm").await, 200).await;
    let after = secrets.get("app-llm").await.unwrap();
    assert_eq!(after.resource_version(), before.resource_version());
    assert_eq!(after.data, before.data);
}

#[tokio::test]
async fn s10_8_of_two_keys_that_name_one_secret_the_older_has_it() {
    let stage = stage("two").await;
    stage.apply(&[KEY]).await;
    let first = text_of(&stage, "app-llm").await;
    stage.until_answered(&first, 200).await;
    stage.apply(&[&key("second", "source: {generate: {secretName: app-llm}}")]).await;
    stage.until_condition((Kind::Key, "second"), ("Programmed", "False", "NameTaken")).await;
    assert_eq!(text_of(&stage, "app-llm").await, first);
    stage.objects.until_ready(APP.0, APP.1).await.unwrap();

    // With the older one its Secret goes, and then the name is free.
    stage.objects.delete(APP.0, APP.1).await.unwrap();
    stage.objects.until_ready(Kind::Key, "second").await.unwrap();
    let next = text_of(&stage, "app-llm").await;
    assert_ne!(next, first);
    stage.until_answered(&next, 200).await;
    assert_eq!(stage.gateways[0].chat(&first, "chat").await.unwrap(), 401);
}

/// It goes on with its text: only the addresses beside it change.
/// Waits until the Secret says that the gateway is at this address.
async fn until_address(stage: &Stage, address: &str) {
    wait::until(address, SOON, async || {
        let found = stage.objects.secret("app-llm", "OPENAI_BASE_URL").await?;
        Ok((found == address).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn s8_7_a_key_that_names_another_gateway_moves_there_with_its_text() {
    let mut stage = stage("moves").await;
    stage.apply(&[KEY]).await;
    let text = text_of(&stage, "app-llm").await;
    stage.until_answered(&text, 200).await;
    let there = |manifest: &str| manifest.replace("{name: main}", "{name: there}");
    let route = there(ROUTE).replace("{name: chat}", "{name: there}");
    stage.apply(&[&there(GATEWAY), &route]).await;
    let namespace = &stage.objects.namespace;
    let mut second = Gateway::start(stage.plane, namespace, "there", "127.0.0.3").await.unwrap();
    second.ready(stage.plane).await.unwrap();
    stage.gateways.insert(0, second);
    assert_eq!(stage.gateways[0].chat(&text, "chat").await.unwrap(), 401);
    stage.apply(&[&there(KEY)]).await;
    stage.until_answered(&text, 200).await;
    stage.gateways.swap(0, 1);
    stage.until_answered(&text, 401).await;
    assert_eq!(text_of(&stage, "app-llm").await, text);
    let host = format!("there-gateway.{}.svc", stage.objects.namespace);
    until_address(&stage, &format!("http://{host}/v1")).await;
    stage.apply(&[&there(GATEWAY).replace("replicas: 0", "replicas: 0, service: {port: 8080}")]).await;
    until_address(&stage, &format!("http://{host}:8080/v1")).await;
    assert_eq!(text_of(&stage, "app-llm").await, text);
    stage.objects.until_ready(APP.0, APP.1).await.unwrap();
}

#[tokio::test]
async fn s10_5_a_key_ends_when_it_says_and_rests_while_it_is_suspended() {
    let stage = stage("ends").await;
    stage.apply(&[KEY]).await;
    let text = text_of(&stage, "app-llm").await;
    stage.until_answered(&text, 200).await;
    stage.apply(&[&format!("{KEY}  suspend: true\n")]).await;
    stage.until_answered(&text, 401).await;
    stage.objects.until_ready(APP.0, APP.1).await.unwrap();
    stage.apply(&[&format!("{KEY}  suspend: false\n")]).await;
    stage.until_answered(&text, 200).await;

    // Nobody writes anything at the end: the gateway's own clock refuses it.
    let end = Timestamp::now() + SignedDuration::from_secs(3);
    let end = end.to_string();
    let seconds = end.split('.').next().unwrap().trim_end_matches('Z');
    stage.apply(&[&format!("{KEY}  expiresAt: {seconds}Z\n")]).await;
    let object = stage.objects.until_ready(APP.0, APP.1).await.unwrap();
    stage.until_answered(&text, 401).await;
    assert!(Timestamp::now() >= format!("{seconds}Z").parse().unwrap());
    let after = stage.objects.get(APP.0, APP.1).await.unwrap();
    assert_eq!(after["metadata"]["generation"], object["metadata"]["generation"]);
    // Later than that it may live again, with the same text.
    stage.apply(&[&format!("{KEY}  expiresAt: '2099-01-01T00:00:00Z'\n")]).await;
    stage.until_answered(&text, 200).await;
}

#[tokio::test]
async fn s8_7_a_brought_key_is_changed_in_its_secret_without_a_restart() {
    let mut stage = stage("brought").await;
    let [old, new] = ["fake-brought-key-0123456789abcdef-old", "fake-brought-key-0123456789abcdef-new"];
    let secret = |text| {
        format!("{{apiVersion: v1, kind: Secret, metadata: {{name: app}}, stringData: {{k: {text}}}}}")
    };
    stage.apply(&[&secret(old), &key("app", "source: {secretRef: {name: app, key: k}}")]).await;
    stage.until_answered(old, 200).await;
    let process = stage.gateways[0].process.id();
    stage.apply(&[&secret(new)]).await;
    stage.until_answered(new, 200).await;
    assert_eq!(stage.gateways[0].chat(old, "chat").await.unwrap(), 401);
    assert_eq!(stage.gateways[0].process.id(), process);
    assert!(stage.gateways[0].process.ended().unwrap().is_none());
    let shown = stage.objects.until_ready(APP.0, APP.1).await.unwrap();
    assert_eq!(shown["metadata"]["generation"], 1, "nobody has written to the key");
    let id = text(&shown, "/status/keys/0/id").unwrap();
    assert!(Digest::of(new.as_bytes()).to_string().starts_with(id) && id.len() == 12, "{id}");
}
