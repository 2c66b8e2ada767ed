//! `helm uninstall`: the operator goes; what people made stays, and what that owns, and goes on serving.

use super::{Weir, lives, weir};
use anyhow::Result;
use std::collections::BTreeSet;
use weir_cluster::node::pods::SOON;
use weir_cluster::wait;

/// Everything in the namespace that somebody made: neither what Kubernetes makes in each, nor what passes.
async fn all(weir: &Weir) -> Result<BTreeSet<String>> {
    let kinds = "llmgateways,llmproviders,llmroutes,llmkeys,deployments,services,serviceaccounts,roles,rolebindings,\
                 poddisruptionbudgets,configmaps,secrets,leases,jobs,statefulsets,daemonsets";
    let said = weir.kubectl(&["get", kinds, "--output=name"]).await?;
    let made_by_kubernetes = ["serviceaccount/default", "configmap/kube-root-ca.crt"];
    let names = said.lines().filter(|name| !made_by_kubernetes.contains(name));
    Ok(names.map(str::to_owned).collect())
}

#[tokio::test]
async fn helm_uninstall_leaves_peoples_objects_and_gateways_that_go_on_serving() {
    let weir = weir("uninstall").await;
    let (service, pods) = (weir.service().await.unwrap(), weir.until_two_pods().await.unwrap());
    let arguments = ["uninstall", "weir", "-n", weir.namespace(), "--wait"];
    weir.helm.run(&arguments, &serde_json::json!({})).unwrap();
    wait::until("the operator's pods are gone", SOON, async || {
        let left = weir.node().pods(weir.namespace(), "app.kubernetes.io/component=operator").await?;
        Ok(left.is_empty().then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(weir.ask(&service, "chat").await.unwrap(), 200);
    assert_eq!(lives(&weir.pods().await.unwrap()), lives(&pods));

    wait::until("the operator's Lease is gone", SOON, async || {
        Ok((!all(&weir).await?.contains("lease.coordination.k8s.io/weir-operator")).then_some(()))
    })
    .await
    .unwrap();
    let left = all(&weir).await.unwrap();
    let (of_configuration, others): (BTreeSet<&str>, BTreeSet<&str>) =
        left.iter().map(String::as_str).partition(|name| {
            name.starts_with("configmap/default-config") || name.starts_with("secret/default-config")
        });
    assert!(of_configuration.contains("configmap/default-config"), "{left:?}");
    let expected = [
        "deployment.apps/default-gateway",
        "llmgateway.weir.dev/default",
        "llmkey.weir.dev/quickstart",
        "llmprovider.weir.dev/flaky",
        "llmprovider.weir.dev/steady",
        "llmroute.weir.dev/chat",
        "poddisruptionbudget.policy/default-gateway",
        "role.rbac.authorization.k8s.io/default-gateway",
        "rolebinding.rbac.authorization.k8s.io/default-gateway",
        "secret/quickstart-llm",
        "service/default-gateway",
        "serviceaccount/default-gateway",
    ];
    assert_eq!(others, BTreeSet::from(expected));
    let kinds = weir.node().kubectl(&["get", "crds", "--output=name"]).await.unwrap();
    assert_eq!(kinds.matches(".weir.dev").count(), 4, "{kinds}");
}
