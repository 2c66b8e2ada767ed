//! The corpus of `crds/tests` before a real API server: it must say what `weir_crds::validate` says without one.

use crate::shared;
use futures_util::{StreamExt as _, stream};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde::Deserialize as _;
use serde_json::{Value, json};
use weir_crds::{Kind, validate};

#[derive(Clone)]
struct Case {
    kind: Kind,
    expected: Option<String>,
    old: Option<Value>,
    object: Value,
}

/// Every document of every file whose name ends so.
fn cases(which: &str) -> Vec<Case> {
    Kind::ALL.into_iter().flat_map(|kind| cases_of(kind, which)).collect()
}

fn cases_of(kind: Kind, which: &str) -> Vec<Case> {
    let file = format!("{}_{which}.yaml", kind.name().to_lowercase());
    let path = format!("{}/../../crds/tests/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let documents = serde_yaml::Deserializer::from_str(&text);
    documents.map(|document| case(kind, Value::deserialize(document).unwrap())).collect()
}

fn case(kind: Kind, mut object: Value) -> Case {
    let fields = object.as_object_mut().unwrap();
    let expected = fields.remove("_err").map(|text| text.as_str().unwrap().to_owned());
    let old = fields.remove("_old").map(|spec| {
        let mut old = object.clone();
        old["spec"] = spec;
        old
    });
    Case { kind, expected, old, object }
}

/// Some object of this kind that is taken.
pub(crate) fn a_valid_object(kind: &str) -> Value {
    let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).unwrap();
    cases_of(kind, "valid").remove(0).object
}

/// Every object that is taken.
pub(crate) fn valid_objects() -> Vec<Value> {
    cases("valid").into_iter().map(|case| case.object).collect()
}

/// A place where objects are tried.
struct Trial {
    client: Client,
    namespace: String,
}

impl Trial {
    async fn new(prefix: &str) -> Self {
        let plane = shared::plane().await;
        Self { client: plane.admin().unwrap(), namespace: plane.namespace(prefix).await.unwrap() }
    }

    /// What the server says to `case`; nothing if it takes it. The object itself is never kept.
    async fn verdict(&self, case: &Case) -> Option<String> {
        let Some(old) = &case.old else {
            return self.send(Method::POST, case.kind, "", &self.here(&case.object), true).await.err();
        };
        let mut old = self.here(old);
        old["metadata"] = json!({ "generateName": "old-" });
        let old = self.send(Method::POST, case.kind, "", &old, false).await.unwrap();
        let mut object = self.here(&case.object);
        object["metadata"]["name"] = old["metadata"]["name"].clone();
        object["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
        let name = old["metadata"]["name"].as_str().unwrap();
        self.send(Method::PUT, case.kind, &format!("/{name}"), &object, true).await.err()
    }

    /// The object in this namespace, and as nobody has seen it: a dump's `resourceVersion` is refused on creation.
    fn here(&self, object: &Value) -> Value {
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
            if metadata.get("namespace").is_some_and(Value::is_string) {
                metadata.insert("namespace".into(), self.namespace.as_str().into());
            }
        }
        object
    }

    async fn send(
        &self,
        method: Method,
        kind: Kind,
        name: &str,
        object: &Value,
        dry: bool,
    ) -> Result<Value, String> {
        let dry = if dry { "&dryRun=All" } else { "" };
        let path =
            format!("/apis/{}/namespaces/{}/{}", weir_crds::API_VERSION, self.namespace, kind.plural());
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}{name}?fieldValidation=Strict{dry}"))
            .header("content-type", "application/json")
            .body(Body::from(object.to_string().into_bytes()))
            .unwrap();
        let (head, body) = self.client.send(request).await.unwrap().into_parts();
        let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
        if head.status.is_success() { Ok(body) } else { Err(body["message"].as_str().unwrap().to_owned()) }
    }

    /// The server's verdicts on many, several at a time.
    async fn verdicts(&self, cases: Vec<Case>) -> Vec<(Case, Option<String>)> {
        let tried = stream::iter(cases).map(async |case| (case.clone(), self.verdict(&case).await));
        tried.buffer_unordered(8).collect().await
    }
}

#[tokio::test]
async fn the_server_takes_what_is_valid() {
    let trial = Trial::new("valid").await;
    let verdicts = trial.verdicts(cases("valid")).await;
    assert!(verdicts.len() > 20);
    let refused =
        verdicts.iter().filter_map(|(case, verdict)| Some(format!("{}: {}", verdict.as_ref()?, case.object)));
    let refused: Vec<String> = refused.collect();
    assert!(refused.is_empty(), "refused:\n{}", refused.join("\n"));
}

#[tokio::test]
async fn the_server_refuses_what_is_invalid_for_the_reason_given() {
    let trial = Trial::new("invalid").await;
    let mut wrong = Vec::new();
    for (case, verdict) in trial.verdicts(cases("invalid")).await {
        let expected = case.expected.as_ref().unwrap();
        match verdict {
            Some(message) if message.contains(expected.as_str()) => {}
            other => wrong.push(format!("{expected:?} is not in {other:?} for {}", case.object)),
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `case` with each optional field of its spec in turn written down without a value.
fn with_a_null(case: &Case) -> Vec<Case> {
    let crd = serde_json::to_value(case.kind.crd()).unwrap();
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let required: Vec<&str> =
        spec["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let optional =
        spec["properties"].as_object().unwrap().keys().filter(|name| !required.contains(&name.as_str()));
    let with_null = |name: &String| {
        let mut case = case.clone();
        case.object.get_mut("spec")?.as_object_mut()?.insert(name.clone(), Value::Null);
        Some(case)
    };
    optional.filter_map(with_null).collect()
}

#[tokio::test]
async fn a_field_without_a_value_is_judged_alike_with_and_without_a_server() {
    let trial = Trial::new("null").await;
    let all: Vec<Case> = [cases("valid"), cases("invalid")].concat().iter().flat_map(with_a_null).collect();
    assert!(all.len() > 500, "{} cases", all.len());
    let mut differ = Vec::new();
    for (case, verdict) in trial.verdicts(all).await {
        let offline = validate::verdict(case.kind, &case.object, case.old.as_ref());
        if offline.is_empty() != verdict.is_none() {
            differ.push(format!("offline {offline:?}, server {verdict:?} for {}", case.object));
        }
    }
    differ.sort();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
