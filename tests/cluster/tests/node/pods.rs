//! Pods' lives: admitted, run, watched, restarted, killed.

use crate::shared::{Scene, scene};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use weir_cluster::node::images::{self, PYTHON};
use weir_cluster::node::pods::{SOON, pod_spec};
use weir_cluster::wait;

/// Waits until a pod's container is as `wanted`.
async fn until(scene: &Scene, name: &str, what: &str, wanted: impl Fn(&ContainerStatus) -> bool) {
    let what = format!("pod {name}: {what}");
    let found = wait::until(&what, SOON, async || {
        let pods = scene.node.pods(&scene.namespace, &format!("app={name}")).await?;
        let statuses = pods.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
        Ok(statuses.into_iter().any(|status| wanted(&status)).then_some(()))
    })
    .await;
    found.unwrap();
}

/// A pod that is restarted when it ends.
async fn start_again_and_again(scene: &Scene, name: &str, container: Value) {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { "app": name } },
        "spec": pod_spec(container, "Always"),
    }))
    .unwrap();
    let pods: Api<Pod> = Api::namespaced(scene.node.plane.admin().unwrap(), &scene.namespace);
    pods.create(&PostParams::default(), &pod).await.unwrap();
}

#[tokio::test]
async fn a_pod_runs_to_its_end_and_says_what_it_wrote() {
    let scene = scene("ran").await;
    let program = "import os, sys; print('uid', os.getuid()); sys.exit(3)";
    let ran = scene.node.python(&scene.namespace, "once", program, None).await.unwrap();
    assert_eq!((ran.code, ran.output.as_str()), (3, "uid 65532\n"));
}

#[tokio::test]
async fn a_pod_that_is_not_restricted_is_refused() {
    let scene = scene("refused").await;
    let container = json!({ "image": PYTHON, "securityContext": { "privileged": true } });
    let error = scene.node.start_pod(&scene.namespace, "root", container).await.unwrap_err();
    assert!(format!("{error:#}").contains("violates PodSecurity \"restricted"), "{error:#}");
}

#[tokio::test]
async fn a_container_that_ends_is_started_again() {
    let scene = scene("crash").await;
    let container = json!({ "image": PYTHON, "args": ["-c", "raise SystemExit('gone')"] });
    start_again_and_again(&scene, "crash", container).await;
    until(&scene, "crash", "restarted", |status| status.restart_count > 0).await;
}

#[tokio::test]
async fn a_container_that_takes_too_much_memory_is_killed_for_it() {
    let scene = scene("memory").await;
    let container = json!({
        "image": PYTHON,
        "args": ["-c", "held = bytearray(512 << 20)"],
        "resources": { "limits": { "memory": "64Mi" } },
    });
    start_again_and_again(&scene, "greedy", container).await;
    until(&scene, "greedy", "OOMKilled", |status| {
        let states = [&status.state, &status.last_state].into_iter().flatten();
        let reasons = states.filter_map(|state| state.terminated.as_ref()?.reason.as_deref());
        reasons.into_iter().any(|reason| reason == "OOMKilled")
    })
    .await;
}

#[tokio::test]
async fn a_log_is_followed_and_a_program_run_in_a_pod() {
    let scene = scene("look").await;
    let program = "import time; print('begun'); open('/dev/shm/begun', 'w').write('yes'); time.sleep(3600)";
    let container = json!({ "image": PYTHON, "args": ["-c", program] });
    scene.node.start_pod(&scene.namespace, "talks", container).await.unwrap();
    until(&scene, "talks", "running", |status| status.started == Some(true)).await;
    let log = scene.node.follow(&scene.namespace, "pod/talks").unwrap();
    log.until("begun").await.unwrap();
    assert_eq!(scene.node.logs(&scene.namespace, "pod/talks").await.unwrap(), "begun\n");
    let said = ["python3", "-c", "print(open('/dev/shm/begun').read())"];
    assert_eq!(scene.node.exec(&scene.namespace, "pod/talks", &said).await.unwrap(), "yes\n");
    let fails = ["python3", "-c", "raise SystemExit('as it should')"];
    let error = scene.node.exec(&scene.namespace, "pod/talks", &fails).await.unwrap_err();
    assert!(format!("{error:#}").contains("as it should"), "{error:#}");
}

#[tokio::test]
async fn a_secret_is_a_pods_environment_and_the_sdks_are_there() {
    let scene = scene("secret").await;
    let secret =
        "{apiVersion: v1, kind: Secret, metadata: {name: llm}, stringData: {OPENAI_API_KEY: sk-of-a-test}}";
    scene.node.apply_text(&scene.namespace, secret).await.unwrap();
    let program = "import anthropic, openai; print(openai.OpenAI().api_key, anthropic.Anthropic.__name__)";
    let ran = scene.node.python(&scene.namespace, "app", program, Some("llm")).await.unwrap();
    assert_eq!(ran.successfully().unwrap(), "sk-of-a-test Anthropic\n");
}

#[tokio::test]
async fn weirs_images_are_imported_while_the_cluster_runs() {
    let scene = scene("images").await;
    scene.node.import_weir().await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    images::tag(&format!("test.local/weir-gateway:{version}"), "test.local/other:1").await.unwrap();
    for (name, image) in [
        ("weir-operator", format!("test.local/weir-operator:{version}")),
        ("weir-gateway", format!("test.local/weir-gateway:{version}")),
        ("weir-gateway", "test.local/other:1".to_owned()),
    ] {
        let container = json!({ "image": image, "args": ["--version"] });
        let pod = image.replace(['/', ':'], "-");
        let ran = scene.node.run_pod(&scene.namespace, &pod, container).await.unwrap();
        assert_eq!(ran.successfully().unwrap(), format!("{name} {version}\n"));
    }
}
