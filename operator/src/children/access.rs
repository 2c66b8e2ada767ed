//! Who a gateway's pods are to the API server, and what they may.

use super::{Owner, meta, name};
use crate::rbac::gateway_rules;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding, RoleRef, Subject};
use std::collections::BTreeMap;
use weir_crds::LLMGateway;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Its token is only in pods that ask for it.
pub(super) fn service_account(gateway: &LLMGateway, owner: &Owner) -> ServiceAccount {
    let nothing = BTreeMap::new();
    let annotations = gateway.spec.service_account.as_ref().map_or(&nothing, |account| &account.annotations);
    ServiceAccount {
        metadata: meta(owner, annotations),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

pub(super) fn role(owner: &Owner) -> Role {
    let metadata = meta(owner, &BTreeMap::new());
    Role { metadata, rules: Some(gateway_rules(&owner.name.name)) }
}

pub(super) fn role_binding(owner: &Owner) -> RoleBinding {
    let name = name(&owner.name.name);
    RoleBinding {
        metadata: meta(owner, &BTreeMap::new()),
        role_ref: RoleRef { api_group: RBAC.to_owned(), kind: "Role".to_owned(), name: name.clone() },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(owner.name.namespace.clone()),
            api_group: None,
        }]),
    }
}
