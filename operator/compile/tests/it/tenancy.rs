//! Who may refer to what, and on whose bill (semantics S10.7).

use crate::load;
use serde_json::{Value, json};
use weir_compile::{Code, Kind, Output, compile};
use weir_config::ObjectName;

fn object(kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "weir.dev/v1alpha1", "kind": kind,
           "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

fn namespace(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

fn gateway(spec: Value) -> Value {
    object("LLMGateway", "platform", "default", spec)
}

fn provider(spec: Value) -> Value {
    let mut provider = object("LLMProvider", "platform", "mock", spec);
    provider["spec"]["vendor"] = json!("Mock");
    provider
}

/// In `team-a`, of the gateway and the provider in `platform`.
fn route() -> Value {
    let targets = json!([{"name": "main", "providerRef": {"name": "mock", "namespace": "platform"}}]);
    let gateway = json!({"name": "default", "namespace": "platform"});
    object("LLMRoute", "team-a", "chat", json!({"gatewayRef": gateway, "model": "chat", "targets": targets}))
}

fn key(tenant: Option<&str>) -> Value {
    let mut spec = json!({
        "gatewayRef": {"name": "default", "namespace": "platform"},
        "source": {"digests": [{"sha256": "1".repeat(64)}]},
        "allowedModels": ["*"],
    });
    if let Some(tenant) = tenant {
        spec["tenant"] = json!(tenant);
    }
    object("LLMKey", "team-a", "app", spec)
}

fn outcome(world: &[Value]) -> Output {
    compile(&load::input(world))
}

/// What is said of objects in `team-a`.
fn said_to_the_team(output: &Output) -> Vec<String> {
    let ours = output.findings.iter().filter(|finding| &*finding.object.1.namespace == "team-a");
    ours.map(ToString::to_string).collect()
}

fn codes(output: &Output, kind: Kind) -> Vec<Code> {
    let of_kind = output.findings.iter().filter(|finding| finding.object.0 == kind);
    of_kind.map(|finding| finding.code).collect()
}

/// The tenant under which the gateway takes the key.
fn tenant(output: &Output) -> Option<String> {
    let snapshot = &output.gateways[&ObjectName::new("platform", "default")];
    snapshot.keys.first().map(|key| key.tenant.to_string())
}

#[test]
fn s10_7_a_tenant_other_than_the_namespace_must_be_admitted_by_the_gateway() {
    let admitting =
        |tenants: Value| gateway(json!({"allowedNamespaces": {"keys": {"from": "All"}}, "tenants": tenants}));
    let research = |namespaces: Value| json!([{"name": "research", "namespaces": namespaces}]);
    for (asked, tenants, taken) in [
        (None, json!([]), Some("team-a")),
        (Some("team-a"), json!([]), Some("team-a")),
        (Some("research"), research(json!(["team-a", "team-b"])), Some("research")),
        (Some("research"), research(json!(["team-b"])), None),
        (Some("research"), json!([]), None),
        (Some("team-b"), research(json!(["team-a"])), None),
        (Some("platform"), json!([]), None),
        (None, research(json!(["team-a"])), Some("team-a")),
    ] {
        let output = outcome(&[admitting(tenants.clone()), key(asked)]);
        assert_eq!(tenant(&output).as_deref(), taken, "{asked:?} {tenants}");
        let refused = codes(&output, Kind::Key).contains(&Code::TenantNotAllowed);
        assert_eq!(refused, taken.is_none(), "{asked:?} {tenants}");
    }
}

#[test]
fn s10_7_that_a_tenant_exists_is_not_told_to_those_who_are_refused() {
    let admitting =
        |tenants: Value| gateway(json!({"allowedNamespaces": {"keys": {"from": "All"}}, "tenants": tenants}));
    let others = json!([{"name": "research", "namespaces": ["team-b"]}]);
    let refused = outcome(&[admitting(others), key(Some("research"))]);
    let missing = outcome(&[admitting(json!([])), key(Some("research"))]);
    assert_eq!(said_to_the_team(&refused), said_to_the_team(&missing));
}

#[test]
fn s10_7_a_provider_sends_only_labelled_secrets_where_labels_are_required() {
    let provider = object(
        "LLMProvider",
        "platform",
        "openai",
        json!({"vendor": "OpenAI", "credentials": {"apiKeySecretRef": {"name": "s", "key": "k"}}}),
    );
    let route = object(
        "LLMRoute",
        "platform",
        "chat",
        json!({"model": "chat", "targets": [{"name": "main", "providerRef": {"name": "openai"}}]}),
    );
    let secret = |labels: Value| {
        json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"k": "sk-fake"},
               "metadata": {"name": "s", "namespace": "platform", "labels": labels}})
    };
    for (required, labels, sent) in [
        (true, json!({"weir.dev/credential": "true"}), true),
        (true, json!({"weir.dev/credential": "false"}), false),
        (true, json!({}), false),
        (false, json!({}), true),
    ] {
        let flags = json!({"kind": "Flags", "requireCredentialLabel": required});
        let world = [flags, gateway(json!({})), provider.clone(), route.clone(), secret(labels.clone())];
        let output = outcome(&world);
        let snapshot = &output.gateways[&ObjectName::new("platform", "default")];
        assert_eq!(snapshot.credentials.len(), usize::from(sent), "{required} {labels}");
        let refused = codes(&output, Kind::Provider).contains(&Code::SecretNotLabelled);
        assert_eq!(refused, !sent, "{required} {labels}");
    }
}

#[test]
fn both_sides_must_agree_before_anything_attaches() {
    let team = namespace("team-a", json!({"team": "a"}));
    let selector = |team: &str| json!({"from": "Selector", "selector": {"matchLabels": {"team": team}}});
    for (routes, providers, served, targets) in [
        (json!({"from": "All"}), json!({"from": "All"}), 1, 1),
        (selector("a"), selector("a"), 1, 1),
        (selector("b"), selector("a"), 0, 0),
        (selector("a"), selector("b"), 1, 0),
        (json!({"from": "Same"}), json!({"from": "All"}), 0, 0),
        (json!({"from": "All"}), json!({}), 1, 0),
    ] {
        let gateway = gateway(json!({"allowedNamespaces": {"routes": routes}}));
        let provider = provider(json!({"allowedNamespaces": providers}));
        let output = outcome(&[team.clone(), gateway, provider, route()]);
        let snapshot = &output.gateways[&ObjectName::new("platform", "default")];
        let found: Vec<usize> = snapshot.routes.iter().map(|route| route.targets.len()).collect();
        assert_eq!((found.len(), found.iter().sum()), (served, targets), "{routes} {providers}");
    }
}

#[test]
fn a_refused_reference_reads_like_a_missing_one() {
    let refusing = [gateway(json!({})), provider(json!({}))];
    let team = [route(), key(None)];
    let refused = outcome(&[refusing.as_slice(), &team].concat());
    let missing = outcome(&team);
    assert_eq!(said_to_the_team(&refused), said_to_the_team(&missing));
    assert_eq!(refused.attachments.routes, missing.attachments.routes);
    assert_eq!(refused.attachments.keys, missing.attachments.keys);
    assert!(codes(&refused, Kind::Route).contains(&Code::NoMatchingGateway));
    assert!(codes(&refused, Kind::Route).contains(&Code::ProviderNotFound));
    let admitting = gateway(json!({"allowedNamespaces": {"routes": {"from": "All"}}}));
    let admitted = outcome(&[&[admitting][..], &team].concat());
    assert!(!codes(&admitted, Kind::Route).contains(&Code::NoMatchingGateway));
}

#[test]
fn a_namespace_that_nobody_described_matches_no_selector() {
    let selector = json!({"from": "Selector", "selector": {"matchLabels": {"team": "a"}}});
    let gateway = gateway(json!({"allowedNamespaces": {"routes": selector}}));
    assert!(codes(&outcome(&[gateway.clone(), route()]), Kind::Route).contains(&Code::NoMatchingGateway));
    let labelled = namespace("team-a", json!({"team": "a"}));
    assert!(!codes(&outcome(&[labelled, gateway, route()]), Kind::Route).contains(&Code::NoMatchingGateway));
}
