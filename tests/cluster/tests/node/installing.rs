//! The page for installing: Helm's commands as they stand, and the overlay for kustomize.

use crate::pages::{ELSEWHERE, follow_page, reader, repository};

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/install.md")).unwrap()
}

#[tokio::test]
async fn the_page_for_installing_does_what_it_says() {
    follow_page("docs/install.md", None, "weir").await;
}

#[tokio::test]
async fn the_pages_overlay_runs_an_operator_from_another_registry() {
    let scene = reader("overlay").await;
    let page = page();
    let overlay = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(overlay.contains("kind: Kustomization"), "{overlay}");
    // What a reader takes from the repository's address is here beside it.
    let base = "github.com/weir-dev/weir//deploy/kustomize/namespace?ref=main";
    assert!(overlay.contains(base), "{overlay}");
    let node = scene.node;
    let folder = node.plane.work_dir().join("overlay");
    std::fs::create_dir_all(&folder).unwrap();
    // kustomize takes a folder elsewhere by a relative path alone.
    let here = repository().canonicalize().unwrap();
    let up = "../".repeat(folder.canonicalize().unwrap().components().count() - 1);
    let there = format!("{up}{}/deploy/kustomize/namespace", here.strip_prefix("/").unwrap().display());
    std::fs::write(folder.join("kustomization.yaml"), overlay.replace(base, &there)).unwrap();
    node.kubectl(&["create", "namespace", "weir"]).await.unwrap();
    node.kubectl(&["apply", "--server-side", "-k", &folder.display().to_string()]).await.unwrap();
    node.rolled_out("weir", "deployment/weir-operator").await.unwrap();
    let said = [
        "get",
        "deployment",
        "weir-operator",
        "-n",
        "weir",
        "-o",
        "jsonpath={.spec.template.spec.containers[0]}",
    ];
    let container = node.kubectl(&said).await.unwrap();
    for image in ["weir-operator:1.0.0", "weir-gateway:1.0.0"] {
        assert!(container.contains(&format!("{ELSEWHERE}/{image}")), "{container}");
    }
}

/// Argo CD is told what of a status means nothing to it. Were a condition among that, health would be late.
#[test]
fn what_argo_cd_is_to_ignore_is_in_the_status_and_no_condition() {
    let page = page();
    let block = page.split("```yaml\n").nth(2).and_then(|rest| rest.split("```").next()).unwrap();
    let config: serde_json::Value = serde_yaml::from_str(block).unwrap();
    let data = config["data"].as_object().unwrap();
    assert!(!data.is_empty());
    for (name, ignored) in data {
        let kind = name.strip_prefix("resource.customizations.ignoreResourceUpdates.weir.dev_").unwrap();
        let kind = weir_crds::Kind::ALL.into_iter().find(|known| known.name() == kind).unwrap();
        let schema = serde_json::to_value(kind.crd()).unwrap();
        let status = schema.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status/properties");
        let ignored: serde_json::Value = serde_yaml::from_str(ignored.as_str().unwrap()).unwrap();
        for pointer in ignored["jsonPointers"].as_array().unwrap() {
            let field = pointer.as_str().unwrap().strip_prefix("/status/").unwrap();
            assert!(status.unwrap().get(field).is_some(), "{name}: {field}");
            assert_ne!(field, "conditions");
        }
    }
}
