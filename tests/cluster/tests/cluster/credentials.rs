//! What a gateway signs in with at its upstreams, and that it follows the Secret that it is in.

use crate::stage::Stage;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use weir_cluster::wait;
use weir_cluster::world::SOON;
use weir_cluster::world::manifests::{GATEWAY, KEY, ROUTE};
use weir_crds::Kind;
use weir_upstream::Upstream;

/// The credential that `upstream` saw last.
fn signed_in_as(upstream: &Upstream) -> String {
    upstream.last().unwrap().header("authorization").unwrap().to_owned()
}

fn account(upstream: &Upstream) -> String {
    format!(
        "{{apiVersion: weir.dev/v1alpha1, kind: LLMProvider, metadata: {{name: mock}}, \
         spec: {{vendor: OpenAICompatible, endpoint: {{url: '{}', allowInsecure: true}}, \
         credentials: {{apiKeySecretRef: {{name: upstream, key: api-key}}}}}}}}",
        upstream.url()
    )
}

const SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: upstream, labels: {weir.dev/credential: 'true'}}
stringData: {api-key: sk-fake-first}
";

#[tokio::test]
async fn s8_7_a_changed_credential_reaches_traffic_without_a_restart() {
    let upstream = Upstream::start();
    let gateway =
        GATEWAY.replace("spec: {replicas: 0}", "spec: {replicas: 0, egress: {allowPrivate: [127.0.0.0/8]}}");
    let mut stage = Stage::with("credential", &[&gateway, SECRET, &account(&upstream), ROUTE, KEY]).await;
    let key = stage.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    stage.until_answered(&key, 200).await;
    assert_eq!(signed_in_as(&upstream), "Bearer sk-fake-first");

    let process = stage.gateways[0].process.id();
    let before = stage.objects.until_ready(Kind::Provider, "mock").await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(stage.objects.client.clone(), &stage.objects.namespace);
    let rotated = Patch::Merge(json!({ "stringData": { "api-key": "sk-fake-second" } }));
    secrets.patch("upstream", &PatchParams::default(), &rotated).await.unwrap();
    wait::until("the upstream sees the new credential", SOON, async || {
        assert_eq!(stage.gateways[0].chat(&key, "chat").await?, 200, "no request fails meanwhile");
        Ok((signed_in_as(&upstream) == "Bearer sk-fake-second").then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(stage.gateways[0].process.id(), process);
    assert!(stage.gateways[0].process.ended().unwrap().is_none());
    let after = stage.objects.until_ready(Kind::Provider, "mock").await.unwrap();
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
}

#[tokio::test]
async fn s10_7_a_secret_that_is_not_labelled_is_sent_to_no_vendor() {
    let upstream = Upstream::start();
    let gateway =
        GATEWAY.replace("spec: {replicas: 0}", "spec: {replicas: 0, egress: {allowPrivate: [127.0.0.0/8]}}");
    let unlabelled = SECRET.replace("weir.dev/credential: 'true'", "weir.dev/credential: 'false'");
    let stage = Stage::with("unlabelled", &[&gateway, &unlabelled, &account(&upstream), ROUTE, KEY]).await;
    let provider = (Kind::Provider, "mock");
    let refused = ("ResolvedRefs", "False", "SecretNotLabelled");
    stage.until_condition(provider, refused).await;
    let key = stage.objects.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    stage.until_answered(&key, 503).await;
    assert_eq!(upstream.count(), 0);

    stage.apply(&[SECRET]).await;
    stage.objects.until_ready(provider.0, provider.1).await.unwrap();
    assert_eq!(stage.gateways[0].chat(&key, "chat").await.unwrap(), 200);
    assert_eq!(signed_in_as(&upstream), "Bearer sk-fake-first");

    stage.apply(&[&unlabelled]).await;
    stage.until_condition(provider, refused).await;
    stage.until_answered(&key, 503).await;
}
