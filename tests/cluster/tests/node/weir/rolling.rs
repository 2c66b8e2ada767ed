//! Pods that are replaced, and pods that die, while callers ask.

use super::load::Load;
use super::{Weir, base, is_ready, kill, lives, weir};
use anyhow::Result;
use serde_json::json;
use weir_cluster::node::pods::SOON;
use weir_cluster::wait;
use weir_cluster::world::condition;
use weir_crds::Kind;

/// Some hundred tokens at twenty per second: such a stream outlives any pod that is replaced meanwhile.
const SLOW: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: slow}
spec: {vendor: Mock, mock: {reply: Lorem, tokensPerSecond: 20}}
---
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: calm}
spec: {vendor: Mock, mock: {latency: 5ms}}
---
apiVersion: weir.dev/v1alpha1
kind: LLMRoute
metadata: {name: slow}
spec: {model: slow, targets: [{name: only, providerRef: {name: slow}, model: m}]}
---
apiVersion: weir.dev/v1alpha1
kind: LLMRoute
metadata: {name: calm}
spec: {model: calm, targets: [{name: only, providerRef: {name: calm}, model: m}]}
";

async fn slow(weir: &Weir) -> Result<()> {
    weir.node().apply_text(weir.namespace(), SLOW).await?;
    weir.until_ready(&["llmroute/slow", "llmroute/calm"]).await
}

#[tokio::test]
async fn s9_1_a_rolling_update_under_load_fails_no_request_and_cuts_no_stream() {
    let weir = weir("rolling").await;
    slow(&weir).await.unwrap();
    let before = weir.until_two_pods().await.unwrap();
    let load = Load::start(&weir, &weir.service().await.unwrap(), "calm", "slow");

    let patch = json!({"spec": {"pod": {"annotations": {"example.com/turn": "second"}}}}).to_string();
    weir.kubectl(&["patch", "llmgateway", "default", "--type", "merge", "--patch", &patch]).await.unwrap();
    wait::until("all pods are others, and the earlier ones are gone", SOON, async || {
        let pods = weir.node().pods(weir.namespace(), "weir.dev/gateway=default").await?;
        let is_new = |uid: &Option<String>| before.iter().all(|old| old.metadata.uid != *uid);
        let replaced = pods.len() == 2 && pods.iter().all(|pod| is_new(&pod.metadata.uid) && is_ready(pod));
        Ok(replaced.then_some(()))
    })
    .await
    .unwrap();
    let counts = load.end().await;
    assert!(counts.failures.is_empty(), "{counts:#?}");
    assert!(counts.whole > 200 && counts.streams >= 8, "{counts:?}");
    weir.until_ready(&["llmgateway/default", "llmroute/chat"]).await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_is_killed_leaves_new_callers_to_the_other_and_comes_back() {
    let weir = weir("killed").await;
    slow(&weir).await.unwrap();
    let pods = weir.until_two_pods().await.unwrap();
    let [first, second] = pods.as_slice() else { panic!("two pods") };
    let beside = Load::start(&weir, &base(second), "calm", "slow");
    kill(first).unwrap();
    wait::until("the container was started again", SOON, async || {
        let now = weir.until_two_pods().await?;
        Ok((lives(&now) != lives(&pods)).then_some(()))
    })
    .await
    .unwrap();
    let counts = beside.end().await;
    assert!(counts.failures.is_empty() && counts.whole > 20, "{counts:#?}");
    let mut now = lives(&weir.until_two_pods().await.unwrap());
    let mut expected = lives(&pods);
    for life in expected.iter_mut().filter(|(uid, _)| Some(uid) == first.metadata.uid.as_ref()) {
        life.1 += 1;
    }
    now.sort();
    assert_eq!(now, expected, "the same pod, and the other was left alone");
    for _ in 0..50 {
        assert_eq!(weir.ask(&weir.service().await.unwrap(), "calm").await.unwrap(), 200);
    }
}

/// No registry is in reach: the kubelet says why it has no image, and the gateway says it on.
#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_said_and_the_earlier_pods_serve_on() {
    let weir = weir("unpulled").await;
    let before = lives(&weir.until_two_pods().await.unwrap());
    let service = weir.service().await.unwrap();
    let image =
        |reference: serde_json::Value| json!({"spec": {"image": {"reference": reference}}}).to_string();
    let patch = async |patch: String| {
        weir.kubectl(&["patch", "llmgateway", "default", "--type", "merge", "--patch", &patch]).await.unwrap()
    };
    patch(image(json!("test.local/weir-gateway:none"))).await;
    let gateway = (Kind::Gateway, "default");
    let said = weir.objects.until(gateway, "it says what is wrong with its pods", |gateway| {
        condition(gateway, "Ready").is_some_and(|ready| {
            let message = ready["message"].as_str().unwrap_or_default();
            ready["reason"] == "RolloutFailed" && message.contains("ImagePull")
        })
    });
    let said = said.await.unwrap();
    let available = condition(&said, "Available").unwrap();
    assert_eq!(
        (available["status"].as_str(), available["reason"].as_str()),
        (Some("True"), Some("RolloutFailed"))
    );
    assert_eq!(weir.ask(&service, "chat").await.unwrap(), 200);
    let pods = weir.pods().await.unwrap();
    assert!(before.iter().all(|life| lives(&pods).contains(life)), "the earlier pods are left alone");

    patch(image(serde_json::Value::Null)).await;
    weir.until_ready(&["llmgateway/default"]).await.unwrap();
    assert_eq!(lives(&weir.until_two_pods().await.unwrap()), before);
}
