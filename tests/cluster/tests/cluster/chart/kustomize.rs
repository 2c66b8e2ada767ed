//! The bases for kustomize: as old as the chart, and usable as a user would.

use super::ids;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use weir_cluster::{binaries, helm, kustomize};

/// What kustomize builds from an overlay of the base of this name, for the namespace `models`.
fn built(base: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    // kustomize takes no absolute path to a base.
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kustomize").join(base);
    let base = base.canonicalize().unwrap();
    let up = "../".repeat(folder.path().canonicalize().unwrap().components().count() - 1);
    let base = format!("{up}{}", base.strip_prefix("/").unwrap().display());
    let overlay = format!(
        "resources: [{base}]\nnamespace: models\nimages: [{{name: weir-operator, newName: test.local/operator, newTag: '7'}}]\n"
    );
    std::fs::write(folder.path().join("kustomization.yaml"), overlay).unwrap();
    let mut kubectl = Command::new(binaries::plane().unwrap());
    let output = kubectl.args(["kubectl", "kustomize"]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    helm::objects(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

#[test]
fn what_kustomize_has_from_the_chart_is_what_the_chart_renders() {
    for (path, text) in kustomize::files().unwrap() {
        let there = std::fs::read_to_string(&path).unwrap();
        assert!(there == text, "{} is old: run `make gen-kustomize`", path.display());
    }
}

#[test]
fn an_overlay_names_the_namespace_and_the_image() {
    let objects = built("namespace");
    let expected = [
        "CustomResourceDefinition /llmgateways.weir.dev",
        "CustomResourceDefinition /llmkeys.weir.dev",
        "CustomResourceDefinition /llmproviders.weir.dev",
        "CustomResourceDefinition /llmroutes.weir.dev",
        "Deployment models/weir-operator",
        "Role models/weir-operator",
        "Role models/weir-operator-lease",
        "RoleBinding models/weir-operator",
        "RoleBinding models/weir-operator-lease",
        "ServiceAccount models/weir-operator",
    ];
    assert_eq!(ids(&objects), expected);
    let text = serde_json::to_string(&objects).unwrap();
    assert!(!text.contains("weir-system"), "subjects and all follow the namespace");
    assert!(text.contains(r#""image":"test.local/operator:7""#));
    assert!(!text.contains("Helm") && !text.contains("helm.sh"), "Helm has no part in it");
}

#[test]
fn the_base_for_the_cluster_binds_what_it_makes() {
    let objects = built("cluster");
    let binding = objects.iter().find(|object| object["kind"] == "ClusterRoleBinding").unwrap();
    assert_eq!(binding["subjects"][0]["namespace"], "models");
    let role = objects.iter().find(|object| object["kind"] == "ClusterRole").unwrap();
    assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
}
