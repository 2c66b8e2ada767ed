//! The rights that the chart gives: those of files/operator-rules.yaml, where they are needed, and no others.

use super::{ids, notes, one, rendered};
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};
use weir_cluster::world::OperatorRules;

const OPERATOR: [(&str, &str); 3] =
    [("kind", "ServiceAccount"), ("name", "weir-operator"), ("namespace", "models")];

/// Of what grants rights: the object's id and its rules.
fn granted(objects: &[Value]) -> Vec<(String, Vec<PolicyRule>)> {
    let roles = objects.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("Role"));
    let mut granted: Vec<_> =
        roles.map(|role| (super::id(role), serde_json::from_value(role["rules"].clone()).unwrap())).collect();
    granted.sort_by(|a, b| a.0.cmp(&b.0));
    granted
}

/// Every role is bound to the operator's account, by a binding of the same name and place, and to nobody else.
fn bound_to_the_operator(objects: &[Value]) {
    let of = |end: &str| {
        let found: Vec<&Value> =
            objects.iter().filter(|object| object["kind"].as_str().unwrap().ends_with(end)).collect();
        found
    };
    assert_eq!(of("Role").len(), of("Binding").len());
    for binding in of("Binding") {
        let role = &binding["roleRef"];
        let there = of("Role").into_iter().any(|object| {
            object["kind"] == role["kind"]
                && object["metadata"]["name"] == role["name"]
                && object["metadata"]["namespace"] == binding["metadata"]["namespace"]
        });
        assert!(there, "{binding}");
        let subject: Value =
            OPERATOR.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        assert_eq!(binding["subjects"], json!([subject]));
    }
}

#[test]
fn without_a_word_the_operator_has_rights_in_its_own_namespace_alone() {
    let (objects, rules) = (rendered(&json!({})), OperatorRules::read().unwrap());
    let expected =
        [("Role models/weir-operator", rules.watched), ("Role models/weir-operator-lease", rules.own)];
    assert_eq!(granted(&objects), expected.map(|(id, rules)| (id.to_owned(), rules)));
    bound_to_the_operator(&objects);
}

#[test]
fn named_namespaces_have_a_role_each_and_the_operators_own_has_only_the_lease() {
    let objects = rendered(&json!({ "watchNamespaces": ["a", "b"] }));
    let rules = OperatorRules::read().unwrap();
    let expected = [
        ("Role a/weir-operator.models", rules.watched.clone()),
        ("Role b/weir-operator.models", rules.watched),
        ("Role models/weir-operator-lease", rules.own),
    ];
    assert_eq!(granted(&objects), expected.map(|(id, rules)| (id.to_owned(), rules)));
    bound_to_the_operator(&objects);
}

#[test]
fn for_all_namespaces_there_is_one_cluster_role_that_may_read_namespaces_too() {
    let objects = rendered(&json!({ "watchNamespaces": ["*"] }));
    let rules = OperatorRules::read().unwrap();
    let expected = [
        ("ClusterRole /weir-operator.models", [rules.watched, rules.cluster].concat()),
        ("Role models/weir-operator-lease", rules.own),
    ];
    assert_eq!(granted(&objects), expected.map(|(id, rules)| (id.to_owned(), rules)));
    bound_to_the_operator(&objects);
}

#[tokio::test]
async fn one_is_told_what_the_operator_can_read() {
    let everywhere = notes(&json!({ "watchNamespaces": ["*"] })).await;
    assert!(everywhere.contains("EVERY SECRET AND CONFIGMAP OF THE CLUSTER"), "{everywhere}");
    let own = notes(&json!({})).await;
    assert!(own.contains("It watches models.") && !own.contains("EVERY"), "{own}");
    assert!(notes(&json!({ "watchNamespaces": ["a", "b"] })).await.contains("It watches a, b."));
}

#[test]
fn nothing_beyond_the_namespace_is_made_unless_it_is_asked_for() {
    let objects = rendered(&json!({ "crds": { "enabled": false } }));
    let expected = [
        "Deployment models/weir-operator",
        "Role models/weir-operator",
        "Role models/weir-operator-lease",
        "RoleBinding models/weir-operator",
        "RoleBinding models/weir-operator-lease",
        "ServiceAccount models/weir-operator",
    ];
    assert_eq!(ids(&objects), expected);
    assert_eq!(one(&objects, "ServiceAccount")["automountServiceAccountToken"], false);
}
