//! The one right that no cluster grants by itself: the API server's towards kubelets, for logs and exec.

use crate::pki::KUBELET_CLIENT;
use anyhow::Result;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;

pub(super) async fn grant_api_server(client: &Client) -> Result<()> {
    let group = "rbac.authorization.k8s.io";
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": { "name": KUBELET_CLIENT },
        "roleRef": { "apiGroup": group, "kind": "ClusterRole", "name": "system:kubelet-api-admin" },
        "subjects": [{ "apiGroup": group, "kind": "User", "name": KUBELET_CLIENT }],
    }))?;
    Api::all(client.clone()).create(&PostParams::default(), &binding).await?;
    Ok(())
}
