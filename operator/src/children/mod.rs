//! What an LLMGateway runs as: its Deployment, and what that needs around it.
//!
//! [`build`] is pure and says what there should be; [`keep`](keep::keep) has it be so. A configuration never changes a
//! pod's template (semantics S8.7): nothing here knows routes, keys or credentials.
//!
//! All are called `<gateway>-gateway`, never `<gateway>`: a gateway called `default` must not meet the namespace's own
//! ServiceAccount.

mod access;
mod apply;
mod deployment;
mod keep;
mod parts;
mod resources;
pub mod rollout;
mod service;
mod standing;
mod written;

pub use keep::{Keeping, Outcome, Outcomes, keep};
pub use service::{address_of, port};

use crate::names::{GATEWAY_LABEL, NAME_LABEL};
use crate::publish::Owner;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::ResourceExt;
use std::collections::BTreeMap;
use weir_compile::Finding;
use weir_config::ObjectName;
use weir_crds::{Kind, LLMGateway};

/// What pods of a gateway are, in `app.kubernetes.io/name`.
const APP: &str = "weir-gateway";

/// What all gateways have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The image of those that name none.
    pub image: String,
}

/// Everything that one gateway needs in a cluster, but its configuration. Whoever applies it names each field, so that
/// none is forgotten.
#[derive(Debug, Clone, PartialEq)]
pub struct Children {
    /// Who its pods are to the API server.
    pub service_account: ServiceAccount,
    /// What they may: read their configuration.
    pub role: Role,
    /// That they may.
    pub role_binding: RoleBinding,
    /// Through which callers reach it.
    pub service: Service,
    /// That a drained node takes one pod at a time; none where there are fewer than two.
    pub disruption_budget: Option<PodDisruptionBudget>,
    /// Its pods.
    pub deployment: Deployment,
}

/// What `gateway` is to run as.
///
/// # Errors
/// Parts of it that Kubernetes would not take, one finding for each: nothing is changed of its pods meanwhile.
pub fn build(gateway: &LLMGateway, settings: &Settings) -> Result<Children, Vec<Finding>> {
    let owner = owner(gateway);
    Ok(Children {
        deployment: deployment::build(gateway, &owner, settings)?,
        service_account: access::service_account(gateway, &owner),
        role: access::role(&owner),
        role_binding: access::role_binding(&owner),
        service: service::build(gateway, &owner),
        disruption_budget: service::disruption_budget(gateway, &owner),
    })
}

/// Whose the children are.
pub fn owner(gateway: &LLMGateway) -> Owner {
    let name = ObjectName::new(gateway.namespace().unwrap_or_default(), gateway.name_any());
    Owner { kind: Kind::Gateway, name, uid: gateway.uid().unwrap_or_default() }
}

/// What every child is called.
pub fn name(gateway: &str) -> String {
    format!("{gateway}-gateway")
}

/// By which labels a gateway's pods are found, in the words of `kubectl --selector`.
pub fn selector(gateway: &str) -> String {
    let labels = pod_selector(gateway);
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

/// Never changes: a Deployment's selector cannot.
fn pod_selector(gateway: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(NAME_LABEL.to_owned(), APP.to_owned()), (GATEWAY_LABEL.to_owned(), gateway.to_owned())])
}

fn match_pods(gateway: &str) -> LabelSelector {
    LabelSelector { match_labels: Some(pod_selector(gateway)), ..LabelSelector::default() }
}

/// Labels of a child and of its pods.
fn labels(gateway: &str) -> BTreeMap<String, String> {
    use crate::names::{INSTANCE_LABEL, MANAGED_BY, WEIR};
    let mut labels = pod_selector(gateway);
    labels.insert(INSTANCE_LABEL.to_owned(), gateway.to_owned());
    labels.insert(MANAGED_BY.to_owned(), WEIR.to_owned());
    labels
}

/// The metadata of a child, with these annotations.
fn meta(owner: &Owner, annotations: &BTreeMap<String, String>) -> ObjectMeta {
    let gateway = &owner.name.name;
    let mut meta = owner.child(&name(gateway), gateway);
    meta.labels = Some(labels(gateway));
    meta.annotations = (!annotations.is_empty()).then(|| annotations.clone());
    meta
}

#[cfg(test)]
mod tests;
