//! Everything that the operator asks of the API server, asked of one that knows the chart's rules.

use super::*;
use crate::children::{Keeping, Settings, keep as keep_children};
use crate::cluster::Scope;
use crate::metrics::Metrics;
use crate::mint::{Patience, keep};
use crate::publish::{Owner, Shelf, Wanted};
use crate::report::events::News;
use crate::report::{Offer, Report, Status, Statuses};
use crate::secrets::Contents;
use crate::tasks::Tasks;
use crate::watch::{self, Picture, Wakers};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use weir_compile::{Input, compile};
use weir_config::{ObjectName, Snapshot};
use weir_crds::{Kind, LLMKey, LLMProviderStatus};

/// Who calls the API server. Whoever is new here is made to call below.
const CALLERS: &[&str] = &[
    "children/apply.rs",
    "cluster.rs",
    "lease.rs",
    "mint/mod.rs",
    "mint/write.rs",
    "publish/place.rs",
    "report/events.rs",
    "report/patch.rs",
    "secrets.rs",
    "watch/mod.rs",
];

#[test]
fn whoever_calls_the_api_server_is_known_to_the_test_of_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut callers = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            if path.is_dir() {
                folders.push(path);
            } else if !name.contains("tests") && !name.starts_with("fake_api") {
                let code = std::fs::read_to_string(&path).unwrap();
                let calls = ["Api::", "Recorder::new", "LeaseManagerBuilder::new"];
                callers.extend(calls.iter().any(|call| code.contains(call)).then_some(name));
            }
        }
    }
    let known: BTreeSet<String> = CALLERS.iter().map(ToString::to_string).collect();
    assert_eq!(callers, known, "have it call in this file, and see that the chart has its rules");
}

const NAMESPACE: &str = "a";
const CHILDREN: [&str; 6] = [
    "serviceaccounts",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "services",
    "poddisruptionbudgets.policy",
    "deployments.apps",
];

struct Operator {
    api: FakeApi,
    picture: Arc<Picture>,
    wake: Wakers,
    contents: Contents,
    metrics: Metrics,
    tasks: Tasks,
}

impl Operator {
    async fn start(namespaces: &[&str]) -> Self {
        let api = FakeApi::watched(namespaces);
        orphans(&api);
        reported(&api);
        let mut tasks = Tasks::default();
        let names: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
        let wake = Wakers::default();
        let picture = Arc::new(watch::start(&api.client(), &Scope::new(&names), &wake, &mut tasks));
        let (contents, metrics) = (Contents::default(), Metrics::default());
        let operator = Self { api, picture, wake, contents, metrics, tasks };
        operator.until("everything is listed", |it| it.picture.missing().is_empty()).await;
        operator
            .until("everything is watched", |it| {
                rights_used(&it.api, "watch") == rights_used(&it.api, "list")
            })
            .await;
        operator
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while !is_so(self) {
            assert!(tokio::time::Instant::now() < deadline, "never came: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn mint(&mut self, gateway: &str) {
        let spec = json!({"gatewayRef": {"name": gateway}, "source": {"generate": {"secretName": "app"}},
                          "allowedModels": ["*"]});
        let metadata = json!({"namespace": NAMESPACE, "name": "app", "uid": "uid-of-app"});
        let key =
            json!({"apiVersion": "weir.dev/v1alpha1", "kind": "LLMKey", "metadata": metadata, "spec": spec});
        let keys = [Arc::new(serde_json::from_value::<LLMKey>(key).unwrap())];
        let (client, wanted) = (self.api.client(), [ObjectName::new(NAMESPACE, "app")].into());
        let Self { picture, contents, metrics, .. } = self;
        contents.refresh(&client, picture, &wanted).await.unwrap();
        let kept = keep(&client, metrics, &keys, picture, contents, true, &mut Patience::default()).await;
        assert_eq!(kept.changed.len(), 1);
    }

    /// Children that are there already and of which the watch has yet to tell; then one fewer is wanted.
    async fn tend(&mut self) {
        let metadata = json!({"namespace": NAMESPACE, "name": "tended", "generation": 1});
        let gateway = json!({"apiVersion": "weir.dev/v1alpha1", "kind": "LLMGateway", "metadata": metadata, "spec": {}});
        let gateway = self.api.create("llmgateways.weir.dev", gateway);
        let uid = gateway["metadata"]["uid"].as_str().unwrap().to_owned();
        let owner = Owner { kind: Kind::Gateway, name: ObjectName::new(NAMESPACE, "tended"), uid };
        self.api.mute(true);
        for resource in CHILDREN {
            self.api.create(resource, json!({ "metadata": owner.child("tended-gateway", "tended") }));
        }
        self.api.mute(false);
        let (_leading, leads) = tokio::sync::watch::channel(true);
        let keeping = Keeping {
            client: self.api.client(),
            picture: Arc::clone(&self.picture),
            metrics: Arc::default(),
            settings: Settings { image: "weir-gateway:1".to_owned() },
            outcomes: Arc::default(),
            wake: Arc::clone(&self.wake.children),
            leading: leads,
        };
        let budget = |it: &Self| it.api.get("poddisruptionbudgets.policy", (NAMESPACE, "tended-gateway"));
        let applied = |it: &Self| {
            CHILDREN.iter().all(|resource| {
                let child = it.api.get(resource, (NAMESPACE, "tended-gateway")).unwrap();
                child["metadata"]["annotations"].is_object()
            })
        };
        let tended = async {
            self.until("all are applied", applied).await;
            let gateway = (NAMESPACE, "tended");
            self.api.edit("llmgateways.weir.dev", gateway, |it| it["spec"]["replicas"] = json!(1));
            self.until("one goes", |it| budget(it).is_none()).await;
        };
        tokio::select! {
            () = keep_children(keeping) => panic!("it never ends"),
            () = tended => {}
        }
    }

    async fn report(&self) {
        let (_leading, leads) = tokio::sync::watch::channel(true);
        let statuses = Statuses::new(Arc::new(Metrics::default()));
        let count = |verb: &str, group: &str| {
            let calls = self.api.calls().into_iter();
            calls.filter(|call| call.verb == verb && call.group == group).count()
        };
        let [first, second] = self::statuses(&self.api);
        let told = async {
            statuses.take(first);
            self.until("four Events", |_| count("create", "events.k8s.io") == 4).await;
            self.until("four are looked for", |_| count("get", "weir.dev") == 4).await;
            statuses.take(second);
            self.until("one of them again", |_| count("patch", "events.k8s.io") == 1).await;
        };
        tokio::select! {
            () = statuses.run(self.api.client(), "pod-0".to_owned(), leads) => panic!("it ends with its sender"),
            () = told => {}
        }
    }

    async fn publish(&self, shelf: &mut Shelf, max_body: &str) {
        let wanted = Wanted { snapshot: &snapshot(max_body), readers: &[], look: self.picture.look() };
        shelf.publish(&self.api.client(), &self.picture, &self.metrics, wanted).await.unwrap();
    }
}

fn offer(kind: Kind, name: &str, uid: String, status: Status) -> Offer {
    let words = |text: &str| text.to_owned();
    let news =
        News { is_warning: true, reason: words("NameTaken"), action: "NameTaken", note: words("it is") };
    let object = (kind, ObjectName::new(NAMESPACE, name));
    Offer {
        object,
        uid,
        version: words("1"),
        generation: 1,
        status: Arc::new(status),
        news: Some(news),
        may_wait: false,
    }
}

fn resource(kind: Kind) -> String {
    format!("{}.weir.dev", kind.plural())
}

fn an_empty(kind: Kind) -> Status {
    match kind {
        Kind::Gateway => Status::Gateway(Default::default()),
        Kind::Provider => Status::Provider(Default::default()),
        Kind::Route => Status::Route(Default::default()),
        Kind::Key => Status::Key(Default::default()),
    }
}

/// Of every kind one object that is there and one that is not; and the first provider once more, with the same Event.
fn statuses(api: &FakeApi) -> [Report; 2] {
    let uid = |kind| {
        let there = api.get(&resource(kind), (NAMESPACE, "there")).unwrap();
        there["metadata"]["uid"].as_str().unwrap().to_owned()
    };
    let [mut first, mut second] = [Report::default(), Report::default()];
    for kind in Kind::ALL {
        first.offers.push(offer(kind, "there", uid(kind), an_empty(kind)));
        first.offers.push(offer(kind, "gone", format!("uid-of-a-gone-{kind}"), an_empty(kind)));
    }
    let changed = LLMProviderStatus { model_count: Some(2), ..LLMProviderStatus::default() };
    second.offers.push(offer(Kind::Provider, "there", uid(Kind::Provider), Status::Provider(changed)));
    [first, second]
}

/// Objects that have a status.
fn reported(api: &FakeApi) {
    for kind in Kind::ALL {
        let metadata = json!({"namespace": NAMESPACE, "name": "there"});
        api.create(&resource(kind), json!({"kind": kind.name(), "metadata": metadata, "spec": {}}));
    }
}

fn rights_used(api: &FakeApi, verb: &str) -> BTreeSet<String> {
    api.calls().iter().filter(|call| call.verb == verb).map(Call::resource).collect()
}

fn owner() -> Owner {
    Owner {
        kind: Kind::Gateway,
        name: ObjectName::new(NAMESPACE, "default"),
        uid: "uid-of-default".to_owned(),
    }
}

fn snapshot(max_body: &str) -> Snapshot {
    let gateway = json!({"apiVersion": "weir.dev/v1alpha1", "kind": "LLMGateway",
                         "metadata": {"namespace": NAMESPACE, "name": "default"},
                         "spec": {"listener": {"maxBodyBytes": max_body}}});
    let input = Input { gateways: vec![serde_json::from_value(gateway).unwrap()], ..Input::default() };
    compile(&input).gateways.into_values().next().unwrap()
}

/// Parts that an earlier life left behind.
fn orphans(api: &FakeApi) {
    for (resource, name) in
        [("configmaps", "default-config-public-63"), ("secrets", "default-config-secret-63")]
    {
        let metadata = serde_json::to_value(owner().child(name, "default")).unwrap();
        api.create(resource, json!({ "metadata": metadata }));
    }
}

async fn lead_and_resign(api: &FakeApi) {
    let (leading, mut told) = tokio::sync::watch::channel(false);
    let held = crate::lease::hold(
        api.client(),
        crate::fake_api::OWN.to_owned(),
        crate::lease::Who::default(),
        leading,
    );
    let led = async move { drop(told.wait_for(|leads| *leads).await.unwrap()) };
    tokio::join!(held, led);
}

#[tokio::test(start_paused = true)]
async fn every_call_has_its_rule_and_every_rule_its_call() {
    let mut used = BTreeSet::new();
    for namespaces in [&["*"][..], &[NAMESPACE]] {
        let mut operator = Operator::start(namespaces).await;
        operator.mint("default").await;
        operator.mint("other").await;
        let mut shelf = Shelf::new(owner());
        operator.publish(&mut shelf, "1Mi").await;
        operator.publish(&mut shelf, "2Mi").await;
        operator.report().await;
        operator.tend().await;
        lead_and_resign(&operator.api).await;
        assert!(operator.api.get("configmaps", (NAMESPACE, "default-config-public-63")).is_none(), "swept");
        let rules = Rules::of_chart(namespaces);
        let refused: Vec<Call> = operator.api.calls().into_iter().filter(|call| !rules.allow(call)).collect();
        assert!(refused.is_empty(), "no rule for {refused:?}");
        used.extend(
            operator.api.calls().into_iter().map(|call| (call.group, call.plural, call.verb.to_owned())),
        );
        drop(operator.tasks);
    }
    let given = rights(Rules::of_chart(&[]).all());
    assert_eq!(
        given.difference(&used).collect::<Vec<_>>(),
        Vec::<&(String, String, String)>::new(),
        "nothing uses it"
    );
}
