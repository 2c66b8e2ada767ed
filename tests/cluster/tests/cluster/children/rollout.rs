//! How a gateway says that its pods do not come up. Without a node the test is the kubelet.

use super::{MAIN, running};
use crate::stage::{Stage, says};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::io;
use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use weir_cluster::wait;
use weir_cluster::world::{SOON, condition, text};
use weir_operator::names::DEFAULT_ADMIN_PORT;

impl Stage {
    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.objects.client.clone(), &self.objects.namespace)
    }

    /// The name of a pod that the Deployment has made.
    async fn until_pod(&self) -> String {
        let pods = self.pods();
        wait::until("a pod", SOON, async || {
            let pods = pods.list(&ListParams::default().labels("pod-template-hash")).await?;
            Ok(pods.items.into_iter().find_map(|pod| pod.metadata.name))
        })
        .await
        .unwrap()
    }

    async fn say(&self, pod: &str, status: Value) {
        let patch = Patch::Merge(json!({ "status": status }));
        self.pods().patch_status(pod, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Waits until the gateway is not Ready for its pods' sake, and says `what`.
    async fn until_failed(&self, what: &str) -> Value {
        let says_so = |object: &Value| {
            let message = condition(object, "Ready").and_then(|ready| text(ready, "/message"));
            says(object, "Ready", "False", "RolloutFailed") && message.is_some_and(|it| it.contains(what))
        };
        self.objects.until(MAIN, what, says_so).await.unwrap()
    }
}

fn waiting(reason: &str, message: &str) -> Value {
    let state = json!({ "waiting": { "reason": reason, "message": message } });
    json!({ "phase": "Pending", "containerStatuses": [{ "name": "gateway", "image": "i", "imageID": "",
        "ready": false, "restartCount": 0, "state": state }] })
}

/// Hands every connection on to `to`.
async fn forward(listener: TcpListener, to: SocketAddr) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (mut from, _) = listener.accept().await?;
        let mut to = TcpStream::connect(to).await?;
        connections.spawn(async move { copy_bidirectional(&mut from, &mut to).await });
    }
}

#[tokio::test]
async fn s10_9_a_namespace_that_enforces_restricted_takes_the_pods() {
    let stage = Stage::new("restricted").await;
    let namespaces: Api<Namespace> = Api::all(stage.objects.client.clone());
    let enforce = json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "restricted" } } });
    namespaces
        .patch(&stage.objects.namespace, &PatchParams::default(), &Patch::Merge(enforce))
        .await
        .unwrap();
    let pod: Pod = serde_json::from_value(json!({ "metadata": { "name": "free" }, "spec": { "containers": [
        { "name": "c", "image": "test.local/none:1" }]}}))
    .unwrap();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let refused = async || Ok(stage.pods().create(&dry, &pod).await.err());
    let refused = wait::until("any other pod is refused", SOON, refused).await.unwrap();
    assert!(refused.to_string().contains("PodSecurity"), "{refused}");
    stage.apply(&[&running(1)]).await;
    stage.until_pod().await;
}

#[tokio::test]
async fn what_keeps_a_pod_from_starting_is_told_in_the_kubelets_words() {
    let stage = Stage::new("pull").await;
    stage.apply(&[&running(1)]).await;
    let pod = stage.until_pod().await;
    for reason in ["ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError"] {
        stage.say(&pod, waiting(reason, "it is so\nbecause it is so")).await;
        let said = format!("pod {pod}: {reason}: it is so because it is so");
        let gateway = stage.until_failed(&said).await;
        assert!(says(&gateway, "Available", "False", "RolloutFailed"));
        assert!(condition(&gateway, "Stalled").is_none(), "that takes five minutes");
    }
    let mut crashed = waiting("CrashLoopBackOff", "back-off 10s restarting");
    crashed["containerStatuses"][0]["lastState"] =
        json!({ "terminated": { "exitCode": 2, "reason": "Error" } });
    stage.say(&pod, crashed).await;
    stage.until_failed("CrashLoopBackOff: the container ended with exit code 2 (Error)").await;
}

#[tokio::test]
async fn while_pods_from_before_serve_a_rollout_that_fails_is_seen_all_the_same() {
    let mut stage = Stage::new("update").await;
    stage.apply(&[&running(1)]).await;
    let before = stage.until_pod().await;
    // The Deployment's own pod is ready, and answers where its template says, with the voice of a gateway that runs.
    stage.gateway("127.0.0.2").await;
    let host = "127.0.0.5";
    let mut voice = JoinSet::new();
    let listener = TcpListener::bind((host, DEFAULT_ADMIN_PORT)).await.unwrap();
    voice.spawn(forward(listener, stage.gateways[0].admin));
    let running_now = json!({ "phase": "Running", "podIP": host, "podIPs": [{ "ip": host }],
        "containerStatuses": [{ "name": "gateway", "image": "i", "imageID": "", "ready": true, "restartCount": 0,
                                "state": { "running": {} } }],
        "conditions": [{ "type": "Ready", "status": "True" }, { "type": "ContainersReady", "status": "True" }] });
    stage.say(&before, running_now).await;
    let available = |object: &Value| says(object, "Available", "True", "Available");
    stage.objects.until(MAIN, "its pods are ready", available).await.unwrap();
    stage.until_condition(MAIN, ("Ready", "True", "NotReferenced")).await;

    let image = "replicas: 1, image: {reference: 'test.local/missing:1'}";
    stage.apply(&[&running(1).replace("replicas: 1", image)]).await;
    let pods = stage.pods();
    let after = wait::until("a pod of the new image", SOON, async || {
        let pods = pods.list(&ListParams::default().labels("pod-template-hash")).await?;
        Ok(pods.items.into_iter().filter_map(|pod| pod.metadata.name).find(|name| *name != before))
    })
    .await
    .unwrap();
    stage.say(&after, waiting("ImagePullBackOff", "no such image")).await;
    let gateway = stage.until_failed(&format!("pod {after}: ImagePullBackOff: no such image")).await;
    assert!(says(&gateway, "Available", "True", "RolloutFailed"), "{:#}", gateway["status"]);
    assert!(says(&gateway, "Programmed", "True", "NotReferenced"), "what is configured is another matter");
    stage.pods().get(&before).await.unwrap();

    // The image is taken back: nothing of it is left.
    stage.apply(&[&running(1)]).await;
    let forgotten = |object: &Value| !object["status"].to_string().contains("RolloutFailed");
    stage.objects.until(MAIN, "as before", forgotten).await.unwrap();
}
