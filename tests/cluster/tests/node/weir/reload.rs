//! What changes without a restart: routes, credentials, keys.

use super::{A_SECOND, base, lives, weir};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;
use weir_cluster::node::pods::SOON;
use weir_cluster::wait;
use weir_crds::Kind;
use weir_upstream::Upstream;

/// The node's own address: pods reach it, and it isn't the API server's as pods know it.
const NODE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

#[tokio::test]
async fn s8_7_a_changed_route_reaches_every_pod_and_none_restarts() {
    let weir = weir("route").await;
    let pods = weir.until_two_pods().await.unwrap();
    for pod in &pods {
        assert_eq!(weir.ask(&base(pod), "later").await.unwrap(), 404);
    }
    let patch = json!({"spec": {"aliases": [{"name": "gpt-4o-mini"}, {"name": "later"}]}}).to_string();
    weir.kubectl(&["patch", "llmroute", "chat", "--type", "merge", "--patch", &patch]).await.unwrap();
    for pod in &pods {
        weir.until_answered(&base(pod), "later", 200).await.unwrap();
    }
    weir.until_ready(&["llmroute/chat", "llmgateway/default"]).await.unwrap();
    assert_eq!(lives(&weir.pods().await.unwrap()), lives(&pods));
    assert!(lives(&pods).iter().all(|(_, restarts)| *restarts == 0));
}

#[tokio::test]
async fn s8_7_a_rotated_credential_reaches_every_pod_and_none_restarts() {
    let weir = weir("credential").await;
    let pods = weir.until_two_pods().await.unwrap();
    let upstream = Upstream::start_at(SocketAddr::from((NODE, 0))).unwrap();
    let account = format!(
        "apiVersion: v1
kind: Secret
metadata: {{name: account, labels: {{weir.dev/credential: 'true'}}}}
stringData: {{api-key: sk-fake-first}}
---
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {{name: account}}
spec: {{vendor: OpenAICompatible, endpoint: {{url: '{}', allowInsecure: true}}, credentials: {{apiKeySecretRef: {{name: account, key: api-key}}}}}}
---
apiVersion: weir.dev/v1alpha1
kind: LLMRoute
metadata: {{name: outside}}
spec: {{model: outside, targets: [{{name: only, providerRef: {{name: account}}, model: m}}]}}
",
        upstream.url()
    );
    weir.node().apply_text(weir.namespace(), &account).await.unwrap();
    let signed_in = || upstream.last().unwrap().header("authorization").unwrap().to_owned();
    for pod in &pods {
        weir.until_answered(&base(pod), "outside", 200).await.unwrap();
        assert_eq!(signed_in(), "Bearer sk-fake-first");
    }
    let rotated = json!({"stringData": {"api-key": "sk-fake-second"}}).to_string();
    weir.kubectl(&["patch", "secret", "account", "--type", "merge", "--patch", &rotated]).await.unwrap();
    for pod in &pods {
        wait::until("the upstream sees the new credential", SOON, async || {
            assert_eq!(weir.ask(&base(pod), "outside").await?, 200, "no request fails meanwhile");
            Ok((signed_in() == "Bearer sk-fake-second").then_some(()))
        })
        .await
        .unwrap();
    }
    assert_eq!(lives(&weir.pods().await.unwrap()), lives(&pods));
}

#[tokio::test]
async fn s8_7_a_deleted_key_opens_no_pod_a_second_later_and_its_secret_goes() {
    let weir = weir("revoked").await;
    let pods = weir.until_two_pods().await.unwrap();
    weir.objects.delete(Kind::Key, "quickstart").await.unwrap();
    let deleted = Instant::now();
    for pod in &pods {
        weir.until_answered(&base(pod), "chat", 401).await.unwrap();
    }
    let taken = deleted.elapsed();
    assert!(taken < A_SECOND, "{taken:?}");
    wait::until("the key's Secret is gone", SOON, async || {
        Ok(weir.secret("quickstart-llm").await?.is_none().then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(lives(&weir.pods().await.unwrap()), lives(&pods));
}
