//! The example for Argo CD: its waves, and objects that the API server takes.

use super::{id, rendered};
use crate::shared;
use serde_json::{Value, json};
use std::path::PathBuf;
use weir_cluster::helm;
use weir_crds::Kind;

const WAVE: &str = "argocd.argoproj.io/sync-wave";

fn example(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/argocd")).join(path)
}

fn wave(object: &Value) -> i32 {
    object["metadata"]["annotations"][WAVE]
        .as_str()
        .unwrap_or_else(|| panic!("{} has no wave", id(object)))
        .parse()
        .unwrap()
}

fn objects() -> Vec<Value> {
    let files = std::fs::read_dir(example("objects")).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.flat_map(|text| helm::objects(&text).unwrap()).collect()
}

#[test]
fn waves_follow_what_needs_what() {
    for object in rendered(&json!({ "operator": { "replicas": 2 }, "watchNamespaces": ["*"] })) {
        let expected = if object["kind"] == "CustomResourceDefinition" { -10 } else { -5 };
        assert_eq!(wave(&object), expected, "{}", id(&object));
    }
    let objects = objects();
    for (kind, expected) in [(Kind::Gateway, 1), (Kind::Provider, 2), (Kind::Route, 3), (Kind::Key, 4)] {
        assert_eq!(wave(super::one(&objects, kind.name())), expected, "{kind}");
    }
}

#[tokio::test]
async fn the_api_server_takes_the_examples_objects() {
    let plane = shared::plane().await;
    let namespace = plane.namespace("argocd").await.unwrap();
    let folder = example("objects");
    super::install::kubectl(
        plane,
        &["-n", &namespace, "apply", "--server-side", "-f", folder.to_str().unwrap()],
    );
}

#[test]
fn the_application_deploys_what_is_there_with_values_that_the_chart_takes() {
    let text = std::fs::read_to_string(example("application.yaml")).unwrap();
    let application: Value = serde_yaml::from_str(&text).unwrap();
    let sources = application["spec"]["sources"].as_array().unwrap();
    assert_eq!(sources.len(), 2);
    for source in sources {
        assert!(example("../..").join(source["path"].as_str().unwrap()).is_dir(), "{source}");
    }
    let values = &sources[0]["helm"]["valuesObject"];
    assert!(rendered(values).iter().all(|object| object["kind"] != "LLMGateway"));
}
