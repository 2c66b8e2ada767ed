//! A platform's namespace and a team's.

use crate::process::{KEY, PROVIDER, ROUTE, Up, folder, run, weir};
use std::fs;

/// What a platform team keeps: a gateway and an account, for namespaces with a label.
const PLATFORM: &str = "apiVersion: weir.dev/v1alpha1
kind: LLMGateway
metadata: {name: default, namespace: platform}
spec:
  allowedNamespaces:
    routes: {from: Selector, selector: {matchLabels: {llm: allowed}}}
    keys: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: team-a}}}
---
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: mock, namespace: platform}
spec: {vendor: Mock, allowedNamespaces: {from: All}}
";

const NAMESPACE: &str =
    "{apiVersion: v1, kind: Namespace, metadata: {name: team-a, labels: {llm: allowed}}}\n";

/// `manifest` in `team-a`, of the platform's gateway.
fn of_team(manifest: &str) -> String {
    manifest
        .replace("metadata:\n", "metadata:\n  namespace: team-a\n")
        .replace("spec:\n", "spec:\n  gatewayRef: {namespace: platform}\n")
        .replace("{name: mock}", "{name: mock, namespace: platform}")
}

#[test]
fn a_namespaces_label_attaches_its_routes_on_save() {
    let refused = NAMESPACE.replace("allowed", "refused");
    let folder = folder([
        ("platform.yaml", PLATFORM),
        ("route.yaml", &of_team(ROUTE)),
        ("key.yaml", &of_team(KEY)),
        ("namespace.yaml", &refused),
    ]);
    let up = Up::start(folder.path());
    assert_eq!(up.chat("chat").0, 404);
    fs::write(folder.path().join("namespace.yaml"), NAMESPACE).unwrap();
    assert!(up.hears("reloaded").contains("changed Namespace team-a"));
    assert_eq!(up.chat("chat").0, 200);
    fs::remove_file(folder.path().join("namespace.yaml")).unwrap();
    assert!(up.hears("reloaded").contains("removed Namespace team-a"));
    assert_eq!(up.chat("chat").0, 404);
}

#[test]
fn the_implied_gateway_is_where_routes_look_for_it_and_serves_them() {
    let provider = PROVIDER.replace("metadata:\n", "metadata:\n  namespace: team-a\n");
    let route = of_team(ROUTE).replace(", namespace: platform}", "}");
    let folder = folder([("all.yaml", [provider, route, of_team(KEY)].join("---\n").as_str())]);
    assert_eq!(Up::start(folder.path()).chat("chat").0, 200);
    let (code, out, _) = run(weir().arg("lint").arg(folder.path()));
    assert_eq!(code, Some(0), "{out}");
}

#[test]
fn lint_says_who_is_not_admitted_and_every_namespace_has_its_name_as_a_label() {
    let folder = folder([
        ("platform.yaml", PLATFORM),
        ("route.yaml", &of_team(ROUTE)),
        ("key.yaml", &of_team(KEY)),
        ("other.yaml", &of_team(KEY).replace("team-a", "team-b")),
    ]);
    let (code, out, _) = run(weir().arg("lint").arg(folder.path()));
    assert_eq!(code, Some(1));
    assert_eq!(out.matches("NoMatchingGateway").count(), 2, "{out}");
    assert!(out.contains("LLMRoute team-a/chat") && out.contains("LLMKey team-b/app"), "{out}");
    fs::write(folder.path().join("namespace.yaml"), NAMESPACE.replace("allowed", "true")).unwrap();
    let (_, out, _) = run(weir().arg("lint").arg(folder.path()));
    assert!(out.contains("Namespace team-a metadata.labels.llm: must be text: put it in quotes"), "{out}");
}
