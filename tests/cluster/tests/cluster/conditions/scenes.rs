//! The reasons that come from pods, from what somebody else does, or from how much there is: each a small story.

use super::{assert_shows, is_shown};
use crate::stage::{Stage, kstatus};
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota, Secret};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use weir_cluster::wait;
use weir_cluster::world::manifests::{GATEWAY, KEY, PROVIDER, ROUTE};
use weir_cluster::world::{SOON, condition, is_ready, text};
use weir_compile::Code;
use weir_crds::Kind;

/// Every scene is a test and knows which reason it is about.
macro_rules! scenes {
    ($($code:ident in $name:ident;)*) => {
        pub(super) const CODES: &[Code] = &[$(Code::$code),*];

        $(
            #[tokio::test]
            async fn $name() {
                stories::$name(Code::$code).await;
            }
        )*
    };
}

scenes! {
    InvalidValue in a_key_whose_list_somebody_emptied_is_refused_until_its_secret_goes;
    KeyPending in a_key_waits_while_the_namespace_takes_no_secret;
    NameTaken in a_gateway_publishes_nothing_over_somebody_elses_config_map;
    NoReadyPods in without_a_ready_pod_nothing_is_programmed;
    PodsUnreachable in of_pods_that_do_not_answer_nobody_knows_what_they_run;
    Pending in one_of_two_that_is_behind_is_waited_for;
    RolloutFailed in a_namespace_that_takes_no_pods_says_so_until_it_does;
    TooLarge in what_does_not_fit_is_not_published_and_the_rest_goes_on;
}

const ROUTE_CHAT: (Kind, &str) = (Kind::Route, "chat");

impl Stage {
    async fn until_shown(&self, object: (Kind, &str), code: Code) -> Value {
        let found = self.objects.until(object, code.reason(), |it| is_shown(code, it)).await.unwrap();
        assert_shows(code, &found);
        found
    }

    async fn until_current(&self, (kind, name): (Kind, &str)) {
        let object = self.objects.until_ready(kind, name).await.unwrap();
        assert_eq!(kstatus(&object), "Current", "{:#}", object["status"]);
    }

    fn native<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.objects.client.clone(), &self.objects.namespace)
    }
}

mod stories {
    use super::*;

    pub(super) async fn a_key_whose_list_somebody_emptied_is_refused_until_its_secret_goes(code: Code) {
        let stage = Stage::with("spoiled", &[GATEWAY, KEY]).await;
        stage.until_current((Kind::Key, "app")).await;
        let secrets: Api<Secret> = stage.native();
        let empty = Patch::Merge(json!({ "stringData": { "digests.json": "[]" } }));
        secrets.patch("app-llm", &PatchParams::default(), &empty).await.unwrap();
        stage.until_shown((Kind::Key, "app"), code).await;
        secrets.delete("app-llm", &DeleteParams::default()).await.unwrap();
        stage.until_current((Kind::Key, "app")).await;
    }

    pub(super) async fn a_namespace_that_takes_no_pods_says_so_until_it_does(code: Code) {
        let stage = Stage::new("no-pods").await;
        let quota: ResourceQuota = serde_json::from_value(json!({
            "metadata": { "name": "none" }, "spec": { "hard": { "pods": "0" } },
        }))
        .unwrap();
        let quotas: Api<ResourceQuota> = stage.native();
        quotas.create(&PostParams::default(), &quota).await.unwrap();
        let counted = async || Ok(quotas.get("none").await?.status.and_then(|status| status.hard));
        wait::until("the quota counts", SOON, counted).await.unwrap();
        stage.apply(&[&GATEWAY.replace("replicas: 0", "replicas: 1"), PROVIDER, ROUTE]).await;
        let object = stage.until_shown((Kind::Gateway, "main"), code).await;
        for name in ["Ready", "Programmed", "Available"] {
            let message = text(condition(&object, name).unwrap(), "/message").unwrap();
            assert!(
                message.contains("FailedCreate") && message.contains("exceeded quota: none"),
                "{message}"
            );
        }
        quotas.delete("none", &DeleteParams::default()).await.unwrap();
        // There is no node, which is the next thing to say.
        let unschedulable = |object: &Value| {
            condition(object, "Ready")
                .is_some_and(|it| text(it, "/message").unwrap().contains("Unschedulable"))
        };
        stage.objects.until((Kind::Gateway, "main"), "Unschedulable", unschedulable).await.unwrap();
    }

    pub(super) async fn a_key_waits_while_the_namespace_takes_no_secret(code: Code) {
        let stage = Stage::with("quota", &[GATEWAY]).await;
        let quota: ResourceQuota = serde_json::from_value(json!({
            "metadata": { "name": "none" }, "spec": { "hard": { "secrets": "0" } },
        }))
        .unwrap();
        let quotas: Api<ResourceQuota> = stage.native();
        quotas.create(&PostParams::default(), &quota).await.unwrap();
        let counts = async || {
            let quota = quotas.get("none").await?;
            Ok(quota.status.and_then(|status| status.used).filter(|used| !used.is_empty()))
        };
        weir_cluster::wait::until("the quota counts", weir_cluster::world::SOON, counts).await.unwrap();
        stage.apply(&[KEY]).await;
        // What the API server said comes with the second look.
        let told = |object: &Value| is_shown(code, object) && object.to_string().contains("exceeded quota");
        let object = stage.objects.until((Kind::Key, "app"), "KeyPending, and why", told).await.unwrap();
        assert_shows(code, &object);
        assert!(condition(&object, "Reconciling").is_some(), "{:#}", object["status"]);
        quotas.delete("none", &DeleteParams::default()).await.unwrap();
        stage.until_current((Kind::Key, "app")).await;
    }

    pub(super) async fn a_gateway_publishes_nothing_over_somebody_elses_config_map(code: Code) {
        let stage = Stage::new("taken").await;
        let maps: Api<ConfigMap> = stage.native();
        let map = json!({ "metadata": { "name": "main-config" }, "data": { "mine": "yes" } });
        let before =
            maps.create(&PostParams::default(), &serde_json::from_value(map).unwrap()).await.unwrap();
        stage.apply(&[GATEWAY, PROVIDER, ROUTE]).await;
        // Whatever would be published with it waits for the same.
        for object in [(Kind::Gateway, "main"), ROUTE_CHAT, (Kind::Provider, "mock")] {
            stage.until_shown(object, code).await;
        }
        let after = maps.get("main-config").await.unwrap();
        assert_eq!(after.resource_version(), before.resource_version(), "nobody has touched it");
        maps.delete("main-config", &DeleteParams::default()).await.unwrap();
        let mut stage = stage;
        stage.gateway("127.0.0.2").await;
        for object in [(Kind::Gateway, "main"), ROUTE_CHAT, (Kind::Provider, "mock")] {
            stage.until_current(object).await;
        }
    }

    pub(super) async fn without_a_ready_pod_nothing_is_programmed(code: Code) {
        let mut stage = Stage::new("no-pods").await;
        // Nor is a gateway that has nothing to serve yet.
        stage.apply(&[GATEWAY]).await;
        stage.until_shown((Kind::Gateway, "main"), code).await;
        stage.apply(&[PROVIDER, ROUTE]).await;
        stage.until_shown(ROUTE_CHAT, code).await;
        let gateway = stage.until_shown((Kind::Gateway, "main"), code).await;
        assert_eq!(text(condition(&gateway, "Available").unwrap(), "/status"), Some("False"));
        stage.gateway("127.0.0.2").await;
        stage.until_current(ROUTE_CHAT).await;
        stage.until_current((Kind::Gateway, "main")).await;
        stage.until_condition((Kind::Gateway, "main"), ("Available", "True", "Available")).await;
    }

    pub(super) async fn of_pods_that_do_not_answer_nobody_knows_what_they_run(code: Code) {
        let stage = Stage::with("silent", &[GATEWAY, PROVIDER]).await;
        stage.until_current((Kind::Gateway, "main")).await;
        stage.gateways[0].process.signal("STOP").unwrap();
        stage.apply(&[ROUTE]).await;
        stage.until_shown(ROUTE_CHAT, code).await;
        // What it was Programmed with stays so: nobody takes that back.
        assert!(is_ready(&stage.objects.get(Kind::Gateway, "main").await.unwrap()));
        stage.gateways[0].process.signal("CONT").unwrap();
        stage.until_current(ROUTE_CHAT).await;
    }

    pub(super) async fn one_of_two_that_is_behind_is_waited_for(code: Code) {
        let mut stage = Stage::with("behind", &[GATEWAY, PROVIDER]).await;
        stage.gateway("127.0.0.3").await;
        stage.gateways[1].process.signal("STOP").unwrap();
        stage.apply(&[ROUTE]).await;
        let half = |object: &Value| is_shown(code, object) && object.to_string().contains("1/2 ready pods");
        let object = stage.objects.until(ROUTE_CHAT, "Pending, 1/2", half).await.unwrap();
        assert_shows(code, &object);
        assert!(condition(&object, "Reconciling").is_some(), "{:#}", object["status"]);
        stage.gateways[1].process.signal("CONT").unwrap();
        stage.until_current(ROUTE_CHAT).await;
    }

    /// The largest Secret that the API server takes, of text that does not compress, makes a part that is too large.
    pub(super) async fn what_does_not_fit_is_not_published_and_the_rest_goes_on(code: Code) {
        let stage = Stage::with("large", &[GATEWAY, PROVIDER, ROUTE]).await;
        stage.until_current(ROUTE_CHAT).await;
        let account = "{apiVersion: weir.dev/v1alpha1, kind: LLMProvider, metadata: {name: big}, spec: \
                       {vendor: OpenAI, credentials: {apiKeySecretRef: {name: big, key: k}}}}";
        let route = ROUTE.replace("name: chat", "name: big").replace("model: chat", "model: big");
        let route = route.replace("{name: mock}", "{name: big}");
        stage.apply(&[&credential(&noise(1_000_000)), account, &route]).await;
        for object in [(Kind::Gateway, "main"), (Kind::Route, "big"), (Kind::Provider, "big")] {
            stage.until_shown(object, code).await;
        }
        // Its pods run what they have.
        assert_eq!(stage.gateways[0].chat("nobody's", "chat").await.unwrap(), 401);
        stage.apply(&[&credential("sk-fake")]).await;
        for object in [(Kind::Gateway, "main"), (Kind::Route, "big"), (Kind::Provider, "big"), ROUTE_CHAT] {
            stage.until_current(object).await;
        }
    }
}

fn credential(text: &str) -> String {
    let labels = "{weir.dev/credential: 'true'}";
    format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: big, labels: {labels}}}, stringData: {{k: '{text}'}}}}"
    )
}

/// So many letters and digits, each random.
fn noise(length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).unwrap();
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 64)])).collect()
}
