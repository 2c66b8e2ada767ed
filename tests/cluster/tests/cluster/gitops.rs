//! What Git says is applied again and again, by `kubectl apply`, by Argo CD, by Flux: the second time changes nothing
//! and says so. Else an Application is OutOfSync for ever.

use crate::corpus;
use crate::shared;
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use weir_cluster::Plane;
use weir_cluster::helm::{Helm, chart};
use weir_crds::Kind;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Every YAML file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|it| it == "yaml");
    entries.flat_map(below).filter(is_yaml).collect()
}

/// The objects of our kinds in the examples, folder by folder: each is a repository of its own.
fn examples() -> Vec<Vec<Value>> {
    let mut folders: BTreeMap<PathBuf, Vec<Value>> = BTreeMap::new();
    for file in files(&repository("examples")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let documents = serde_yaml::Deserializer::from_str(&text);
        let objects = documents.map(|document| Value::deserialize(document).unwrap());
        let ours = objects.filter(|object| object["apiVersion"] == weir_crds::API_VERSION);
        folders.entry(file.parent().unwrap().to_owned()).or_default().extend(ours);
    }
    folders.into_values().filter(|objects| !objects.is_empty()).collect()
}

/// Whether a list holds an absent value that is written down: the server takes it out, and no list is compared
/// without it. Nobody writes that but templates, and nothing but the manifest can mend it.
fn has_null_in_a_list(value: &Value, is_in_list: bool) -> bool {
    match value {
        Value::Null => is_in_list,
        Value::Array(items) => items.iter().any(|item| has_null_in_a_list(item, true)),
        Value::Object(fields) => fields.values().any(|field| has_null_in_a_list(field, is_in_list)),
        _ => false,
    }
}

/// The corpus of valid objects, which sets every field of every kind: without a status, which is not theirs to say.
fn every_field() -> Vec<Value> {
    let mut objects = corpus::valid_objects();
    objects.retain(|object| !has_null_in_a_list(object, false));
    for (index, object) in objects.iter_mut().enumerate() {
        object.as_object_mut().unwrap().remove("status");
        object["metadata"]["name"] = json!(format!("of-the-corpus-{index}"));
        object["metadata"].as_object_mut().unwrap().retain(|field, _| field == "name");
    }
    objects
}

/// A namespace, and a file with objects for it.
struct Repository<'a> {
    plane: &'a Plane,
    namespace: String,
    file: PathBuf,
    count: usize,
}

impl<'a> Repository<'a> {
    async fn new(plane: &'a Plane, mut objects: Vec<Value>) -> Self {
        let namespace = plane.namespace("gitops").await.unwrap();
        for object in &mut objects {
            object["metadata"].as_object_mut().unwrap().remove("namespace");
        }
        let file = plane.work_dir().join(format!("{namespace}.json"));
        let count = objects.len();
        std::fs::write(&file, json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string())
            .unwrap();
        Self { plane, namespace, file, count }
    }

    fn kubectl(&self, arguments: &[&str]) -> Output {
        let mut command = self.plane.kubectl();
        command.args(["-n", &self.namespace]).args(arguments).arg("-f").arg(&self.file).output().unwrap()
    }

    /// What it says of each object.
    fn apply(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.kubectl(&[&["apply"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: Vec<String> =
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(said.len(), self.count, "{said:#?}");
        said
    }

    /// Version and generation of every object.
    fn versions(&self) -> BTreeMap<String, (Value, Value)> {
        let output = self.kubectl(&["get", "-o", "json"]);
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        // Of one object it gives no list.
        let items = list["items"].as_array().map_or(std::slice::from_ref(&list), Vec::as_slice).iter();
        let version = |item: &Value| {
            let (name, meta) = (format!("{} {}", item["kind"], item["metadata"]["name"]), &item["metadata"]);
            (name, (meta["resourceVersion"].clone(), meta["generation"].clone()))
        };
        let versions: BTreeMap<_, _> = items.map(version).collect();
        assert_eq!(versions.len(), self.count);
        versions
    }
}

fn not_unchanged(said: Vec<String>) -> Vec<String> {
    said.into_iter().filter(|line| !line.ends_with(" unchanged")).collect()
}

#[tokio::test]
async fn s8_12_every_example_and_every_field_applied_twice_is_unchanged() {
    let plane = shared::plane().await;
    let examples = examples();
    for kind in Kind::ALL {
        assert!(
            examples.iter().flatten().any(|object| object["kind"] == kind.name()),
            "no example of {kind}"
        );
    }
    for objects in examples.into_iter().chain([every_field()]) {
        let repository = Repository::new(plane, objects).await;
        assert!(repository.apply(&[]).iter().all(|line| line.ends_with(" created")));
        let before = repository.versions();
        assert_eq!(
            not_unchanged(repository.apply(&[])),
            [""; 0],
            "kubectl apply finds a change where there is none"
        );
        assert_eq!(repository.versions(), before);
        // As Argo CD compares, too: what Git says, what was applied, what is there.
        let diff = repository.kubectl(&["diff"]);
        assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
    }
}

#[tokio::test]
async fn s8_12_a_server_side_apply_of_the_same_changes_nothing() {
    let plane = shared::plane().await;
    let mut plain = every_field();
    // Nor does a server-side apply take a field that is written down without a value.
    plain.retain(|object| !has_null_in_a_list(object, true));
    for objects in examples().into_iter().chain([plain]) {
        let repository = Repository::new(plane, objects).await;
        repository.apply(&["--server-side"]);
        let before = repository.versions();
        repository.apply(&["--server-side"]);
        assert_eq!(repository.versions(), before);
        let diff = repository.kubectl(&["diff", "--server-side"]);
        assert!(diff.status.success(), "{}", String::from_utf8_lossy(&diff.stdout));
    }
}

/// The kinds and the operator, as the chart renders them: what Argo CD has from it.
#[tokio::test]
async fn s8_12_the_chart_applied_twice_is_unchanged() {
    let plane = Plane::start().await.unwrap();
    let values = json!({ "watchNamespaces": [], "operator": { "replicas": 0 } });
    let objects = Helm::offline().unwrap().template(&chart(), "weir", "models", &values).unwrap();
    assert!(objects.iter().any(|object| object["kind"] == "CustomResourceDefinition"));
    let repository = Repository::new(&plane, objects).await;
    repository.apply(&[]);
    assert_eq!(not_unchanged(repository.apply(&[])), [""; 0]);
}
