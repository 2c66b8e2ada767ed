//! What Argo CD makes of the kinds, by its own Lua machine: sync waves wait for this verdict.

use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use weir_cluster::binaries;
use weir_crds::{API_VERSION, GROUP, Kind};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/weir/argocd"))
}

/// Argo CD's status and message.
pub(crate) fn health(object: &Value) -> (String, String) {
    let mut lua = Command::new(binaries::luahealth().unwrap())
        .arg(folder().join("health.lua"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    lua.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
    let output = lua.wait_with_output().unwrap();
    assert!(output.status.success(), "{object}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (status, message) = text.trim_end_matches('\n').split_once('\t').unwrap();
    (status.to_owned(), message.to_owned())
}

/// An object of generation 2.
fn object(kind: Kind, spec: Value, status: Value) -> Value {
    let mut object = json!({
        "apiVersion": API_VERSION,
        "kind": kind.name(),
        "metadata": { "name": "a", "namespace": "b", "generation": 2 },
        "spec": spec,
    });
    if !status.is_null() {
        object["status"] = status;
    }
    object
}

/// A status that has seen generation 2, with conditions `type=status`, whose messages are `about <type>`.
fn status(conditions: &[&str]) -> Value {
    let condition = |text: &&str| {
        let (kind, status) = text.split_once('=').unwrap();
        json!({
            "type": kind,
            "status": status,
            "observedGeneration": 2,
            "lastTransitionTime": "2026-07-01T12:00:00Z",
            "reason": "Because",
            "message": format!("about {kind}"),
        })
    };
    json!({ "observedGeneration": 2, "conditions": conditions.iter().map(condition).collect::<Vec<_>>() })
}

#[test]
fn argo_cd_reads_health_from_the_conditions_of_every_kind() {
    let unseen = "Waiting for Weir's operator to look at it";
    let mut behind = status(&["Ready=True"]);
    behind["observedGeneration"] = json!(1);
    let none = json!({});
    let suspended = json!({ "suspend": true });
    let cases = [
        (&none, Value::Null, "Progressing", unseen),
        (&none, json!({}), "Progressing", unseen),
        (&none, behind.clone(), "Progressing", unseen),
        (&suspended, behind, "Progressing", unseen),
        (&suspended, status(&["Ready=True"]), "Healthy", "about Ready"),
        (&suspended, status(&["Ready=False", "Stalled=True"]), "Degraded", "about Stalled"),
        (&none, status(&["Ready=False", "Stalled=True"]), "Degraded", "about Stalled"),
        (&none, status(&["Stalled=False", "Ready=True"]), "Healthy", "about Ready"),
        (&none, status(&["Accepted=True", "Ready=False"]), "Progressing", "about Ready"),
        (&none, status(&["Ready=Unknown"]), "Progressing", "about Ready"),
        (&none, status(&["Accepted=True"]), "Progressing", "Waiting for the condition Ready"),
        (&none, json!({ "observedGeneration": 2 }), "Progressing", "Waiting for the condition Ready"),
    ];
    for kind in Kind::ALL {
        for (spec, status, expected, message) in &cases {
            let object = object(kind, (*spec).clone(), status.clone());
            assert_eq!(health(&object), ((*expected).to_owned(), (*message).to_owned()), "{object}");
        }
    }
}

#[test]
fn a_spent_budget_or_a_silent_upstream_turns_no_application_red() {
    let over_budget = status(&["Ready=True", "WithinBudget=False"]);
    assert_eq!(health(&object(Kind::Key, json!({}), over_budget)).0, "Healthy");
    let silent = status(&["Reachable=False", "Ready=True"]);
    assert_eq!(health(&object(Kind::Provider, json!({}), silent)).0, "Healthy");
}

#[test]
fn the_config_map_for_argo_cd_holds_the_tested_script_for_every_kind() {
    let script = std::fs::read_to_string(folder().join("health.lua")).unwrap();
    let text = std::fs::read_to_string(folder().join("argocd-cm.yaml")).unwrap();
    let map: Value = serde_yaml::from_str(&text).unwrap();
    let wanted: serde_json::Map<String, Value> = Kind::ALL
        .into_iter()
        .map(|kind| (format!("resource.customizations.health.{GROUP}_{kind}"), script.clone().into()))
        .collect();
    assert_eq!(map["data"], Value::Object(wanted));
}
