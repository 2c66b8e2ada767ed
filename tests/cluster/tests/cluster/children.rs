//! What the operator runs a gateway as, kept by it against whatever happens: on a real API server with its controllers,
//! and without a node, so that pods wait.

mod rollout;

use crate::rights::Audit;
use crate::stage::{Stage, says};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use weir_cluster::wait;
use weir_cluster::world::manifests::{GATEWAY, KEY, PROVIDER, ROUTE};
use weir_cluster::world::{Objects, SOON, condition, text};
use weir_crds::Kind;

const MAIN: (Kind, &str) = (Kind::Gateway, "main");
const CHILD: &str = "main-gateway";
/// Version, kind and plural of every child, in the order in which they are made.
const KINDS: [(&str, &str, &str); 6] = [
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("rbac.authorization.k8s.io/v1", "Role", "roles"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    ("v1", "Service", "services"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("apps/v1", "Deployment", "deployments"),
];
/// An object of each kind that somebody else made, called NAME.
pub(crate) const FOREIGN: [&str; 6] = [
    "{apiVersion: v1, kind: ServiceAccount, metadata: {name: NAME, labels: {team: a}}}",
    "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: NAME}, \
     rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]}",
    "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: NAME}, \
     roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: other}, subjects: []}",
    "{apiVersion: v1, kind: Service, metadata: {name: NAME}, spec: {selector: {app: other}, ports: [{port: 81}]}}",
    "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: NAME}, \
     spec: {minAvailable: 1, selector: {matchLabels: {app: other}}}}",
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: NAME}, spec: {replicas: 0, \
     selector: {matchLabels: {app: other}}, template: {metadata: {labels: {app: other}}, \
     spec: {containers: [{name: c, image: 'test.local/none:1'}]}}}}",
];
/// What a hand spoils of each kind.
const SPOILT: [&str; 6] = [
    r#"{"automountServiceAccountToken": true, "metadata": {"labels": {"weir.dev/gateway": "other"}}}"#,
    r#"{"rules": []}"#,
    r#"{"subjects": []}"#,
    r#"{"spec": {"selector": {"app": "other"}}, "metadata": {"labels": null}}"#,
    r#"{"spec": {"maxUnavailable": 7}}"#,
    r#"{"spec": {"replicas": 5, "template": {"spec": {"containers": [{"name": "gateway", "image": "test.local/other:1"}]}}}}"#,
];

/// One for each kind of child, in that order.
pub(crate) fn apis(objects: &Objects) -> Vec<Api<DynamicObject>> {
    KINDS.iter().map(|(version, kind, plural)| objects.any(version, kind, plural)).collect()
}

fn running(replicas: u8) -> String {
    GATEWAY.replace("replicas: 0", &format!("replicas: {replicas}"))
}

/// What stays of an object while nobody changes what is wanted of it.
fn essence(object: &DynamicObject) -> Value {
    let mut object = json!(object);
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for counted in ["resourceVersion", "generation", "managedFields", "uid", "creationTimestamp"] {
        metadata.remove(counted);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("deployment.kubernetes.io/revision");
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.retain(|name, _| !name.starts_with("clusterIP"));
    }
    object
}

impl Stage {
    async fn until_made(&self, api: &Api<DynamicObject>, name: &str) -> DynamicObject {
        wait::until("it is made", SOON, async || Ok(api.get_opt(name).await?)).await.unwrap()
    }

    async fn until_essence(&self, api: &Api<DynamicObject>, wanted: &Value) -> Duration {
        let began = Instant::now();
        let mut last = Value::Null;
        let found = wait::until("it is as before", SOON, async || {
            last = api.get_opt(CHILD).await?.as_ref().map(essence).unwrap_or_default();
            Ok((last == *wanted).then_some(()))
        });
        found.await.unwrap_or_else(|error| panic!("{error}: {last:#}, not {wanted:#}"));
        began.elapsed()
    }

    /// Waits until nothing has been written for two seconds.
    async fn until_rest(&self) {
        let mut before = usize::MAX;
        wait::until("the operator comes to rest", SOON, async || {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let writes = Audit::of(self.plane, &self.account).writes();
            Ok((std::mem::replace(&mut before, writes) == writes).then_some(()))
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_gateway_runs_as_its_children_and_says_where_it_is() {
    let stage = Stage::new("children").await;
    stage.apply(&[&running(2)]).await;
    let uid = stage.objects.get(MAIN.0, MAIN.1).await.unwrap()["metadata"]["uid"].clone();
    for (api, (_, kind, _)) in apis(&stage.objects).iter().zip(KINDS) {
        let child = stage.until_made(api, CHILD).await;
        let owners = json!(child.metadata.owner_references);
        assert_eq!((&owners[0]["uid"], &owners[0]["controller"]), (&uid, &json!(true)), "{kind}");
        assert_eq!(child.metadata.finalizers, None, "{kind}");
    }
    let address = format!("http://main-gateway.{}.svc", stage.objects.namespace);
    let has_pods = |object: &Value| object["status"]["replicas"] == 2;
    let gateway = stage.objects.until(MAIN, "two pods", has_pods).await.unwrap();
    assert_eq!(text(&gateway, "/status/address"), Some(address.as_str()));
    let selector = "app.kubernetes.io/name=weir-gateway,weir.dev/gateway=main";
    assert_eq!(text(&gateway, "/status/selector"), Some(selector));
    let pods = stage.objects.any("v1", "Pod", "pods");
    assert_eq!(pods.list(&ListParams::default().labels(selector)).await.unwrap().items.len(), 2);

    let kubectl = |arguments: &[&str]| {
        let output =
            stage.plane.kubectl().args(["-n", &stage.objects.namespace]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = kubectl(&["get", "llmgateways"]);
    let columns: Vec<&str> = listed.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(columns, ["NAME", "ADDRESS", "PODS", "ROUTES", "KEYS", "READY", "AGE"]);
    assert!(listed.contains(&address), "{listed}");
    kubectl(&["scale", "llmgateway", "main", "--replicas=1"]);
    let one = |object: &Value| object["status"]["replicas"] == 1;
    stage.objects.until(MAIN, "one pod", one).await.unwrap();
    let budgets = &apis(&stage.objects)[4];
    let gone = async || Ok(budgets.get_opt(CHILD).await?.is_none().then_some(()));
    wait::until("a budget for one pod goes", SOON, gone).await.unwrap();
    kubectl(&["scale", "llmgateway", "main", "--replicas=2"]);
    stage.until_made(budgets, CHILD).await;
}

#[tokio::test]
async fn what_a_hand_changes_or_deletes_of_a_child_is_put_right_at_once() {
    let stage = Stage::new("drift").await;
    stage.apply(&[&running(2)]).await;
    for (at, api) in apis(&stage.objects).iter().enumerate() {
        let kind = KINDS[at].1;
        let before = essence(&stage.until_made(api, CHILD).await);
        for turn in 0..2 {
            let spoil: Value = serde_json::from_str(SPOILT[at]).unwrap();
            let edited =
                PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
            let spoilt = api.patch(CHILD, &edited, &Patch::Strategic(&spoil)).await.unwrap();
            assert_ne!(essence(&spoilt), before, "{kind}");
            let took = stage.until_essence(api, &before).await;
            assert!(took < Duration::from_secs(5), "{kind}, edited {turn} times: {took:?}");
        }
        api.delete(CHILD, &DeleteParams::default()).await.unwrap();
        let took = stage.until_essence(api, &before).await;
        assert!(took < Duration::from_secs(5), "{kind}, deleted: {took:?}");
    }
    // By the subresource, as `kubectl scale` does; and by somebody who applies and insists.
    let deployments = &apis(&stage.objects)[5];
    let before = essence(&deployments.get(CHILD).await.unwrap());
    let scale = Patch::Merge(json!({ "spec": { "replicas": 7 } }));
    deployments.patch_scale(CHILD, &PatchParams::default(), &scale).await.unwrap();
    stage.until_essence(deployments, &before).await;
    let mine = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "spec": { "replicas": 9 } });
    deployments.patch(CHILD, &PatchParams::apply("somebody").force(), &Patch::Apply(&mine)).await.unwrap();
    stage.until_essence(deployments, &before).await;
    stage.until_rest().await;
}

#[tokio::test]
async fn what_others_add_to_a_child_is_theirs_and_nothing_is_written_without_a_change() {
    let stage = Stage::with("idle", &[&running(2), PROVIDER]).await;
    for api in apis(&stage.objects) {
        stage.until_made(&api, CHILD).await;
    }
    let deployments = &apis(&stage.objects)[5];
    let restarted = json!({ "spec": { "template": { "metadata": { "annotations": {
        "kubectl.kubernetes.io/restartedAt": "2027-01-31T00:00:00Z" }}}}});
    deployments.patch(CHILD, &PatchParams::default(), &Patch::Strategic(&restarted)).await.unwrap();
    stage.until_rest().await;
    let template = |object: DynamicObject| object.data["spec"]["template"].clone();
    let before = template(deployments.get(CHILD).await.unwrap());
    assert!(before["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].is_string());
    let writes = Audit::of(stage.plane, &stage.account).writes();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(Audit::of(stage.plane, &stage.account).writes(), writes);

    // Semantics S8.7: what configures restarts no pod.
    stage.apply(&[ROUTE, KEY]).await;
    stage.objects.until_ready(Kind::Key, "app").await.unwrap();
    assert_eq!(template(deployments.get(CHILD).await.unwrap()), before);
}

#[tokio::test]
async fn what_was_posted_is_taken_away_again() {
    let stage = Stage::new("posted").await;
    let selecting =
        running(1).replace("replicas: 1", "replicas: 1, pod: {nodeSelector: {a: b}}, service: {port: 81}");
    stage.apply(&[&selecting]).await;
    let (services, deployments) = (&apis(&stage.objects)[3], &apis(&stage.objects)[5]);
    let deployment = stage.until_made(deployments, CHILD).await;
    assert_eq!(deployment.data["spec"]["template"]["spec"]["nodeSelector"], json!({ "a": "b" }));
    stage.apply(&[&running(1)]).await;
    wait::until("neither is left", SOON, async || {
        let pod = deployments.get(CHILD).await?.data["spec"]["template"]["spec"].clone();
        let ports = services.get(CHILD).await?.data["spec"]["ports"].clone();
        let is_one = ports.as_array().is_some_and(|ports| ports.len() == 1) && ports[0]["port"] == 80;
        Ok((is_one && pod.get("nodeSelector").is_none()).then_some(()))
    })
    .await
    .unwrap();
}

/// As it was read, but for what its controllers write.
fn bytes(object: &DynamicObject) -> String {
    let mut object = json!(object);
    let is_controlled = object.as_object_mut().unwrap().remove("status").is_some();
    if is_controlled {
        let metadata = object["metadata"].as_object_mut().unwrap();
        for written in ["resourceVersion", "managedFields", "annotations"] {
            metadata.remove(written);
        }
    }
    object.to_string()
}

#[tokio::test]
async fn s10_8_a_foreign_object_of_any_childs_name_survives_byte_for_byte() {
    let stage = Stage::new("foreign").await;
    let apis = apis(&stage.objects);
    let names: Vec<String> = (0..KINDS.len()).map(|at| format!("g{at}")).collect();
    let mut before = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let child = format!("{name}-gateway");
        stage.apply(&[&FOREIGN[at].replace("NAME", &child)]).await;
        before.push(bytes(&apis[at].get(&child).await.unwrap()));
        stage.apply(&[&running(2).replace("name: main", &format!("name: {name}"))]).await;
    }
    for (at, name) in names.iter().enumerate() {
        let taken = stage.until_condition((Kind::Gateway, name), ("Programmed", "False", "NameTaken")).await;
        let message = text(condition(&taken, "Programmed").unwrap(), "/message").unwrap();
        assert!(message.contains(&format!("{} {name}-gateway", KINDS[at].1)), "{message}");
        assert!(says(&taken, "Ready", "False", "NameTaken") && condition(&taken, "Stalled").is_some());
    }
    // Longer than a name is tried again in.
    tokio::time::sleep(Duration::from_secs(11)).await;
    for (at, name) in names.iter().enumerate() {
        let child = format!("{name}-gateway");
        assert_eq!(bytes(&apis[at].get(&child).await.unwrap()), before[at], "{}", KINDS[at].1);
        if at != 5 {
            assert!(
                apis[5].get_opt(&child).await.unwrap().is_none(),
                "no pods beside a foreign {}",
                KINDS[at].1
            );
        }
        apis[at].delete(&child, &DeleteParams::default()).await.unwrap();
    }
    for name in &names {
        let child = format!("{name}-gateway");
        let all_made = async || {
            for api in &apis {
                let made = api.get_opt(&child).await?;
                if made.is_none_or(|made| made.metadata.owner_references.is_none()) {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        };
        wait::until("the name is free, so it is taken", SOON, all_made).await.unwrap();
    }
}

#[tokio::test]
async fn s10_8_whoever_applies_for_one_object_changes_no_other_of_its_name() {
    // What the operator relies on: a uid in what is applied is a condition.
    let stage = Stage::new("uid").await;
    let apis = apis(&stage.objects);
    for (at, api) in apis.iter().enumerate() {
        stage.apply(&[&FOREIGN[at].replace("NAME", "x")]).await;
        let before = api.get("x").await.unwrap();
        let (version, kind, _) = KINDS[at];
        let metadata = json!({ "uid": "00000000-0000-4000-8000-000000000000", "labels": { "taken": "yes" } });
        let other = json!({ "apiVersion": version, "kind": kind, "metadata": metadata });
        let refused = async |name: &str| {
            let answer = api.patch(name, &PatchParams::apply("weir").force(), &Patch::Apply(&other)).await;
            let Err(kube::Error::Api(status)) = answer else { panic!("{kind} {name}: {answer:?}") };
            *status
        };
        let of_another = refused("x").await;
        let field = of_another.details.unwrap().causes[0].field.clone();
        assert_eq!((of_another.code, field.as_str()), (422, "metadata.uid"), "{kind}");
        assert_eq!(refused("nobody").await.code, 409, "{kind}");
        assert_eq!(bytes(&api.get("x").await.unwrap()), bytes(&before), "{kind}");
        assert!(api.get_opt("nobody").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn with_a_gateway_go_all_its_children() {
    let stage = Stage::new("gone").await;
    stage.apply(&[&running(2)]).await;
    for api in apis(&stage.objects) {
        stage.until_made(&api, CHILD).await;
    }
    stage.objects.delete(MAIN.0, MAIN.1).await.unwrap();
    for (api, (_, kind, _)) in apis(&stage.objects).iter().zip(KINDS) {
        wait::until(kind, SOON, async || Ok(api.get_opt(CHILD).await?.is_none().then_some(())))
            .await
            .unwrap();
    }
    stage.until_rest().await;
    for (api, (_, kind, _)) in apis(&stage.objects).iter().zip(KINDS) {
        assert!(api.get_opt(CHILD).await.unwrap().is_none(), "{kind} came back");
    }
}
