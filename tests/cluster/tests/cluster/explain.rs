//! What people see of the kinds in a cluster: that they install without a word, what `kubectl explain` and
//! `kubectl get` say of them.

use crate::shared;
use serde_json::Value;
use std::collections::BTreeMap;
use weir_cluster::{Plane, crd_files};

/// Every CRD.
fn crds() -> Vec<Value> {
    let read = |path| serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let crds: Vec<Value> = crd_files().unwrap().into_iter().map(read).collect();
    assert_eq!(crds.len(), weir_crds::Kind::ALL.len());
    crds
}

fn kubectl(plane: &Plane, arguments: &[&str]) -> String {
    let output = plane.kubectl().args(arguments).output().unwrap();
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_crds_install_without_a_warning() {
    assert_eq!(shared::warnings_of_the_crds().await, [""; 0]);
}

#[test]
fn a_crd_fits_where_kubectl_apply_keeps_it() {
    // An annotation holds at most 256 KiB, and a ConfigMap of a chart 1 MiB of all of them.
    for path in crd_files().unwrap() {
        let bytes = std::fs::metadata(&path).unwrap().len();
        assert!(bytes < 100_000, "{} has {bytes} bytes", path.display());
    }
}

/// The fields that have fields below them, as `kubectl explain` takes them, with the names of those.
fn parents(schema: &Value, path: &str, found: &mut BTreeMap<String, Vec<String>>) {
    let schema = schema.get("items").unwrap_or(schema);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    found.insert(path.to_owned(), properties.keys().cloned().collect());
    for (name, property) in properties {
        parents(property, &format!("{path}.{name}"), found);
    }
}

/// The descriptions of the fields that `kubectl explain` lists, by name.
fn descriptions(explained: &str) -> BTreeMap<&str, String> {
    let (_, fields) = explained.split_once("FIELDS:\n").unwrap();
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    let mut current = None;
    for line in fields.lines() {
        // An enum's values are listed between a field and its description.
        match line.len() - line.trim_start().len() {
            2 if line.starts_with("  enum:") => {}
            2 => current = line.split_whitespace().next(),
            4.. => found.entry(current.unwrap()).or_default().push_str(line.trim()),
            _ => {}
        }
    }
    found
}

#[tokio::test]
async fn kubectl_explains_every_field() {
    let plane = shared::plane().await;
    let mut silent = Vec::new();
    let mut fields = 0;
    for crd in crds() {
        let plural = crd["spec"]["names"]["plural"].as_str().unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut wanted = BTreeMap::new();
        parents(schema, plural, &mut wanted);
        for (path, names) in wanted {
            let explained = kubectl(plane, &["explain", &path]);
            let described = descriptions(&explained);
            fields += names.len();
            let missing =
                names.iter().filter(|name| described.get(name.as_str()).is_none_or(String::is_empty));
            silent.extend(missing.map(|name| format!("{path}.{name}")));
        }
    }
    assert!(fields > 100, "only {fields} fields were looked for");
    assert_eq!(silent, [""; 0], "kubectl explain says nothing of these");
}

#[test]
fn an_explanation_is_read_rightly() {
    let text = "KIND: A\n\nFIELDS:\n  a\t<string> -required-\n    First\n    line.\n\n  b\t<Object>\n\n  c\t<string>\n  enum: X, Y\n    Third.\n";
    let found = descriptions(text);
    assert_eq!(found.get("a").map(String::as_str), Some("Firstline."));
    assert_eq!((found.get("b"), found.get("c").map(String::as_str)), (None, Some("Third.")));
}

#[tokio::test]
async fn kubectl_get_has_every_column() {
    let plane = shared::plane().await;
    let namespace = plane.namespace("columns").await.unwrap();
    for crd in crds() {
        let (plural, kind) = (&crd["spec"]["names"]["plural"], &crd["spec"]["names"]["kind"]);
        let plural = plural.as_str().unwrap();
        let mut object = crate::corpus::a_valid_object(kind.as_str().unwrap());
        object["metadata"] = serde_json::json!({ "name": "a", "namespace": namespace });
        let file = plane.work_dir().join(format!("{namespace}-{plural}.json"));
        std::fs::write(&file, object.to_string()).unwrap();
        kubectl(plane, &["create", "-f", file.to_str().unwrap()]);
        let table = kubectl(plane, &["get", plural, "-n", &namespace, "-o", "wide"]);
        let header = table.lines().next().unwrap();
        for column in crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap() {
            let name = column["name"].as_str().unwrap().to_uppercase();
            assert!(header.contains(&name), "{plural} lacks {name}: {header}");
        }
        assert!(table.lines().nth(1).unwrap().starts_with("a "), "{table}");
    }
}
