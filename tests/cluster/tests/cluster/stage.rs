//! Where most tests about objects play: a namespace with an operator of its own, and gateways for its `main`.

use crate::shared;
use serde_json::Value;
use std::time::{Duration, Instant};
use weir_cluster::world::{Gateway, Objects, Operator, SOON, Setting, condition, text};
use weir_cluster::{Plane, wait};
use weir_crds::Kind;

pub(crate) struct Stage {
    pub(crate) plane: &'static Plane,
    pub(crate) objects: Objects,
    #[expect(dead_code, reason = "it runs for as long as it is held")]
    operator: Operator,
    /// Who the operator is to the API server.
    pub(crate) account: String,
    pub(crate) gateways: Vec<Gateway>,
}

impl Stage {
    /// An operator that is ready, and nothing in its namespace.
    pub(crate) async fn new(prefix: &str) -> Self {
        let plane = shared::plane().await;
        let objects = Objects::new(plane, prefix).await.unwrap();
        let setting = Setting::new(plane, &[&objects.namespace]).await.unwrap();
        let mut operator = Operator::start(plane, &setting).unwrap();
        operator.ready().await.unwrap();
        let account = format!("system:serviceaccount:{}:weir-operator", setting.home);
        Self { plane, objects, operator, account, gateways: Vec::new() }
    }

    /// With these objects and a gateway for `main`, which is among them.
    pub(crate) async fn with(prefix: &str, manifests: &[&str]) -> Self {
        let mut stage = Self::new(prefix).await;
        stage.apply(manifests).await;
        stage.gateway("127.0.0.2").await;
        stage
    }

    pub(crate) async fn apply(&self, manifests: &[&str]) {
        for manifest in manifests {
            self.objects.apply(manifest).await.unwrap();
        }
    }

    /// Starts a gateway for `main`, and waits until it is ready.
    pub(crate) async fn gateway(&mut self, host: &str) -> &Gateway {
        let mut gateway = Gateway::start(self.plane, &self.objects.namespace, "main", host).await.unwrap();
        gateway.ready(self.plane).await.unwrap();
        self.gateways.push(gateway);
        self.gateways.last().unwrap()
    }

    /// Waits until the first gateway answers `wanted` to `key`, and says how long that took.
    pub(crate) async fn until_answered(&self, key: &str, wanted: u16) -> Duration {
        let begun = Instant::now();
        wait::until(&format!("the gateway answers {wanted}"), SOON, async || {
            Ok((self.gateways[0].chat(key, "chat").await? == wanted).then_some(()))
        })
        .await
        .unwrap();
        begun.elapsed()
    }

    /// Waits until a condition of an object has this status and reason.
    pub(crate) async fn until_condition(
        &self,
        object: (Kind, &str),
        (name, status, reason): (&str, &str, &str),
    ) -> Value {
        let is_so = |object: &Value| says(object, name, status, reason);
        self.objects.until(object, &format!("{name}={status}/{reason}"), is_so).await.unwrap()
    }
}

/// Whether a condition that speaks about the object's very generation has this status and reason.
pub(crate) fn says(object: &Value, name: &str, status: &str, reason: &str) -> bool {
    condition(object, name).is_some_and(|it| {
        text(it, "/status") == Some(status)
            && text(it, "/reason") == Some(reason)
            && it.pointer("/observedGeneration") == object.pointer("/metadata/generation")
    })
}

/// What tools that follow kstatus make of an object; the rules are those of sigs.k8s.io/cli-utils.
pub(crate) fn kstatus(object: &Value) -> &'static str {
    let is = |name: &str| condition(object, name).and_then(|it| text(it, "/status")) == Some("True");
    let metadata = |field: &str| object.pointer(&format!("/metadata/{field}"));
    if metadata("deletionTimestamp").is_some() {
        return "Terminating";
    }
    if object.pointer("/status/observedGeneration") != metadata("generation") || is("Reconciling") {
        return "InProgress";
    }
    match (is("Stalled"), is("Ready")) {
        (true, _) => "Failed",
        (false, true) => "Current",
        (false, false) => "InProgress",
    }
}
