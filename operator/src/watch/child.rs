//! What the stores hold of gateways' children: by what one sees that they are as the operator wrote them, and of some
//! how they fare.

use super::store::Held;
use crate::names::FIELD_MANAGER;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::core::PartialObjectMeta;
use std::sync::Arc;

/// A child of a gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Child<S> {
    /// Its metadata, managed fields with it.
    pub meta: ObjectMeta,
    /// How it fares.
    pub state: S,
}

/// Nothing but metadata is looked at.
pub type BareChild = Arc<Child<()>>;
/// A Service.
pub type ServiceChild = Arc<Child<Ingress>>;
/// A Deployment.
pub type DeploymentChild = Arc<Child<Progress>>;

/// Where a Service's load balancer is, once it has an address or a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ingress(pub Option<String>);

/// How far a Deployment has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Its controller has seen the present spec.
    pub is_observed: bool,
    /// How many pods it is to have.
    pub wanted: i32,
    /// Its pods, but those that are going.
    pub replicas: i32,
    /// Those of the present template.
    pub updated: i32,
    /// Those that are ready.
    pub ready: i32,
    /// What its controller says has gone wrong: a reason and a message.
    pub failure: Option<(String, String)>,
}

impl<S: Clone + PartialEq> Held for Arc<Child<S>> {
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    /// Whose it is, what we own of it, and how it fares. Most of what controllers write besides is no news.
    fn is_same(&self, other: &Self) -> bool {
        let (one, two) = (&self.meta, &other.meta);
        one.uid == two.uid
            && one.deletion_timestamp == two.deletion_timestamp
            && one.owner_references == two.owner_references
            && one.annotations == two.annotations
            && one.labels == two.labels
            && owned(one).eq(owned(two))
            && self.state == other.state
    }
}

/// What the operator owns of an object, in the words of server-side apply.
pub fn owned(meta: &ObjectMeta) -> impl Iterator<Item = &ManagedFieldsEntry> {
    meta.managed_fields.iter().flatten().filter(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.subresource.as_deref().unwrap_or("").is_empty()
    })
}

/// From what a watch of metadata tells.
pub(super) fn bare<K>(object: PartialObjectMeta<K>) -> BareChild {
    Arc::new(Child { meta: object.metadata, state: () })
}

pub(super) fn service(object: Service) -> ServiceChild {
    let ingress = object.status.and_then(|status| status.load_balancer?.ingress?.into_iter().next());
    let host = ingress.and_then(|ingress| ingress.hostname.or(ingress.ip)).filter(|host| !host.is_empty());
    Arc::new(Child { meta: object.metadata, state: Ingress(host) })
}

pub(super) fn deployment(object: Deployment) -> DeploymentChild {
    let status = object.status.unwrap_or_default();
    let state = Progress {
        is_observed: status.observed_generation.is_some()
            && status.observed_generation >= object.metadata.generation,
        wanted: object.spec.and_then(|spec| spec.replicas).unwrap_or(1),
        replicas: status.replicas.unwrap_or_default(),
        updated: status.updated_replicas.unwrap_or_default(),
        ready: status.ready_replicas.unwrap_or_default(),
        failure: failure(status.conditions.as_deref().unwrap_or_default()),
    };
    Arc::new(Child { meta: object.metadata, state })
}

/// That pods are refused says more than that nothing goes on.
fn failure(conditions: &[DeploymentCondition]) -> Option<(String, String)> {
    let find = |type_: &str, status: &str| {
        conditions.iter().find(|condition| condition.type_ == type_ && condition.status == status)
    };
    let condition = find("ReplicaFailure", "True").or_else(|| find("Progressing", "False"))?;
    let reason = condition.reason.clone().unwrap_or_else(|| condition.type_.clone());
    Some((reason, condition.message.clone().unwrap_or_default()))
}
