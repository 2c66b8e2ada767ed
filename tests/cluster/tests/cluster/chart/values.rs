//! Every value of the chart: each has an effect, and a misspelt one is refused.

use super::{refused, rendered};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use weir_cluster::helm::{Helm, chart};

/// Another value for each that there is, and what it needs to count.
fn others() -> Vec<(&'static str, Value, Value)> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let none = json!({});
    let made = json!({ "gateway": { "create": true } });
    vec![
        ("/nameOverride", json!("other"), none.clone()),
        ("/fullnameOverride", json!("other"), none.clone()),
        ("/commonLabels", json!({ "team": "a" }), none.clone()),
        ("/crds/enabled", json!(false), none.clone()),
        ("/crds/keep", json!(false), none.clone()),
        ("/watchNamespaces", json!(["a", "b"]), none.clone()),
        ("/requireCredentialLabel", json!(false), none.clone()),
        ("/image/registry", json!("test.local/team"), none.clone()),
        ("/image/tag", json!("2"), none.clone()),
        ("/image/pullPolicy", json!("Never"), none.clone()),
        ("/image/pullSecrets", json!([{ "name": "a" }]), none.clone()),
        ("/operator/image/repository", json!("other"), none.clone()),
        ("/operator/image/digest", json!(digest), none.clone()),
        ("/operator/replicas", json!(2), none.clone()),
        ("/operator/log", json!("debug"), none.clone()),
        ("/operator/resources/requests/cpu", json!("1"), none.clone()),
        ("/operator/resources/requests/memory", json!("1Gi"), none.clone()),
        ("/operator/resources/limits/memory", json!("1Gi"), none.clone()),
        ("/operator/podAnnotations", json!({ "a": "b" }), none.clone()),
        ("/operator/podLabels", json!({ "a": "b" }), none.clone()),
        ("/operator/priorityClassName", json!("a"), none.clone()),
        ("/operator/nodeSelector", json!({ "a": "b" }), none.clone()),
        ("/operator/tolerations", json!([{ "operator": "Exists" }]), none.clone()),
        ("/operator/affinity", json!({ "podAffinity": {} }), none.clone()),
        ("/operator/topologySpreadConstraints", json!([{ "maxSkew": 2 }]), none.clone()),
        ("/operator/extraEnv", json!([{ "name": "A", "value": "b" }]), none.clone()),
        ("/gateway/create", json!(true), none.clone()),
        ("/gateway/name", json!("other"), made.clone()),
        ("/gateway/image/repository", json!("other"), none.clone()),
        ("/gateway/image/digest", json!(digest), none),
        ("/gateway/spec", json!({ "listener": { "maxBodyBytes": "64Mi" } }), made),
    ]
}

fn defaults() -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(chart().join("values.yaml")).unwrap()).unwrap()
}

/// The pointers to everything that is no object with something in it.
fn leaves(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value.as_object().filter(|object| !object.is_empty()) {
        Some(object) => object.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), found)),
        None => {
            found.insert(at.to_owned());
        }
    }
}

#[test]
fn every_value_has_an_effect() {
    let mut all = BTreeSet::new();
    leaves(&defaults(), "", &mut all);
    let tried: BTreeSet<String> = others().into_iter().map(|(pointer, ..)| pointer.to_owned()).collect();
    assert_eq!(tried, all, "a value that is new needs a line in others()");
    for (pointer, other, base) in others() {
        let mut before = defaults();
        merge(&mut before, &base);
        let mut after = before.clone();
        *after.pointer_mut(pointer).unwrap() = other;
        assert!(rendered(&before) != rendered(&after), "{pointer}");
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.iter().for_each(|(name, value)| merge(into.entry(name).or_insert(Value::Null), value));
        }
        (into, from) => *into = from.clone(),
    }
}

#[test]
fn every_value_is_explained() {
    let text = std::fs::read_to_string(chart().join("values.yaml")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // What a Kubernetes object calls the same needs no words.
    let plain =
        ["repository", "podAnnotations", "podLabels", "priorityClassName", "nodeSelector", "tolerations"];
    let plain = [&plain[..], &["affinity", "requests", "limits", "cpu", "memory", "crds"]].concat();
    for (index, line) in lines.iter().enumerate() {
        let Some((name, _)) =
            line.trim_start().split_once(':').filter(|_| !line.trim_start().starts_with('#'))
        else {
            continue;
        };
        let of_a_section =
            lines[..index].iter().rev().take(2).any(|before| before.trim_start().starts_with('#'));
        assert!(of_a_section || plain.contains(&name), "{line}");
    }
}

#[test]
fn a_value_that_is_not_there_is_refused_with_its_name() {
    for (values, said) in [
        (json!({ "replicas": 2 }), "at '': additional properties 'replicas' not allowed"),
        (json!({ "crds": { "install": true } }), "at '/crds': additional properties 'install' not allowed"),
        (json!({ "image": { "name": "a" } }), "at '/image': additional properties 'name' not allowed"),
        (json!({ "image": { "pullSecrets": ["a"] } }), "at '/image/pullSecrets/0': got string, want object"),
        (
            json!({ "operator": { "replica": 2 } }),
            "at '/operator': additional properties 'replica' not allowed",
        ),
        (
            json!({ "operator": { "image": { "tag": "2" } } }),
            "at '/operator/image': additional properties 'tag'",
        ),
        (
            json!({ "gateway": { "enabled": true } }),
            "at '/gateway': additional properties 'enabled' not allowed",
        ),
        (
            json!({ "gateway": { "image": { "a": 1 } } }),
            "at '/gateway/image': additional properties 'a' not allowed",
        ),
    ] {
        let message = refused(&values);
        assert!(message.contains(said), "{values}: {message}");
    }
}

#[test]
fn a_value_that_makes_no_sense_is_refused() {
    for (values, said) in [
        (json!({ "watchNamespaces": ["*", "a"] }), "at '/watchNamespaces'"),
        (json!({ "watchNamespaces": ["A"] }), "at '/watchNamespaces/0'"),
        (json!({ "watchNamespaces": ["a", "a"] }), "at '/watchNamespaces'"),
        (json!({ "watchNamespaces": "a" }), "at '/watchNamespaces': got string, want array"),
        (json!({ "requireCredentialLabel": "false" }), "got string, want boolean"),
        (json!({ "image": { "pullPolicy": "Sometimes" } }), "'Always', 'IfNotPresent', 'Never'"),
        (json!({ "image": { "tag": "a:b" } }), "at '/image/tag'"),
        (json!({ "operator": { "replicas": -1 } }), "at '/operator/replicas'"),
        (json!({ "operator": { "image": { "digest": "abc" } } }), "at '/operator/image/digest'"),
        (json!({ "gateway": { "name": "-a" } }), "at '/gateway/name'"),
        (
            json!({ "gateway": { "create": true }, "watchNamespaces": ["a"] }),
            "which watchNamespaces does not name",
        ),
    ] {
        let message = refused(&values);
        assert!(message.contains(said), "{values}: {message}");
    }
}

#[test]
fn helm_finds_nothing_wrong_with_the_chart() {
    let helm = Helm::offline().unwrap();
    let several = json!({
        "watchNamespaces": ["*"],
        "commonLabels": { "team": "a" },
        "crds": { "keep": false },
        "operator": { "replicas": 3, "podLabels": { "a": "b" }, "priorityClassName": "a" },
        "gateway": { "create": true, "spec": { "listener": { "maxBodyBytes": "64Mi" } } },
    });
    for values in [json!({}), json!({ "crds": { "enabled": false }, "watchNamespaces": ["a", "b"] }), several]
    {
        helm.run(&["lint", chart().to_str().unwrap(), "--strict", "-f", "-"], &values).unwrap();
    }
}
