//! The rights of operator and gateways, as the chart gives them: from the same files and functions.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding};
use kube::api::PostParams;
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;

/// `charts/weir/files/operator-rules.yaml`.
#[derive(Debug, Deserialize)]
pub struct OperatorRules {
    /// In every watched namespace.
    pub watched: Vec<PolicyRule>,
    /// In the operator's own namespace.
    pub own: Vec<PolicyRule>,
    /// Only where all namespaces are watched.
    pub cluster: Vec<PolicyRule>,
}

impl OperatorRules {
    /// Reads the file.
    ///
    /// # Errors
    /// It is not there, or holds something else.
    pub fn read() -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/weir/files/operator-rules.yaml");
        Ok(serde_yaml::from_str(&std::fs::read_to_string(&path).context(path.display().to_string())?)?)
    }
}

/// Makes a service account; that it is there already is fine.
pub async fn account(client: &Client, namespace: &str, name: &str) -> Result<()> {
    let account: ServiceAccount = serde_json::from_value(json!({ "metadata": { "name": name } }))?;
    created(Api::namespaced(client.clone(), namespace).create(&PostParams::default(), &account).await)
}

/// Gives `account`, `namespace/name`, these rights in `at`.
pub async fn grant(client: &Client, at: &str, name: &str, account: (&str, &str), rules: &[PolicyRule]) -> Result<()> {
    let role: Role = serde_json::from_value(json!({ "metadata": { "name": name }, "rules": rules }))?;
    created(Api::namespaced(client.clone(), at).create(&PostParams::default(), &role).await)?;
    let binding: RoleBinding = serde_json::from_value(binding(name, "Role", account))?;
    created(Api::namespaced(client.clone(), at).create(&PostParams::default(), &binding).await)
}

/// The same in every namespace.
pub async fn grant_everywhere(client: &Client, name: &str, account: (&str, &str), rules: &[PolicyRule]) -> Result<()> {
    let role: ClusterRole = serde_json::from_value(json!({ "metadata": { "name": name }, "rules": rules }))?;
    created(Api::all(client.clone()).create(&PostParams::default(), &role).await)?;
    let binding: ClusterRoleBinding = serde_json::from_value(binding(name, "ClusterRole", account))?;
    created(Api::all(client.clone()).create(&PostParams::default(), &binding).await)
}

fn binding(name: &str, kind: &str, (namespace, account): (&str, &str)) -> serde_json::Value {
    json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name },
        "subjects": [{ "kind": "ServiceAccount", "namespace": namespace, "name": account }],
    })
}

fn created<K>(made: kube::Result<K>) -> Result<()> {
    match made {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        Err(error) => Err(error.into()),
    }
}
