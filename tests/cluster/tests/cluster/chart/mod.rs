//! The Helm chart: what it renders, and what becomes of a release on a real API server. No pod runs here.

mod argocd;
mod gateway;
mod install;
mod kustomize;
mod rights;
mod shape;
mod values;

use serde_json::{Value, json};
use weir_cluster::helm::{Helm, chart};

/// What the release `weir` in the namespace `models` consists of.
fn rendered(values: &Value) -> Vec<Value> {
    Helm::offline().unwrap().template(&chart(), "weir", "models", values).unwrap()
}

/// What Helm says of values that it refuses.
fn refused(values: &Value) -> String {
    Helm::offline().unwrap().template(&chart(), "weir", "models", values).unwrap_err().to_string()
}

/// `kind namespace/name`.
fn id(object: &Value) -> String {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

fn ids(objects: &[Value]) -> Vec<String> {
    let mut ids: Vec<String> = objects.iter().map(id).collect();
    ids.sort();
    ids
}

/// The one object of `kind`.
fn one<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<&Value> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}s");
    found[0]
}

/// What Helm says once a release is installed; it wants to see a cluster, and changes nothing there.
async fn notes(values: &Value) -> String {
    let mut values = values.clone();
    values["crds"] = json!({ "enabled": false });
    let chart = chart();
    let arguments =
        ["install", "weir", chart.to_str().unwrap(), "-n", "models", "--dry-run=client", "-f", "-"];
    let said = Helm::on(crate::shared::plane().await).unwrap().run(&arguments, &values).unwrap();
    said.split_once("NOTES:").unwrap().1.to_owned()
}
