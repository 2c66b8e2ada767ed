//! The LLMGateway that comes with a release: with it in one step, and its owner's from then on.

use super::install::{Release, kubectl};
use super::{one, rendered};
use serde_json::{Value, json};
use weir_cluster::Plane;
use weir_cluster::helm::chart;

fn values(body: &str) -> Value {
    let spec = json!({ "listener": { "maxBodyBytes": body } });
    json!({ "operator": { "replicas": 0 }, "gateway": { "create": true, "spec": spec } })
}

#[test]
fn it_is_a_hook_that_argo_cd_leaves_alone() {
    let objects = rendered(&values("64Mi"));
    let gateway = one(&objects, "LLMGateway");
    assert_eq!(gateway["metadata"]["name"], "default");
    assert_eq!(gateway["spec"]["listener"]["maxBodyBytes"], "64Mi");
    let annotations = &gateway["metadata"]["annotations"];
    assert_eq!(annotations["helm.sh/hook"], "post-install,post-upgrade");
    assert_eq!(annotations["helm.sh/hook-delete-policy"], "hook-failed", "by default it is deleted first");
    assert_eq!(annotations["argocd.argoproj.io/hook"], "Skip");
}

#[tokio::test]
async fn one_step_makes_the_kinds_and_a_gateway_which_no_later_step_touches() {
    let plane = Plane::start().await.unwrap();
    let release = Release::new(&plane).await;
    release.helm("install", &chart(), &values("64Mi")).unwrap();
    let first = release.get("llmgateway/default");
    let same = || {
        let now = release.get("llmgateway/default");
        assert_eq!(now["metadata"]["uid"], first["metadata"]["uid"]);
        assert_eq!(now["spec"]["listener"]["maxBodyBytes"], "64Mi");
        assert!(now["metadata"].get("deletionTimestamp").is_none());
    };
    same();
    let said = release.helm("upgrade", &chart(), &values("128Mi")).unwrap();
    assert!(said.contains("The LLMGateway default is yours"), "{said}");
    same();
    release.helm("upgrade", &chart(), &json!({ "operator": { "replicas": 0 } })).unwrap();
    same();
    release.uninstall();
    same();
    release.helm("install", &chart(), &values("128Mi")).unwrap();
    same();

    kubectl(&plane, &["-n", &release.namespace, "delete", "llmgateway/default"]);
    release.helm("upgrade", &chart(), &values("128Mi")).unwrap();
    assert_eq!(release.get("llmgateway/default")["spec"]["listener"]["maxBodyBytes"], "128Mi");
}

#[tokio::test]
async fn a_gateway_that_the_api_server_refuses_fails_the_step_and_says_why() {
    let plane = crate::shared::plane().await;
    let release = Release::new(plane).await;
    let mut wrong = values("1Ti");
    wrong["crds"] = json!({ "enabled": false });
    let said = release.helm("install", &chart(), &wrong).unwrap_err().to_string();
    assert!(said.contains("must be from 1Ki to 1Gi"), "{said}");
    wrong["gateway"]["spec"] = json!({});
    release.helm("upgrade", &chart(), &wrong).unwrap();
    assert_eq!(release.get("llmgateway/default")["metadata"]["name"], "default");
}
