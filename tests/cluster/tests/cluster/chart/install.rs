//! Releases on a real API server: installed, upgraded, uninstalled, and two side by side.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use weir_cluster::helm::{Helm, chart};
use weir_cluster::world::SOON;
use weir_cluster::{Plane, wait};

/// A release `weir` in a namespace of its own.
pub(super) struct Release<'a> {
    plane: &'a Plane,
    helm: Helm,
    pub(super) namespace: String,
}

impl<'a> Release<'a> {
    /// The namespace refuses pods that are not restricted. Nothing is installed yet.
    pub(super) async fn new(plane: &'a Plane) -> Self {
        let namespace = plane.namespace("release").await.unwrap();
        let restricted = "pod-security.kubernetes.io/enforce=restricted";
        kubectl(plane, &["label", "namespace", &namespace, restricted]);
        Self { plane, helm: Helm::on(plane).unwrap(), namespace }
    }

    /// `helm VERB weir CHART`, with what this `verb` takes besides.
    pub(super) fn helm(&self, verb: &str, chart: &Path, values: &Value) -> anyhow::Result<String> {
        let mut arguments = vec![verb, "weir", chart.to_str().unwrap(), "-n", &self.namespace, "-f", "-"];
        arguments.extend(["--timeout", "2m"]);
        // Nothing ever runs here; then there is nothing to wait for but the kinds.
        if values.pointer("/operator/replicas") == Some(&json!(0)) {
            arguments.push("--wait");
        }
        self.helm.run(&arguments, values)
    }

    pub(super) fn uninstall(&self) {
        self.helm.run(&["uninstall", "weir", "-n", &self.namespace], &Value::Null).unwrap();
    }

    pub(super) fn get(&self, object: &str) -> Value {
        serde_json::from_str(&kubectl(self.plane, &["-n", &self.namespace, "get", object, "-o", "json"]))
            .unwrap()
    }

    /// Waits for so many pods of the operator, or more while others take their place, that the API server has let in.
    async fn pods(&self, count: usize) {
        wait::until("the operator's pods", SOON, async || {
            let pods = self.get("pods")["items"].as_array().unwrap().len();
            Ok((pods >= count).then_some(()))
        })
        .await
        .unwrap();
    }
}

pub(super) fn kubectl(plane: &Plane, arguments: &[&str]) -> String {
    let output = plane.kubectl().args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// All that there is, but what comes and goes by itself.
fn everything(plane: &Plane) -> BTreeSet<String> {
    let kinds = kubectl(plane, &["api-resources", "--verbs=list", "-o", "name"]);
    let passing = ["events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"];
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !passing.contains(kind)).collect();
    let each = r#"jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\n"}{end}"#;
    kubectl(plane, &["get", &kinds.join(","), "-A", "-o", each]).lines().map(str::to_owned).collect()
}

/// A chart as it was once: LLMRoute has another short name.
fn older(folder: &Path) -> PathBuf {
    let old = folder.join("weir");
    let status = std::process::Command::new("cp").arg("-r").arg(chart()).arg(&old).status().unwrap();
    assert!(status.success());
    let path = old.join("files/crds/llmroutes.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replace("- llmr\n", "- oldroute\n");
    assert_ne!(other, text);
    std::fs::write(path, other).unwrap();
    old
}

const PROVIDER: &str = "apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: mine}
spec: {vendor: Mock, models: [{name: small}]}
";

#[tokio::test]
async fn a_release_is_upgraded_with_its_kinds_and_leaves_them_and_their_objects_alone() {
    let plane = Plane::start().await.unwrap();
    let release = Release::new(&plane).await;
    let before = everything(&plane);
    let folder = tempfile::tempdir().unwrap();
    let said =
        release.helm("install", &older(folder.path()), &json!({ "operator": { "replicas": 0 } })).unwrap();
    assert!(said.contains("The first request"), "{said}");
    let names = || release.get("crd/llmroutes.weir.dev")["spec"]["names"]["shortNames"].clone();
    assert_eq!(names(), json!(["oldroute"]));
    let file = folder.path().join("provider.yaml");
    std::fs::write(&file, PROVIDER).unwrap();
    kubectl(&plane, &["-n", &release.namespace, "apply", "-f", file.to_str().unwrap()]);

    let other = json!({
        "watchNamespaces": ["*"],
        "requireCredentialLabel": false,
        "image": { "tag": "9" },
        "operator": { "replicas": 2 },
    });
    release.helm("upgrade", &chart(), &other).unwrap();
    assert_eq!(names(), json!(["llmr"]), "an upgrade reaches the kinds");
    release.pods(2).await;
    assert!(everything(&plane).contains(&format!("ClusterRole /weir-operator.{}", release.namespace)));
    release.helm("upgrade", &chart(), &json!({ "crds": { "enabled": false } })).unwrap();
    assert_eq!(names(), json!(["llmr"]), "they stay when the release has them no more");
    release.helm("upgrade", &chart(), &other).unwrap();

    release.uninstall();
    let kinds = ["llmgateways", "llmkeys", "llmproviders", "llmroutes"];
    let mut left: BTreeSet<String> =
        kinds.map(|kind| format!("CustomResourceDefinition /{kind}.weir.dev")).into();
    left.insert(format!("LLMProvider {}/mine", release.namespace));
    // The API server makes one of each for a group that it comes to serve.
    left.insert("APIService /v1alpha1.weir.dev".to_owned());
    wait::until("everything else to go", SOON, async || {
        let now = everything(&plane);
        Ok(now.difference(&before).eq(&left).then_some(()))
    })
    .await
    .unwrap_or_else(|error| {
        let now = everything(&plane);
        panic!("{error}: {:#?}", now.difference(&before).collect::<Vec<_>>())
    });
    release.helm("install", &chart(), &json!({})).unwrap();
    assert_eq!(release.get("llmprovider/mine")["spec"]["vendor"], "Mock");
}

#[tokio::test]
async fn two_releases_of_one_name_live_side_by_side() {
    let plane = Plane::start().await.unwrap();
    let (first, second) = (Release::new(&plane).await, Release::new(&plane).await);
    let third = plane.namespace("both").await.unwrap();
    let watched = |release: &Release<'_>| json!([release.namespace, third]);
    let of_the_second = |watched: Value| json!({ "crds": { "enabled": false }, "watchNamespaces": watched });
    first.helm("install", &chart(), &json!({ "watchNamespaces": watched(&first) })).unwrap();
    second.helm("install", &chart(), &of_the_second(watched(&second))).unwrap();
    let without =
        second.helm("upgrade", &chart(), &json!({ "crds": { "enabled": true } })).unwrap_err().to_string();
    assert!(without.contains("invalid ownership metadata"), "the kinds are the first one's: {without}");
    first.helm("upgrade", &chart(), &json!({ "watchNamespaces": ["*"] })).unwrap();
    second.helm("upgrade", &chart(), &of_the_second(json!(["*"]))).unwrap();
    first.uninstall();
    let left = everything(&plane);
    assert!(!left.contains(&format!("ClusterRole /weir-operator.{}", first.namespace)));
    assert!(left.contains(&format!("ClusterRoleBinding /weir-operator.{}", second.namespace)));
    assert!(left.contains(&format!("Deployment {}/weir-operator", second.namespace)));
    second.pods(1).await;
}
