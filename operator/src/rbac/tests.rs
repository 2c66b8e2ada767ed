use super::*;
use crate::fake_api::{Call, FakeApi, Rules};
use std::collections::BTreeSet;

mod calls;

/// Every verb that a rule may name.
const VERBS: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];

fn is_least(rule: &PolicyRule) {
    assert!(rule.non_resource_urls.is_none(), "{rule:?}");
    assert!(rule.verbs.iter().all(|verb| VERBS.contains(&verb.as_str())), "{rule:?}");
    let named = [&rule.api_groups, &rule.resources, &rule.resource_names].map(|list| list.iter().flatten());
    for word in named.into_iter().flatten() {
        assert!(!word.contains('*'), "{rule:?}");
        let never = ["pods/", "serviceaccounts/", "nodes", "customresourcedefinitions", "finalizers"];
        assert!(!never.iter().any(|never| word.contains(never)), "{rule:?}");
    }
    assert!(
        rule.api_groups.iter().flatten().next().is_some() && rule.resources.iter().flatten().next().is_some()
    );
}

#[test]
fn s10_9_no_rule_has_a_wildcard_or_a_verb_by_which_rights_grow() {
    let rules = Rules::of_chart(&[]);
    rules.all().for_each(is_least);
    gateway_rules("default").iter().for_each(is_least);
}

/// Every (group, resource, verb) of a rule.
fn rights<'a>(rules: impl Iterator<Item = &'a PolicyRule>) -> BTreeSet<(String, String, String)> {
    let mut rights = BTreeSet::new();
    for rule in rules {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                rights.extend(rule.verbs.iter().map(|verb| (group.clone(), resource.clone(), verb.clone())));
            }
        }
    }
    rights
}

#[test]
fn s10_9_a_gateways_pods_get_no_right_that_the_operator_lacks_so_that_it_needs_no_escalate() {
    let own = Rules::of_chart(&[]);
    assert!(
        own.watched.iter().all(|rule| rule.resource_names.is_none()),
        "else names would have to be compared"
    );
    let given = gateway_rules("default");
    assert!(rights(given.iter()).is_subset(&rights(own.watched.iter())));
}

#[test]
fn s10_9_a_gateways_pods_read_their_own_configuration_and_no_others() {
    let rules = gateway_rules("default");
    let asks = |verb, plural: &str, name: &str| {
        let name = Some(name.to_owned());
        let namespace = Some("a".to_owned());
        let call = Call { verb, plural: plural.to_owned(), namespace, name, ..Call::default() };
        rules.iter().any(|rule| crate::fake_api::covers(rule, &call))
    };
    assert!(["list", "watch"].iter().all(|verb| asks(verb, "configmaps", "default-config")));
    assert!(asks("get", "configmaps", "default-config-public-00"));
    assert!(asks("get", "secrets", "default-config-secret-63"));
    for (verb, plural, name) in [
        ("get", "secrets", "other-config-secret-00"),
        ("get", "secrets", "app"),
        ("list", "secrets", "default-config-secret-00"),
        ("get", "secrets", "default-config-secret-64"),
        ("update", "configmaps", "default-config"),
        ("get", "configmaps", "kube-root-ca.crt"),
    ] {
        assert!(!asks(verb, plural, name), "{verb} {plural} {name}");
    }
    assert!(rules.iter().all(|rule| rule.resource_names.as_ref().is_some_and(|names| !names.is_empty())));
}
