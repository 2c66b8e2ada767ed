//! Two sides of an attachment, across namespaces: who refers says where to, who is referred to says from where. By
//! an operator that watches all namespaces, which needs a plane of its own: it would write to other tests' objects.

use crate::rights::{Audit, unused};
use crate::stage::says;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use weir_cluster::world::manifests::KEY;
use weir_cluster::world::{Gateway, Objects, Operator, OperatorRules, SOON, Setting, is_ready};
use weir_cluster::{Plane, wait};
use weir_crds::Kind;

const CHAT: (Kind, &str) = (Kind::Route, "chat");

/// Gateway and account of a platform team, and the namespace of a team that wants to use them.
struct World {
    plane: Plane,
    #[expect(dead_code, reason = "it runs for as long as it is held")]
    operator: Operator,
    gateway: Gateway,
    platform: Objects,
    team: Objects,
    account: String,
}

const PLATFORM: &str = "
apiVersion: weir.dev/v1alpha1
kind: LLMGateway
metadata: {name: main}
spec:
  replicas: 0
  allowedNamespaces:
    routes: {from: Selector, selector: {matchLabels: {gateway: admitted}}}
    keys: {from: Selector, selector: {matchLabels: {gateway: admitted}}}
---
apiVersion: weir.dev/v1alpha1
kind: LLMProvider
metadata: {name: mock}
spec:
  vendor: Mock
  allowedNamespaces: {from: Selector, selector: {matchLabels: {account: admitted}}}
";

impl World {
    async fn start() -> Self {
        let plane = Plane::start().await.unwrap();
        plane.install_crds().await.unwrap();
        let platform = Objects::new(&plane, "platform").await.unwrap();
        let team = Objects::new(&plane, "team").await.unwrap();
        let setting = Setting::new(&plane, &["*"]).await.unwrap();
        let account = format!("system:serviceaccount:{}:weir-operator", setting.home);
        crate::rights::until_allowed(&plane, &account, &team.namespace, "secrets").await;
        crate::rights::until_allowed(&plane, &account, &setting.home, "leases").await;
        let mut operator = Operator::start(&plane, &setting).unwrap();
        operator.ready().await.unwrap();
        platform.apply(PLATFORM).await.unwrap();
        let mut gateway = Gateway::start(&plane, &platform.namespace, "main", "127.0.0.2").await.unwrap();
        gateway.ready(&plane).await.unwrap();
        Self { plane, operator, gateway, platform, team, account }
    }

    /// A route of the team over an account of the platform.
    fn route(&self, name: &str, gateway: &str, provider: &str) -> String {
        let platform = &self.platform.namespace;
        format!(
            "{{apiVersion: weir.dev/v1alpha1, kind: LLMRoute, metadata: {{name: {name}}}, spec: {{model: {name}, \
             gatewayRef: {{name: {gateway}, namespace: {platform}}}, targets: [{{name: only, \
             providerRef: {{name: {provider}, namespace: {platform}}}, model: mock-large}}]}}}}"
        )
    }

    fn key(&self, spec: &str) -> String {
        let platform = format!("gatewayRef: {{name: main, namespace: {}}}", self.platform.namespace);
        format!("{}{spec}", KEY.replace("gatewayRef: {name: main}", &platform))
    }

    /// Labels the team's namespace, or takes the label off it.
    async fn label(&self, name: &str, value: Option<&str>) {
        let namespaces: Api<Namespace> = Api::all(self.team.client.clone());
        let labels = Patch::Merge(json!({ "metadata": { "labels": { name: value } } }));
        namespaces.patch(&self.team.namespace, &PatchParams::default(), &labels).await.unwrap();
    }

    async fn until_condition(
        &self,
        object: (Kind, &str),
        (name, status, reason): (&str, &str, &str),
    ) -> Value {
        let is_so = |object: &Value| says(object, name, status, reason);
        self.team.until(object, &format!("{name}={status}/{reason}"), is_so).await.unwrap()
    }

    async fn until_answered(&self, key: &str, wanted: u16) {
        wait::until(&format!("the gateway answers {wanted}"), SOON, async || {
            Ok((self.gateway.chat(key, "chat").await? == wanted).then_some(()))
        })
        .await
        .unwrap();
    }

    /// Asserts that the status of `chat`, which is refused, is that of `ghost`, whose `missing` there is not at all.
    async fn assert_alike(&self, ghost: &str, (there, missing): (&str, &str)) {
        let told = async |name: &str| {
            let mut status = self.team.get(Kind::Route, name).await.unwrap()["status"].take();
            for condition in status["conditions"].as_array_mut().unwrap() {
                condition["lastTransitionTime"].take();
            }
            status.to_string()
        };
        let refused = told("chat").await.replace(&quoted(there), &quoted(missing));
        assert_eq!(refused, told(ghost).await);
        assert!(refused.contains(missing), "{refused}");
    }
}

/// As a name stands in a message that stands in JSON.
fn quoted(name: &str) -> String {
    format!("\\\"{name}\\\"")
}

#[tokio::test]
async fn s10_7_who_is_referred_to_has_a_say_and_refused_looks_like_missing() {
    let world = World::start().await;
    world.team.apply(&world.key("")).await.unwrap();
    let key = world.team.secret("app-llm", "OPENAI_API_KEY").await.unwrap();
    neither_side_admits(&world).await;
    the_gateway_admits(&world, &key).await;
    the_account_admits(&world, &key).await;
    a_tenant_is_admitted_by_name(&world, &key).await;

    let audit = Audit::of(&world.plane, &world.account);
    assert_eq!(audit.refused(), [""; 0]);
    assert_eq!(unused(&audit, &OperatorRules::read().unwrap().cluster), [""; 0]);
}

async fn neither_side_admits(world: &World) {
    world.team.apply(&world.route("chat", "main", "mock")).await.unwrap();
    world.team.apply(&world.route("ghost-a", "none", "mock")).await.unwrap();
    let refused = ("Accepted", "False", "NoMatchingGateway");
    for object in [CHAT, (Kind::Route, "ghost-a"), (Kind::Key, "app")] {
        world.until_condition(object, refused).await;
    }
    world.assert_alike("ghost-a", ("main", "none")).await;
    let attached = world.platform.get(Kind::Gateway, "main").await.unwrap();
    assert_eq!(attached.pointer("/status/attached/routes"), Some(&0.into()), "{:#}", attached["status"]);
}

/// A label of the namespace is all that changes.
async fn the_gateway_admits(world: &World, key: &str) {
    assert_eq!(world.gateway.chat(key, "chat").await.unwrap(), 401);
    world.team.apply(&world.route("ghost-b", "main", "none")).await.unwrap();
    world.label("gateway", Some("admitted")).await;
    for object in [CHAT, (Kind::Route, "ghost-b")] {
        world.until_condition(object, ("Accepted", "True", "Accepted")).await;
        world.until_condition(object, ("ResolvedRefs", "False", "NoTargets")).await;
        world.until_condition(object, ("Programmed", "True", "Programmed")).await;
    }
    world.team.until_ready(Kind::Key, "app").await.unwrap();
    // The key is known, the model has no target that may be used.
    world.until_answered(key, 503).await;
    world.assert_alike("ghost-b", ("mock", "none")).await;
}

async fn the_account_admits(world: &World, key: &str) {
    world.label("account", Some("admitted")).await;
    let ready = world.team.until_ready(CHAT.0, CHAT.1).await.unwrap();
    assert_eq!(ready["metadata"]["generation"], 1, "nobody has written to it");
    // It was Programmed before, without a target, and that is for a generation: pods may come a moment later.
    world.until_answered(key, 200).await;
    world.label("account", None).await;
    world.until_condition(CHAT, ("ResolvedRefs", "False", "NoTargets")).await;
    world.until_answered(key, 503).await;
    // All may; then nobody but its own namespace, as where nothing is said.
    let account = |from: &str| {
        let (_, provider) = PLATFORM.split_once("---").unwrap();
        let (before, _) = provider.split_once("  allowedNamespaces").unwrap();
        format!("{before}{from}")
    };
    world.platform.apply(&account("  allowedNamespaces: {from: All}")).await.unwrap();
    world.until_answered(key, 200).await;
    world.platform.apply(&account("")).await.unwrap();
    world.until_condition(CHAT, ("ResolvedRefs", "False", "NoTargets")).await;
    world.until_answered(key, 503).await;
    world.platform.apply(PLATFORM).await.unwrap();
    world.label("account", Some("admitted")).await;
    world.until_answered(key, 200).await;
}

async fn a_tenant_is_admitted_by_name(world: &World, key: &str) {
    world.team.apply(&world.key("  tenant: research\n")).await.unwrap();
    world.until_condition((Kind::Key, "app"), ("Accepted", "False", "TenantNotAllowed")).await;
    world.until_answered(key, 401).await;
    let (gateway, _) = PLATFORM.split_once("---").unwrap();
    let tenants =
        format!("{gateway}  tenants: [{{name: research, namespaces: [{}]}}]\n", world.team.namespace);
    world.platform.apply(&tenants).await.unwrap();
    world.team.until((Kind::Key, "app"), "Ready", is_ready).await.unwrap();
    assert_eq!(world.gateway.chat(key, "chat").await.unwrap(), 200);
    // The namespace is admitted no more: its key opens nothing.
    world.label("gateway", None).await;
    world.until_condition((Kind::Key, "app"), ("Accepted", "False", "NoMatchingGateway")).await;
    world.until_answered(key, 401).await;
}
