//! The loop against an API server that remembers who owns which field.

use super::*;
use crate::cluster::Scope;
use crate::fake_api::{Call, FakeApi, failure};
use crate::tasks::Tasks;
use crate::watch::{self as watches, Wakers};
use serde_json::{Value, json};
use weir_crds::API_VERSION;

/// In the order in which they are applied.
const KINDS: [&str; 6] = [
    "serviceaccounts",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "services",
    "poddisruptionbudgets.policy",
    "deployments.apps",
];
const CHILD: (&str, &str) = ("a", "main-gateway");
const MAIN: (&str, &str) = ("a", "main");

struct Life {
    api: FakeApi,
    outcomes: Arc<Outcomes>,
    picture: Arc<Picture>,
    leading: watch::Sender<bool>,
    _tasks: Tasks,
}

impl Life {
    /// A gateway, with `given` there before it.
    fn with(given: impl FnOnce(&FakeApi)) -> Self {
        let api = FakeApi::watched(&["a"]);
        given(&api);
        let metadata = json!({"namespace": "a", "name": "main", "generation": 1});
        let gateway =
            json!({"apiVersion": API_VERSION, "kind": "LLMGateway", "metadata": metadata, "spec": {}});
        api.create("llmgateways.weir.dev", gateway);
        let (mut tasks, wake) = (Tasks::default(), Wakers::default());
        let scope = Scope::new(&["a".to_owned()]);
        let picture = Arc::new(watches::start(&api.client(), &scope, &wake, &mut tasks));
        let outcomes = Arc::new(Outcomes::default());
        let (leading, leads) = watch::channel(true);
        let keeping = Keeping {
            client: api.client(),
            picture: Arc::clone(&picture),
            metrics: Arc::default(),
            settings: Settings { image: "weir-gateway:1".to_owned() },
            outcomes: Arc::clone(&outcomes),
            wake: wake.children,
            leading: leads,
        };
        tasks.spawn("keeping", keep(keeping));
        Self { api, outcomes, picture, leading, _tasks: tasks }
    }

    /// All of it applied, and the watches have told so.
    async fn applied() -> Self {
        let life = Self::with(|_| ());
        life.until("it is applied", |life| life.outcome().is_applied).await;
        life
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !is_so(self) {
            assert!(Instant::now() < deadline, "never came: {what}: {:?}", self.outcome());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn outcome(&self) -> Outcome {
        let name = ObjectName::new("a", "main");
        let gateway =
            self.picture.gateways.get(&name).and_then(|held| held.0.as_ref().as_ref().ok().cloned());
        gateway.and_then(|gateway| self.outcomes.of(&gateway)).unwrap_or_default()
    }

    fn spec(&self, spec: Value) {
        self.api.edit("llmgateways.weir.dev", MAIN, |gateway| gateway["spec"] = spec);
    }

    fn child(&self, kind: &str) -> Option<Value> {
        self.api.get(kind, CHILD)
    }

    fn made(&self) -> Vec<String> {
        self.api.writes().iter().filter(|call| call.verb == "create").map(Call::resource).collect()
    }
}

/// What nobody but us would change, of each kind.
fn spoil(child: &mut Value) {
    match child["kind"].as_str().unwrap() {
        "ServiceAccount" => child["automountServiceAccountToken"] = json!(true),
        "Role" => child["rules"] = json!([]),
        "RoleBinding" => child["subjects"] = json!([]),
        "Service" => child["spec"]["ports"] = json!([]),
        "PodDisruptionBudget" => child["spec"]["maxUnavailable"] = json!(7),
        "Deployment" => child["spec"]["template"]["spec"]["containers"] = json!([]),
        kind => panic!("{kind}"),
    }
}

/// Without what every write changes.
fn essence(child: &Value) -> Value {
    let mut child = child.clone();
    for field in ["resourceVersion", "managedFields", "generation", "uid", "creationTimestamp"] {
        child["metadata"].as_object_mut().unwrap().remove(field);
    }
    child
}

#[tokio::test(start_paused = true)]
async fn the_children_are_made_in_order_and_then_nothing_is_written() {
    let life = Life::applied().await;
    assert_eq!(life.made(), KINDS);
    assert_eq!(life.api.writes().len(), KINDS.len());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(life.api.writes().len(), KINDS.len());
}

#[tokio::test(start_paused = true)]
async fn what_a_hand_changes_or_deletes_is_put_right_within_a_second() {
    let life = Life::applied().await;
    for kind in KINDS {
        let before = life.child(kind).unwrap();
        let began = Instant::now();
        life.api.edit(kind, CHILD, spoil);
        assert_ne!(essence(&life.child(kind).unwrap()), essence(&before));
        life.until(kind, |life| essence(&life.child(kind).unwrap()) == essence(&before)).await;
        life.api.delete(kind, CHILD);
        life.until(kind, |life| life.child(kind).is_some_and(|child| essence(&child) == essence(&before)))
            .await;
        assert!(began.elapsed() < Duration::from_secs(1), "{kind}");
        life.until("it is said so", |life| life.outcome().is_applied).await;
    }
    let writes = life.api.writes().len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(life.api.writes().len(), writes, "our own echo is none");
}

#[tokio::test(start_paused = true)]
async fn what_others_add_is_theirs() {
    let life = Life::applied().await;
    let writes = life.api.writes().len();
    life.api.edit("deployments.apps", CHILD, |deployment| {
        deployment["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] =
            json!("now");
        deployment["status"] = json!({"replicas": 2, "updatedReplicas": 2});
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(life.api.writes().len(), writes);
}

#[tokio::test(start_paused = true)]
async fn s10_8_what_is_somebody_elses_is_left_alone_and_no_pod_is_made() {
    for kind in KINDS {
        let foreign = json!({"metadata": {"namespace": "a", "name": CHILD.1, "labels": {"mine": "yes"}}, "theirs": true});
        let life = Life::with(|api| drop(api.create(kind, foreign)));
        let before = life.child(kind).unwrap();
        life.until("it is said", |life| !life.outcome().findings.is_empty()).await;
        let findings = life.outcome().findings;
        assert_eq!((findings.len(), findings[0].code), (1, Code::NameTaken));
        assert!(findings[0].message.contains("main-gateway"), "{}", findings[0].message);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(life.child(kind), Some(before), "byte for byte");
        assert!(!life.outcome().is_applied);
        if kind != "deployments.apps" {
            assert_eq!(life.child("deployments.apps"), None);
        }
        life.api.delete(kind, CHILD);
        life.until("it is applied", |life| life.outcome().is_applied && life.outcome().findings.is_empty())
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn s10_8_what_the_watch_does_not_show_is_looked_at_before_anything_is_done() {
    let foreign = json!({"metadata": {"namespace": "a", "name": CHILD.1}, "theirs": true});
    let life = Life::applied().await;
    life.api.mute(true);
    life.api.delete("services", CHILD);
    let foreign = life.api.create("services", foreign);
    // A change of the gateway leads to the Service; what the watch knew of it is wrong.
    life.api.mute(false);
    life.spec(json!({"service": {"port": 8080}}));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(life.child("services"), Some(foreign));
}

#[tokio::test(start_paused = true)]
async fn a_change_is_applied_and_a_field_that_was_posted_is_handed_over_first() {
    let life = Life::applied().await;
    life.spec(json!({"image": {"reference": "weir-gateway:2"}}));
    let image = |life: &Life| {
        let deployment = life.child("deployments.apps").unwrap();
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].clone()
    };
    life.until("the image is the new one", |life| image(life) == "weir-gateway:2").await;
    let patches = || life.api.writes().iter().filter(|call| call.verb == "patch").count();
    assert_eq!(patches(), 2);
    life.until("it is said", |life| life.outcome().is_applied).await;
    life.spec(json!({"image": {"reference": "weir-gateway:3"}}));
    life.until("the image is the newest one", |life| image(life) == "weir-gateway:3").await;
    assert_eq!(patches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_nobody_needs_is_deleted_and_comes_again() {
    let life = Life::applied().await;
    life.spec(json!({"replicas": 1}));
    life.until("it is gone", |life| life.child("poddisruptionbudgets.policy").is_none()).await;
    life.until("it is said", |life| life.outcome().is_applied).await;
    life.spec(json!({"replicas": 2}));
    life.until("it is there", |life| life.child("poddisruptionbudgets.policy").is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_said_and_tried_again_with_patience() {
    let refused = failure(403, "Forbidden", "exceeded quota: services=0");
    let life = Life::with(|api| api.refuse("create", "a", refused));
    life.until("it is said", |life| life.outcome().refused.is_some()).await;
    let said = life.outcome().refused.unwrap();
    assert_eq!(said, "the API server refuses ServiceAccount main-gateway: exceeded quota: services=0");
    tokio::time::sleep(Duration::from_secs(600)).await;
    let tries = life.made().len();
    assert!((5..20).contains(&tries), "{tries}");
    life.api.refuse_nothing();
    life.until("it is applied", |life| life.outcome().is_applied).await;
    assert_eq!(life.outcome().refused, None);
}

#[tokio::test(start_paused = true)]
async fn s8_7_an_api_server_that_stumbles_is_no_news_unless_it_goes_on() {
    let life = Life::with(|api| api.refuse("create", "a", failure(500, "InternalError", "it is so")));
    life.until("it is tried", |life| life.made().len() == 1).await;
    assert_eq!(life.outcome().refused, None);
    life.until("it is said", |life| life.outcome().refused.is_some()).await;
    life.api.refuse_nothing();
    let began = Instant::now();
    life.until("it is applied", |life| life.outcome().is_applied).await;
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_cannot_be_read_leaves_the_pods_as_they_are() {
    let life = Life::applied().await;
    let (before, writes) = (life.child("deployments.apps"), life.api.writes().len());
    life.spec(json!({"pod": {"tolerations": [{"kee": "a"}]}, "image": {"reference": "weir-gateway:2"}}));
    life.until("it is said", |life| !life.outcome().findings.is_empty()).await;
    assert_eq!(life.outcome().findings[0].field, "spec.pod.tolerations[0].kee");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((life.child("deployments.apps"), life.api.writes().len()), (before, writes));
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_lead_writes_nothing() {
    let life = Life::applied().await;
    life.leading.send(false).unwrap();
    let writes = life.api.writes().len();
    life.api.delete("services", CHILD);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(life.api.writes().len(), writes);
    life.leading.send(true).unwrap();
    life.until("it is there again", |life| life.child("services").is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_gateway_that_goes_leaves_is_kubernetes_affair() {
    let life = Life::applied().await;
    life.api.delete("llmgateways.weir.dev", MAIN);
    let writes = life.api.writes().len();
    life.api.delete("services", CHILD);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(life.api.writes().len(), writes);
}
