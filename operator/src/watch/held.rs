//! What the stores hold of each kind, and what of it matters: a change of anything else wakes nobody.

use super::store::Held;
use super::trouble::trouble;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use std::sync::Arc;

/// One of our objects, or why it cannot be read: one that cannot must not keep its kind from being watched.
#[derive(Debug)]
pub struct Ours<K>(pub Arc<Result<Arc<K>, Unreadable>>);

/// An object that is not of its kind's form: it was stored under another version of the CRD. What is wrong with it is
/// not kept: serde's words quote values, and people put secrets where none belong.
#[derive(Debug)]
pub struct Unreadable {
    /// Which object.
    pub meta: ObjectMeta,
}

impl<K> Clone for Ours<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Resource<DynamicType = ()>> From<DeserializeGuard<K>> for Ours<K> {
    fn from(DeserializeGuard(read): DeserializeGuard<K>) -> Self {
        let read = read.map(|mut object| {
            object.meta_mut().managed_fields = None;
            Arc::new(object)
        });
        Self(Arc::new(read.map_err(|mut invalid| {
            invalid.metadata.managed_fields = None;
            let ObjectMeta { namespace, name, .. } = &invalid.metadata;
            tracing::warn!(kind = %K::kind(&()), namespace, name, "an object cannot be read, so it is left out");
            Unreadable { meta: invalid.metadata }
        })))
    }
}

impl<K: Resource> Held for Ours<K> {
    fn meta(&self) -> &ObjectMeta {
        match &*self.0 {
            Ok(object) => object.meta(),
            Err(unreadable) => &unreadable.meta,
        }
    }

    /// Status does not count: we write it.
    fn is_same(&self, other: &Self) -> bool {
        let (one, two) = (self.meta(), other.meta());
        one.uid == two.uid
            && one.generation == two.generation
            && one.labels == two.labels
            && one.annotations == two.annotations
            && one.deletion_timestamp == two.deletion_timestamp
            && self.0.is_ok() == other.0.is_ok()
    }
}

/// Metadata of a Secret or ConfigMap. They have no generation: every change counts.
pub type MetaOf<K> = Arc<PartialObjectMeta<K>>;

impl Held for MetaOf<Secret> {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn is_same(&self, other: &Self) -> bool {
        self.metadata.resource_version == other.metadata.resource_version
    }
}

impl Held for MetaOf<ConfigMap> {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn is_same(&self, other: &Self) -> bool {
        self.metadata.resource_version == other.metadata.resource_version
    }
}

impl Held for MetaOf<Namespace> {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn is_same(&self, other: &Self) -> bool {
        self.metadata.labels == other.metadata.labels
    }
}

impl Held for Arc<Pod> {
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn is_same(&self, other: &Self) -> bool {
        let ip = |pod: &Pod| pod.status.as_ref().and_then(|status| status.pod_ip.clone());
        self.metadata.uid == other.metadata.uid
            && self.metadata.labels == other.metadata.labels
            && self.metadata.deletion_timestamp == other.metadata.deletion_timestamp
            && ip(self) == ip(other)
            && is_ready(self) == is_ready(other)
            && trouble(self) == trouble(other)
    }
}

/// Whether the kubelet calls the pod ready.
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use weir_crds::LLMKey;

    fn read(spec: serde_json::Value) -> Ours<LLMKey> {
        let metadata =
            json!({ "name": "k", "namespace": "a", "uid": "1", "generation": 1, "managedFields": [] });
        let object = json!({ "apiVersion": "weir.dev/v1alpha1", "kind": "LLMKey", "metadata": metadata, "spec": spec });
        serde_json::from_value::<DeserializeGuard<LLMKey>>(object).unwrap().into()
    }

    #[test]
    fn an_object_that_cannot_be_read_is_named_and_nothing_of_it_is_kept() {
        let sound = read(json!({ "source": { "generate": { "secretName": "s" } }, "allowedModels": ["*"] }));
        let broken = read(json!({ "source": "weir_secret", "allowedModels": ["*"] }));
        assert!(sound.0.is_ok() && broken.0.is_err());
        assert_eq!(broken.meta().name.as_deref(), Some("k"));
        assert!(!format!("{broken:?}").contains("weir_secret"));
        assert!(!sound.is_same(&broken), "that it can be read again is news");
    }
}
