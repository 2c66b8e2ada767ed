//! Whose an object is. What does not carry our owner reference is never written to (semantics S10.8).

use crate::names::{GATEWAY_LABEL, MANAGED_BY, WEIR};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use weir_config::ObjectName;
use weir_crds::{API_VERSION, Kind};

/// The object that others are made for; with it they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: ObjectName,
    /// Its identity: a name can be taken again.
    pub uid: String,
}

impl Owner {
    /// The metadata of an object called `name` that is made for this owner; `gateway`, of the same namespace, is
    /// whose configuration it is.
    pub fn child(&self, name: &str, gateway: &str) -> ObjectMeta {
        let mut made = self.made(name);
        made.labels.get_or_insert_default().insert(GATEWAY_LABEL.to_owned(), gateway.to_owned());
        made
    }

    /// The metadata of an object called `name` that is made for this owner and belongs to no gateway.
    pub fn made(&self, name: &str) -> ObjectMeta {
        ObjectMeta {
            namespace: Some(self.name.namespace.clone()),
            name: Some(name.to_owned()),
            labels: Some([(MANAGED_BY.to_owned(), WEIR.to_owned())].into()),
            owner_references: Some(vec![OwnerReference {
                api_version: API_VERSION.to_owned(),
                kind: self.kind.name().to_owned(),
                name: self.name.name.clone(),
                uid: self.uid.clone(),
                controller: Some(true),
                block_owner_deletion: None,
            }]),
            ..ObjectMeta::default()
        }
    }

    /// Whether `meta` is of an object that was made for this owner.
    pub fn owns(&self, meta: &ObjectMeta) -> bool {
        meta.owner_references.iter().flatten().any(|reference| reference.uid == self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_8_only_the_owners_uid_makes_an_object_ours() {
        let name = ObjectName::new("a", "default");
        let owner = Owner { kind: Kind::Gateway, name, uid: "1".to_owned() };
        let child = owner.child("default-config", "default");
        assert!(owner.owns(&child));
        let again = Owner { uid: "2".to_owned(), ..owner.clone() };
        assert!(!again.owns(&child), "a gateway that was deleted and made again is another");
        let labelled = ObjectMeta { owner_references: None, ..child };
        assert!(!owner.owns(&labelled), "labels are no proof");
    }
}
