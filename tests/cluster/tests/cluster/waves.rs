//! Argo CD's sync waves: it applies a wave when all of the one before is healthy by the chart's script, and stops for
//! good where one never becomes so.

use crate::argocd::health;
use crate::stage::{Stage, says};
use serde_json::Value;
use weir_cluster::wait;
use weir_cluster::world::manifests::{GATEWAY, KEY, PROVIDER, ROUTE};
use weir_cluster::world::{SOON, condition, text};
use weir_crds::Kind;

const MAIN: (Kind, &str) = (Kind::Gateway, "main");
const MOCK: (Kind, &str) = (Kind::Provider, "mock");
const CHAT: (Kind, &str) = (Kind::Route, "chat");
const APP: (Kind, &str) = (Kind::Key, "app");

/// Waits until Argo CD gives `object` this health.
async fn until_health(stage: &Stage, (kind, name): (Kind, &str), wanted: &str) -> (Value, String) {
    wait::until(&format!("{kind} {name} is {wanted}"), SOON, async || {
        let object = stage.objects.get(kind, name).await?;
        let (found, message) = tokio::task::block_in_place(|| health(&object));
        must_not_pass_by_red(&found, wanted, &object);
        Ok((found == wanted).then_some((object, message)))
    })
    .await
    .unwrap()
}

/// Argo CD gives up there: what passes by must not be so for a moment.
fn must_not_pass_by_red(found: &str, wanted: &str, object: &Value) {
    assert!(found != "Degraded" || wanted == "Degraded", "{:#}", object["status"]);
}

/// Applies one object when the one before is healthy, and waits until it is.
async fn wave(stage: &Stage, object: (Kind, &str), manifest: &str) -> Value {
    stage.apply(&[manifest]).await;
    until_health(stage, object, "Healthy").await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waves_in_the_documented_order_come_to_an_end() {
    let mut stage = Stage::new("waves").await;
    stage.apply(&[GATEWAY]).await;
    // Where the operator's Deployment would bring them: pods of a gateway that has nothing to serve.
    stage.gateway("127.0.0.2").await;
    until_health(&stage, MAIN, "Healthy").await;
    let provider = wave(&stage, MOCK, PROVIDER).await;
    assert!(says(&provider, "Programmed", "True", "NotReferenced"), "{:#}", provider["status"]);
    wave(&stage, CHAT, ROUTE).await;
    wave(&stage, APP, KEY).await;
    let key = stage.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    assert_eq!(stage.gateways[0].chat(&key, "chat").await.unwrap(), 200, "healthy, so it is served");
    for object in [MAIN, MOCK, CHAT] {
        until_health(&stage, object, "Healthy").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_keys_nor_providers_wait_for_routes() {
    let mut stage = Stage::new("keys-first").await;
    // Not even for a gateway.
    let provider = wave(&stage, MOCK, PROVIDER).await;
    assert!(says(&provider, "Programmed", "True", "NotReferenced"), "{:#}", provider["status"]);
    stage.apply(&[GATEWAY]).await;
    stage.gateway("127.0.0.2").await;
    until_health(&stage, MAIN, "Healthy").await;
    wave(&stage, APP, KEY).await;
    let key = stage.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    assert_eq!(stage.gateways[0].chat(&key, "chat").await.unwrap(), 404, "known, with nothing to ask for");
    wave(&stage, CHAT, ROUTE).await;
    assert_eq!(stage.gateways[0].chat(&key, "chat").await.unwrap(), 200);
}

/// Without waves: whoever waits for an object that is to come is Progressing, never red, and goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_reverse_order_all_become_healthy_when_the_last_has_come() {
    let mut stage = Stage::new("reverse").await;
    stage.apply(&[KEY]).await;
    let (_, message) = until_health(&stage, APP, "Progressing").await;
    assert!(!message.is_empty());
    stage.until_condition(APP, ("Accepted", "False", "NoMatchingGateway")).await;
    stage.apply(&[ROUTE]).await;
    stage.until_condition(CHAT, ("Accepted", "False", "NoMatchingGateway")).await;
    stage.until_condition(CHAT, ("ResolvedRefs", "False", "NoTargets")).await;
    let (_, message) = until_health(&stage, CHAT, "Progressing").await;
    assert!(message.contains("WEIR0101"), "{message}");
    wave(&stage, MOCK, PROVIDER).await;
    let route = stage.until_condition(CHAT, ("ResolvedRefs", "True", "ResolvedRefs")).await;
    stage.apply(&[GATEWAY]).await;
    stage.gateway("127.0.0.2").await;
    for object in [MAIN, CHAT, APP, MOCK] {
        until_health(&stage, object, "Healthy").await;
    }
    let after = stage.objects.get(CHAT.0, CHAT.1).await.unwrap();
    assert_eq!(after["metadata"]["generation"], route["metadata"]["generation"], "by itself");
    let key = stage.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    assert_eq!(stage.gateways[0].chat(&key, "chat").await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_12_what_only_a_change_mends_is_degraded_and_what_is_suspended_is_healthy_and_says_so() {
    let stage = Stage::with("degraded", &[GATEWAY, PROVIDER, ROUTE]).await;
    let stuck = "{apiVersion: weir.dev/v1alpha1, kind: LLMProvider, metadata: {name: stuck}, spec: \
                 {vendor: OpenAICompatible, endpoint: {url: 'http://169.254.169.254', allowInsecure: true}, \
                 credentials: {none: {}}}}";
    stage.apply(&[stuck]).await;
    let (object, message) = until_health(&stage, (Kind::Provider, "stuck"), "Degraded").await;
    assert_eq!(Some(message.as_str()), text(condition(&object, "Stalled").unwrap(), "/message"));
    assert!(message.starts_with("spec.endpoint.url: ") && message.ends_with("[WEIR0201]"), "{message}");
    let mended = stuck.replace("http://169.254.169.254", "https://llm.example.com");
    stage.apply(&[&mended]).await;
    wait::until("it is mended", SOON, async || {
        let object = stage.objects.get(Kind::Provider, "stuck").await?;
        Ok((tokio::task::block_in_place(|| health(&object)).0 == "Healthy").then_some(()))
    })
    .await
    .unwrap();

    // No wave waits for what rests because somebody said so.
    for (object, manifest) in [(APP, KEY), (MOCK, PROVIDER)] {
        let suspended = wave(&stage, object, &format!("{manifest}  suspend: true\n")).await;
        assert!(says(&suspended, "Ready", "True", "Suspended"), "{:#}", suspended["status"]);
        let (_, message) = tokio::task::block_in_place(|| health(&suspended));
        assert!(message.contains("it is suspended"), "{message}");
        let serving = wave(&stage, object, manifest).await;
        assert!(!says(&serving, "Ready", "True", "Suspended"), "{:#}", serving["status"]);
    }
}
