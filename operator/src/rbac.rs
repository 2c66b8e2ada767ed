//! What a gateway's pods may ask of the API server: their own configuration and nothing else.
//!
//! What the operator itself may is in `charts/weir/files/operator-rules.yaml`, which the chart renders as it is. The
//! rules here are within those: Kubernetes lets nobody give away what he has not.

use k8s_openapi::api::rbac::v1::PolicyRule;
use weir_config::published::{index_name, part_names};

/// The rules of the Role, in the gateway's namespace, for the pods of `gateway`, an `LLMGateway`'s `metadata.name`.
///
/// The index is watched and never read by itself; a field selector on its name makes that a question which
/// `resourceNames` answer. Parts are only ever read by the names that the index gives; all that these can be are
/// listed, so that the Role stays as it is.
pub fn gateway_rules(gateway: &str) -> Vec<PolicyRule> {
    let parts = part_names(gateway);
    vec![
        rule("configmaps", &["list", "watch"], vec![index_name(gateway)]),
        rule("configmaps", &["get"], parts.config_maps),
        rule("secrets", &["get"], parts.secrets),
    ]
}

fn rule(resource: &str, verbs: &[&str], names: Vec<String>) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(names),
        verbs: verbs.iter().map(ToString::to_string).collect(),
        ..PolicyRule::default()
    }
}

#[cfg(test)]
mod tests;
