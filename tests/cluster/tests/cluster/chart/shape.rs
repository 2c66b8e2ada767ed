//! What the operator's objects look like: restricted, named and labelled as they will be after any upgrade.

use super::{id, ids, one, rendered};
use clap::{CommandFactory as _, Parser as _};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use weir_cluster::crd_files;
use weir_operator::args::Args;

#[test]
fn the_versions_are_those_of_the_programs() {
    let text = std::fs::read_to_string(weir_cluster::helm::chart().join("Chart.yaml")).unwrap();
    let chart: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_crds_are_those_of_the_files_and_helm_keeps_them() {
    let objects = rendered(&json!({}));
    let crds: Vec<&Value> =
        objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition").collect();
    assert_eq!(crds.len(), 4);
    for path in crd_files().unwrap() {
        let file: Value = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let crd = crds.iter().find(|crd| id(crd) == id(&file)).unwrap();
        assert!(same(&crd["spec"], &file["spec"]), "{}", id(&file));
        assert_eq!(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    }
    let not_kept = rendered(&json!({ "crds": { "keep": false } }));
    assert!(!serde_json::to_string(&not_kept).unwrap().contains("helm.sh/resource-policy"));
    let without = rendered(&json!({ "crds": { "enabled": false } }));
    assert!(without.iter().all(|object| object["kind"] != "CustomResourceDefinition"));
}

/// Equal, with 1 and 1.0 the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// The operator's command line as the container's environment makes it; `fieldRef`s become a word.
fn args(objects: &[Value]) -> Args {
    let env = one(objects, "Deployment").pointer("/spec/template/spec/containers/0/env").unwrap();
    let command = Args::command();
    let mut line = vec!["weir-operator".to_owned()];
    for variable in env.as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        let known =
            command.get_arguments().find(|argument| argument.get_env().is_some_and(|env| env == name));
        let known = known.unwrap_or_else(|| panic!("the operator does not know {name}"));
        let flag = known.get_long().unwrap();
        line.push(format!("--{flag}={}", variable["value"].as_str().unwrap_or("own")));
    }
    Args::parse_from(line)
}

#[test]
fn the_operator_is_told_what_the_values_say() {
    let plain = args(&rendered(&json!({})));
    assert_eq!(
        (plain.watch_namespaces, plain.namespace),
        (vec!["$(WEIR_NAMESPACE)".to_owned()], "own".to_owned())
    );
    assert!(plain.require_credential_label);
    assert_eq!((plain.log.as_str(), plain.health_listen.port()), ("info", 8081));
    assert_eq!(plain.gateway_image, format!("weir-gateway:{}", env!("CARGO_PKG_VERSION")));
    let values = json!({
        "watchNamespaces": ["a", "b"],
        "requireCredentialLabel": false,
        "operator": { "log": "warn,weir_operator=debug" },
    });
    let told = args(&rendered(&values));
    assert_eq!(told.watch_namespaces, ["a", "b"]);
    assert_eq!((told.require_credential_label, told.log.as_str()), (false, "warn,weir_operator=debug"));
}

#[test]
fn images_come_from_the_registry_by_tag_or_by_digest() {
    let digest = format!("sha256:{}", "1".repeat(64));
    let pair = |values: &Value| {
        let objects = rendered(values);
        let container =
            one(&objects, "Deployment").pointer("/spec/template/spec/containers/0").unwrap().clone();
        let env = container["env"].as_array().unwrap();
        let gateway = env.iter().find(|variable| variable["name"] == "WEIR_GATEWAY_IMAGE").unwrap();
        [container["image"].clone(), gateway["value"].clone()].map(|text| text.as_str().unwrap().to_owned())
    };
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(pair(&json!({})), [format!("weir-operator:{version}"), format!("weir-gateway:{version}")]);
    let elsewhere = json!({ "image": { "registry": "test.local/team/", "tag": "7" }, "gateway": { "image": { "digest": digest } } });
    let expected =
        ["test.local/team/weir-operator:7".to_owned(), format!("test.local/team/weir-gateway@{digest}")];
    assert_eq!(pair(&elsewhere), expected);
}

#[test]
fn the_operators_pod_is_restricted_and_writes_nowhere() {
    let objects = rendered(&json!({}));
    let pod = one(&objects, "Deployment").pointer("/spec/template/spec").unwrap();
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"], json!({ "type": "RuntimeDefault" }));
    assert!(pod.get("volumes").is_none());
    for forbidden in ["hostNetwork", "hostPID", "hostIPC", "hostUsers"] {
        assert!(pod.get(forbidden).is_none(), "{forbidden}");
    }
    let expected = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    });
    assert_eq!(pod["containers"][0]["securityContext"], expected);
}

#[test]
fn whatever_else_is_set_names_and_selectors_stay() {
    let before = rendered(&json!({}));
    let fixed = |objects: &[Value]| one(objects, "Deployment").pointer("/spec/selector").unwrap().clone();
    let others = json!({
        "nameOverride": "other",
        "commonLabels": { "app.kubernetes.io/name": "mine", "app.kubernetes.io/instance": "mine", "team": "a" },
        "watchNamespaces": ["*"],
        "image": { "tag": "9" },
        "operator": { "replicas": 3, "podLabels": { "app.kubernetes.io/name": "mine" } },
    });
    let after = rendered(&others);
    assert_eq!(fixed(&before), fixed(&after));
    let template = one(&after, "Deployment").pointer("/spec/template/metadata/labels").unwrap();
    for (label, value) in fixed(&after)["matchLabels"].as_object().unwrap() {
        assert_eq!(&template[label], value, "the selector finds the pods");
    }
    assert_eq!(template["team"], "a");
    let kept = rendered(&json!({ "commonLabels": { "team": "a" }, "image": { "tag": "9" } }));
    assert_eq!(ids(&kept), ids(&before));
}

#[test]
fn a_chart_of_another_version_starts_no_pod_again() {
    let objects = rendered(&json!({ "image": { "tag": "9" } }));
    let template = one(&objects, "Deployment").pointer("/spec/template").unwrap().to_string();
    let gateway = format!("weir-gateway:{}", env!("CARGO_PKG_VERSION"));
    assert!(!template.replace(&gateway, "").contains(env!("CARGO_PKG_VERSION")), "{template}");
}

#[test]
fn every_object_says_what_it_belongs_to() {
    for object in rendered(&json!({ "operator": { "replicas": 2 }, "watchNamespaces": ["models", "a"] })) {
        let labels = &object["metadata"]["labels"];
        let names: BTreeSet<&str> = labels.as_object().unwrap().keys().map(String::as_str).collect();
        let part = |part: &str| format!("app.kubernetes.io/{part}");
        for name in ["component", "instance", "managed-by", "name", "part-of", "version"].map(part) {
            assert!(names.contains(name.as_str()), "{} has no {name}", id(&object));
        }
        assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");
        assert_eq!(labels["helm.sh/chart"], format!("weir-{}", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn from_two_replicas_on_they_are_spread_and_not_all_evicted() {
    let kinds = |replicas: u32| {
        let objects = rendered(&json!({ "operator": { "replicas": replicas } }));
        let spread =
            one(&objects, "Deployment").pointer("/spec/template/spec/topologySpreadConstraints").is_some();
        (spread, objects.iter().any(|object| object["kind"] == "PodDisruptionBudget"))
    };
    assert_eq!([kinds(0), kinds(1), kinds(2)], [(false, false), (false, false), (true, true)]);
}

#[test]
fn nothing_that_is_rendered_is_random() {
    let values =
        json!({ "operator": { "replicas": 2 }, "watchNamespaces": ["*"], "gateway": { "create": true } });
    assert_eq!(rendered(&values), rendered(&values));
}
