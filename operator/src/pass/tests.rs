//! What makes a pass worthwhile though none of our objects changed, against an API server that tells by watches.

mod formats;

use super::*;
use crate::cluster::Scope;
use crate::fake_api::FakeApi;
use crate::tasks::Tasks;
use crate::watch::{self, TOLD, Wakers};
use serde_json::{Value, json};
use tokio::sync::Notify;
use weir_crds::API_VERSION;

struct Life {
    api: FakeApi,
    world: World,
    _tasks: Tasks,
}

fn object(kind: Kind, name: &str, spec: Value) -> Value {
    json!({"apiVersion": API_VERSION, "kind": kind.name(), "metadata": {"namespace": "a", "name": name}, "spec": spec})
}

fn secret(name: &str, value: &str) -> Value {
    json!({"metadata": {"namespace": "a", "name": name}, "data": {"apiKey": value}})
}

impl Life {
    /// A gateway with a route, an account whose credential is in Secret `account`, and a key to be generated; all of
    /// it published, and the watch has told so.
    async fn published() -> Self {
        let api = FakeApi::watched(&["*"]);
        let credentials = json!({"apiKeySecretRef": {"name": "account", "key": "apiKey"}});
        let target = json!({"name": "t", "providerRef": {"name": "p"}, "model": "m"});
        api.create("llmgateways.weir.dev", object(Kind::Gateway, "default", json!({})));
        let provider = json!({"vendor": "OpenAI", "credentials": credentials});
        api.create("llmproviders.weir.dev", object(Kind::Provider, "p", provider));
        let route = json!({"model": "chat", "targets": [target]});
        api.create("llmroutes.weir.dev", object(Kind::Route, "r", route));
        let key = json!({"source": {"generate": {"secretName": "minted"}}, "allowedModels": ["*"]});
        api.create("llmkeys.weir.dev", object(Kind::Key, "k", key));
        api.create("secrets", secret("account", "b25l"));
        let mut life = Self::begun(api).await;
        life.pass().await;
        assert!(life.api.get("configmaps", ("a", "default-config")).is_some(), "else this shows nothing");
        assert!(life.api.get("secrets", ("a", "minted")).is_some());
        life
    }

    /// An operator that has seen everything and done nothing yet.
    async fn begun(api: FakeApi) -> Self {
        let (mut tasks, metrics) = (Tasks::default(), Arc::new(Metrics::default()));
        let scope = Scope::new(&["*".to_owned()]);
        let picture = Arc::new(watch::start(&api.client(), &scope, &Wakers::default(), &mut tasks));
        let acks = Arc::new(Acks::new(Arc::new(Notify::new())));
        let statuses = Arc::new(Statuses::new(Arc::clone(&metrics)));
        let world = World::new(api.client(), picture, metrics, acks, statuses, Arc::default(), false);
        let mut life = Self { api, world, _tasks: tasks };
        life.until(|life| life.world.is_complete()).await;
        life
    }

    /// What the gateway is to run.
    fn index(&self) -> Value {
        self.api.get("configmaps", ("a", "default-config")).unwrap()
    }

    /// A pass, another if it has to look at everything first, and then the watch tells of all that they wrote.
    async fn pass(&mut self) {
        let before = self.world.picture.look();
        let is_told = |life: &mut Self| !life.world.is_stale() && life.world.look_again().is_none();
        self.world.pass().await.unwrap();
        self.until(|life| is_told(life) || life.world.picture.look() > before).await;
        if self.world.picture.look() > before {
            self.world.pass().await.unwrap();
            self.until(is_told).await;
        }
    }

    /// Until it has looked at everything anew.
    async fn looks(&mut self) {
        let before = self.world.picture.look();
        self.until(|life| life.world.picture.look() > before).await;
    }

    async fn until(&mut self, mut is_so: impl FnMut(&mut Self) -> bool) {
        let deadline = Moment::now() + Duration::from_secs(20);
        while !is_so(self) {
            assert!(Moment::now() < deadline, "it never came to be");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The watch comes to tell of something that wants a pass; the pass mends it.
    async fn wants_a_pass(&mut self) {
        self.until(|life| life.world.is_stale()).await;
        self.pass().await;
    }

    fn names(&self, resource: &str) -> Vec<String> {
        let picture = &self.world.picture;
        let name =
            |meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| name_of(meta).name.clone();
        match resource {
            "secrets" => picture.secrets.all().iter().map(|held| name(&held.metadata)).collect(),
            _ => picture.config_maps.all().iter().map(|held| name(&held.metadata)).collect(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_we_wrote_ourselves_and_what_nobody_refers_to_wants_no_pass() {
    let mut life = Life::published().await;
    let writes = life.api.writes().len();
    life.api.create("secrets", secret("helm-release", "eA=="));
    life.until(|life| life.names("secrets").contains(&"helm-release".to_owned())).await;
    assert!(!life.world.is_stale());
    tokio::time::advance(2 * TOLD).await;
    assert!(!life.world.is_stale() && life.world.look_again().is_none());
    life.pass().await;
    assert_eq!(life.api.writes().len(), writes, "and a pass would have found nothing");
}

#[tokio::test(start_paused = true)]
async fn s8_7_a_rotated_credential_wants_a_pass() {
    let mut life = Life::published().await;
    let before = life.world.shelves.values().next().unwrap().revision();
    life.api.edit("secrets", ("a", "account"), |secret| secret["data"]["apiKey"] = json!("dHdv"));
    life.wants_a_pass().await;
    assert_ne!(life.world.shelves.values().next().unwrap().revision(), before);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_or_deleted_of_ours_wants_a_pass_that_mends_it() {
    let mut life = Life::published().await;
    life.api.delete("secrets", ("a", "minted"));
    life.wants_a_pass().await;
    assert!(life.api.get("secrets", ("a", "minted")).is_some());
    for resource in ["configmaps", "secrets"] {
        for name in life.names(resource).into_iter().filter(|name| name.starts_with("default-config")) {
            let before = life.api.get(resource, ("a", &name)).unwrap();
            life.api.delete(resource, ("a", &name));
            life.wants_a_pass().await;
            let data = |object: &Value| (object["data"].clone(), object["binaryData"].clone());
            let mended = life.api.get(resource, ("a", &name)).unwrap();
            if name != "default-config" {
                assert_eq!(data(&mended), data(&before), "{resource} {name}");
            }
            life.api.edit(resource, ("a", &name), |object| {
                object["data"] = json!({});
                object["binaryData"] = json!({});
            });
            life.wants_a_pass().await;
            assert_ne!(
                data(&life.api.get(resource, ("a", &name)).unwrap()),
                (json!({}), json!({})),
                "{name}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_watch_never_tells_of_is_asked_for() {
    let mut life = Life::published().await;
    life.api.edit("llmkeys.weir.dev", ("a", "k"), |key| {
        key["spec"]["source"]["generate"]["secretName"] = json!("other");
    });
    let is_known = |life: &mut Life| {
        let known = life.world.picture.keys.get(&ObjectName::new("a", "k")).unwrap();
        let spec = &known.0.as_ref().as_ref().unwrap().spec;
        spec.source.generate.as_ref().is_some_and(|generate| generate.secret_name == "other")
    };
    life.until(is_known).await;
    life.api.mute(true);
    life.world.pass().await.unwrap();
    life.api.delete("secrets", ("a", "other"));
    assert!(!life.world.is_stale(), "the watch may yet tell");
    let at = life.world.look_again().unwrap();
    assert!(at <= Moment::now() + TOLD);
    tokio::time::advance(at - Moment::now()).await;
    assert!(life.world.is_stale());
    life.world.pass().await.unwrap();
    assert!(life.api.get("secrets", ("a", "other")).is_some(), "it came and went, and is made anew");
}

#[tokio::test(start_paused = true)]
async fn s8_1_who_has_seen_less_does_not_write_over_what_another_operator_published() {
    let mut late = Life::published().await;
    late.api.mute(true);
    late.api.delete("llmkeys.weir.dev", ("a", "k"));
    let mut other = Life::begun(late.api.clone()).await;
    let with_the_key = other.index();
    other.world.pass().await.unwrap();
    other.looks().await;
    other.world.pass().await.unwrap();
    let without = other.index();
    assert_ne!(with_the_key["data"], without["data"], "else this shows nothing");
    // It leads again, and its watch has yet to tell of the key's end.
    late.api.mute(false);
    late.world.forget();
    late.world.pass().await.unwrap();
    assert_eq!(late.index(), without, "the key is not brought back");
    late.looks().await;
    late.world.pass().await.unwrap();
    assert_eq!(late.index(), without, "and now both say the same");
    assert!(!late.world.is_stale());
}

#[tokio::test(start_paused = true)]
async fn s8_1_what_another_operator_did_not_come_to_publish_is_published_after_a_look_at_everything() {
    let mut first = Life::published().await;
    let mut next = Life::begun(first.api.clone()).await;
    first.api.delete("llmkeys.weir.dev", ("a", "k"));
    next.until(|life| life.world.picture.keys.all().is_empty()).await;
    let (before, asked) = (next.index(), next.world.picture.look());
    next.world.pass().await.unwrap();
    assert_eq!(next.index(), before);
    // Another pass before that look is over changes nothing, and asks for no other.
    next.world.pass().await.unwrap();
    assert_eq!(next.index(), before);
    next.looks().await;
    assert_eq!(next.world.picture.look(), asked + 1);
    next.world.pass().await.unwrap();
    assert_ne!(next.index()["data"], before["data"]);
    // From here on it is its own: a change takes one pass, and so it does when it leads again.
    let looks = next.world.picture.look();
    for model in ["one", "two"] {
        next.api.edit("llmroutes.weir.dev", ("a", "r"), |route| route["spec"]["model"] = json!(model));
        let route = ObjectName::new("a", "r");
        let spec = |life: &Life| {
            life.world.picture.routes.get(&route).unwrap().0.as_ref().as_ref().unwrap().spec.model.clone()
        };
        next.until(|life| spec(life) == model).await;
        let before = next.index();
        next.world.forget();
        next.world.pass().await.unwrap();
        assert_ne!(next.index()["data"], before["data"]);
    }
    // The first one finds that what is there is what it would say: it has nothing to write over.
    first.until(|life| life.world.is_stale()).await;
    let (last, seen) = (next.index(), first.world.picture.look());
    first.pass().await;
    assert_eq!((first.index(), first.world.picture.look()), (last, seen));
    assert_eq!(next.world.picture.look(), looks);
}
