//! The objects by name, each once: the form in which the rest of compile meets them.

use crate::codes::Code;
use crate::finding::{Finding, Report};
use crate::values::{is_label, is_object_name};
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_config::ObjectName;
use weir_crds::Kind;

/// One object and what decides conflicts about it.
pub(crate) struct Node<'a, K> {
    pub(crate) name: ObjectName,
    pub(crate) created: Option<Timestamp>,
    pub(crate) object: &'a K,
}

impl<K> Node<'_, K> {
    /// The order in which conflicts are won: the oldest first, then by name. Objects that come from files have
    /// no age and go first, as they did before they came into a cluster.
    pub(crate) fn seniority(&self) -> (Option<Timestamp>, &ObjectName) {
        (self.created, &self.name)
    }
}

/// All objects of one kind.
pub(crate) type Index<'a, K> = BTreeMap<ObjectName, Node<'a, K>>;

/// Names `objects`; reports those that cannot be named and those that are there twice.
pub(crate) fn index<'a, K>(kind: Kind, objects: &'a [Arc<K>], findings: &mut Vec<Finding>) -> Index<'a, K>
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let mut index = Index::new();
    for object in objects {
        let name = name(&**object);
        let mut report = Report::on(kind, &name);
        let created = object.meta().creation_timestamp.as_ref().map(|time| time.0);
        let node = Node { name: name.clone(), created, object: &**object };
        if !is_nameable(&name) {
            report.add(
                Code::InvalidValue,
                "metadata.name",
                "name and namespace must be DNS names (lower-case letters, digits, - and, in the name, dots), \
                 so the object is left out; rename it",
            );
        } else if let Some(other) = index.remove(&name) {
            report.add(
                Code::DuplicateObject,
                "metadata.name",
                format!(
                    "several manifests are called {name}, one of them applies; rename or remove the others"
                ),
            );
            index.insert(name, first(node, other));
        } else {
            index.insert(name, node);
        }
        findings.extend(report.into_findings());
    }
    index
}

fn name<K: Resource>(object: &K) -> ObjectName {
    let meta = object.meta();
    let namespace = meta.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    ObjectName::new(namespace.unwrap_or("default"), meta.name.as_deref().unwrap_or_default())
}

/// Whether an API server would take the name; it ends up in headers, logs and labels.
fn is_nameable(name: &ObjectName) -> bool {
    is_label(&name.namespace) && is_object_name(&name.name)
}

/// The older one; of equal age the one whose text sorts first, so that the order of files does not matter.
fn first<'a, K: Serialize>(one: Node<'a, K>, other: Node<'a, K>) -> Node<'a, K> {
    let order = |node: &Node<'a, K>| (node.created, serde_json::to_string(node.object).unwrap_or_default());
    if order(&one) <= order(&other) { one } else { other }
}
