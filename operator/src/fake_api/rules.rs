//! The chart's rules, and what they allow.

use super::call::Call;
use k8s_openapi::api::rbac::v1::PolicyRule;
use std::collections::BTreeMap;

const FILE: &str = include_str!("../../../charts/weir/files/operator-rules.yaml");
/// Where the operator itself is.
pub const OWN: &str = "weir-system";

pub struct Rules {
    pub watched: Vec<PolicyRule>,
    pub own: Vec<PolicyRule>,
    pub cluster: Vec<PolicyRule>,
    namespaces: Vec<String>,
}

impl Rules {
    /// Those of an operator that watches these namespaces.
    pub fn of_chart(namespaces: &[&str]) -> Self {
        let mut lists: BTreeMap<String, Vec<PolicyRule>> = serde_yaml::from_str(FILE).unwrap();
        let [watched, own, cluster] = ["watched", "own", "cluster"].map(|list| lists.remove(list).unwrap());
        assert!(lists.is_empty(), "the chart does not know {:?}", lists.keys());
        let namespaces = namespaces.iter().map(ToString::to_string).collect();
        Self { watched, own, cluster, namespaces }
    }

    pub fn all(&self) -> impl Iterator<Item = &PolicyRule> {
        self.watched.iter().chain(&self.own).chain(&self.cluster)
    }

    pub fn allow(&self, call: &Call) -> bool {
        let everywhere = self.namespaces.iter().any(|name| name == "*");
        let watched = match &call.namespace {
            Some(namespace) => everywhere || self.namespaces.contains(namespace),
            None => everywhere,
        };
        let own = call.namespace.as_deref() == Some(OWN);
        let lists = [(watched, &self.watched), (own, &self.own), (everywhere, &self.cluster)];
        lists.into_iter().any(|(counts, rules)| counts && rules.iter().any(|rule| covers(rule, call)))
    }
}

/// Whether `rule` allows `call`, wherever it holds. A POST has no name, nor has a list without a field selector, which
/// is not asked for here.
pub fn covers(rule: &PolicyRule, call: &Call) -> bool {
    let has = |list: &Option<Vec<String>>, value: &str| list.iter().flatten().any(|it| it == value);
    let names = rule.resource_names.as_ref().filter(|names| !names.is_empty());
    has(&rule.api_groups, &call.group)
        && has(&rule.resources, &call.plural)
        && rule.verbs.iter().any(|verb| verb == call.verb)
        && names.is_none_or(|names| {
            call.verb != "create" && call.name.as_ref().is_some_and(|name| names.contains(name))
        })
}
