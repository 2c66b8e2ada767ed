//! The harness itself: what the other tests build on.

use crate::shared;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use weir_cluster::{Plane, wait};

const LIMIT: Duration = Duration::from_secs(60);

async fn make<K>(client: &Client, namespace: &str, object: Value) -> K
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>
        + serde::de::DeserializeOwned
        + serde::Serialize
        + Clone
        + std::fmt::Debug,
    K::DynamicType: Default,
{
    let object: K = serde_json::from_value(object).unwrap();
    Api::namespaced(client.clone(), namespace).create(&PostParams::default(), &object).await.unwrap()
}

async fn reader_of_config_maps(plane: &Plane, namespace: &str) -> String {
    let client = plane.admin().unwrap();
    make::<ServiceAccount>(&client, namespace, json!({ "metadata": { "name": "reader" } })).await;
    let rules = json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"] }]);
    make::<Role>(&client, namespace, json!({ "metadata": { "name": "reader" }, "rules": rules })).await;
    let binding = json!({
        "metadata": { "name": "reader" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader" },
        "subjects": [{ "kind": "ServiceAccount", "name": "reader" }],
    });
    make::<RoleBinding>(&client, namespace, binding).await;
    plane.token(namespace, "reader").await.unwrap()
}

fn code<T: std::fmt::Debug>(answer: kube::Result<T>) -> u16 {
    match answer.unwrap_err() {
        kube::Error::Api(status) => status.code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_service_account_may_do_what_its_role_says_and_no_more() {
    let plane = shared::plane().await;
    let (namespace, elsewhere) =
        (plane.namespace("rbac").await.unwrap(), plane.namespace("rbac").await.unwrap());
    assert_ne!(namespace, elsewhere);
    let token = reader_of_config_maps(plane, &namespace).await;
    let client = plane.client_with_token(&token).unwrap();
    let here: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    wait::until("the role counts", LIMIT, async || Ok(here.list(&Default::default()).await.ok()))
        .await
        .unwrap();
    let there: Api<ConfigMap> = Api::namespaced(client, &elsewhere);
    assert_eq!(code(there.list(&Default::default()).await), 403);
    assert_eq!(code(here.delete("kube-root-ca.crt", &DeleteParams::default()).await), 403);
}

#[tokio::test]
async fn kubectl_speaks_for_whom_a_kubeconfig_names() {
    let plane = shared::plane().await;
    let namespace = plane.namespace("kubectl").await.unwrap();
    let token = plane.token(&namespace, "default").await.unwrap();
    let whoami = |kubeconfig| {
        let mut kubectl = plane.kubectl();
        kubectl.args(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
        let output = kubectl.env("KUBECONFIG", kubeconfig).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(whoami(plane.kubeconfig_path()), "admin");
    let account = format!("system:serviceaccount:{namespace}:default");
    assert_eq!(whoami(plane.kubeconfig_for(&token).unwrap()), account);
}

#[tokio::test]
async fn controllers_and_scheduler_are_at_work() {
    let plane = shared::plane().await;
    let namespace = plane.namespace("deployment").await.unwrap();
    let client = plane.admin().unwrap();
    let deployment = json!({
        "metadata": { "name": "a" },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": "a" } },
            "template": {
                "metadata": { "labels": { "app": "a" } },
                "spec": { "containers": [{ "name": "a", "image": "a" }] },
            },
        },
    });
    make::<k8s_openapi::api::apps::v1::Deployment>(&client, &namespace, deployment).await;
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client, &namespace);
    // The scheduler says so: there is no node.
    let unschedulable = wait::until("a pod was looked at", LIMIT, async || {
        let conditions =
            pods.list(&Default::default()).await?.items.into_iter().filter_map(|pod| pod.status?.conditions);
        Ok(conditions.flatten().find(|condition| condition.type_ == "PodScheduled"))
    });
    assert_eq!(unschedulable.await.unwrap().reason.as_deref(), Some("Unschedulable"));
}

/// Who called what, from the audit log.
fn audited(plane: &Plane) -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(plane.audit_log()).unwrap();
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events.map(|event| (text(&event["user"]["username"]), text(&event["requestURI"]))).collect()
}

#[tokio::test]
async fn the_audit_log_holds_every_call_and_who_made_it() {
    let plane = shared::plane().await;
    let namespace = plane.namespace("audit").await.unwrap();
    let token = plane.token(&namespace, "default").await.unwrap();
    let secrets: Api<ConfigMap> = Api::namespaced(plane.client_with_token(&token).unwrap(), &namespace);
    assert_eq!(code(secrets.get("a").await), 403);
    let account = format!("system:serviceaccount:{namespace}:default");
    let call = (account, format!("/api/v1/namespaces/{namespace}/configmaps/a"));
    wait::until("the call is in the audit log", LIMIT, async || {
        Ok(audited(plane).contains(&call).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_api_server_comes_back_where_it_was_with_what_it_held() {
    let plane = Plane::start().await.unwrap();
    let (url, namespace) = (plane.url(), plane.namespace("outage").await.unwrap());
    assert_ne!(url, shared::plane().await.url(), "planes don't meet");
    let maps: Api<ConfigMap> = Api::namespaced(plane.admin().unwrap(), &namespace);
    let map = json!({ "metadata": { "name": "kept" }, "data": { "a": "b" } });
    make::<ConfigMap>(&plane.admin().unwrap(), &namespace, map).await;
    plane.stop_api_server();
    assert!(!matches!(maps.get("kept").await, Ok(_) | Err(kube::Error::Api(_))), "nobody answers");
    plane.start_api_server().await.unwrap();
    assert_eq!(plane.url(), url);
    assert_eq!(maps.get("kept").await.unwrap().data.unwrap()["a"], "b");
    // The controllers have found it again.
    plane.namespace("after").await.unwrap();
}
