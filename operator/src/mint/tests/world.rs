//! An operator's watches on an API server, and the pass around `keep` as the loop makes it.

use super::*;
use crate::cluster::Scope;
use crate::tasks::Tasks;
use crate::watch::{self, Wakers};
use k8s_openapi::ByteString;
use std::time::Duration;
use weir_compile::{Finding, Input, Output, SecretContent, compile};

/// An LLMKey of namespace `a` that is generated into the Secret of its name.
pub fn key(name: &str) -> Value {
    into(name, name)
}

/// One that is generated into another Secret.
pub fn into(name: &str, secret: &str) -> Value {
    json!({"apiVersion": "weir.dev/v1alpha1", "kind": "LLMKey", "metadata": {"namespace": "a", "name": name},
           "spec": {"gatewayRef": {"name": "default"}, "source": {"generate": {"secretName": secret}},
                    "allowedModels": ["*"]}})
}

pub fn create(api: &FakeApi, keys: &[Value]) {
    keys.iter().for_each(|key| drop(api.create("llmkeys.weir.dev", key.clone())));
}

/// The value in a Secret's `data`.
pub fn text(secret: &Value, name: &str) -> String {
    let value: ByteString = serde_json::from_value(secret["data"][name].clone()).unwrap();
    String::from_utf8(value.0).unwrap()
}

pub fn base64(text: &str) -> Value {
    serde_json::to_value(ByteString(text.as_bytes().to_vec())).unwrap()
}

/// The digests of the texts in these Secrets.
pub fn digests(secrets: &[&Option<Value>]) -> Vec<Digest> {
    let digest =
        |secret: &&Option<Value>| Digest::of(text(secret.as_ref().unwrap(), "OPENAI_API_KEY").as_bytes());
    secrets.iter().map(digest).collect()
}

pub fn gateway(picture: &Picture, key: &str) -> Option<String> {
    let held = picture.keys.get(&ObjectName::new("a", key))?;
    let key = held.0.as_ref().as_ref().unwrap();
    Some(key.spec.gateway_ref.name.clone())
}

pub struct World {
    pub api: FakeApi,
    pub leading: bool,
    picture: Picture,
    contents: Contents,
    patience: Patience,
    metrics: Metrics,
    _tasks: Tasks,
}

impl World {
    /// With these keys and nothing else.
    pub async fn new(keys: &[Value]) -> Self {
        let api = FakeApi::watched(&["a"]);
        create(&api, keys);
        Self::on(api).await
    }

    /// An operator that has just started.
    pub async fn on(api: FakeApi) -> Self {
        let mut tasks = Tasks::default();
        let scope = Scope::These(vec!["a".to_owned()]);
        let picture = watch::start(&api.client(), &scope, &Wakers::default(), &mut tasks);
        let (contents, patience) = (Contents::default(), Patience::default());
        let world = Self {
            api,
            leading: true,
            picture,
            contents,
            patience,
            metrics: Metrics::default(),
            _tasks: tasks,
        };
        world.until("everything is listed", |picture| picture.missing().is_empty()).await;
        world
    }

    pub async fn until(&self, what: &str, is_so: impl Fn(&Picture) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so(&self.picture) {
            assert!(Instant::now() < deadline, "never came: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Until the watch knows the newest version of these Secrets.
    pub async fn until_told(&self, secrets: &[&str]) {
        for name in secrets {
            let there = self.api.get("secrets", ("a", name)).unwrap();
            let version = there["metadata"]["resourceVersion"].as_str().map(str::to_owned);
            let is_told = |picture: &Picture| {
                let told = picture.secrets.get(&ObjectName::new("a", *name));
                told.is_some_and(|meta| meta.metadata.resource_version == version)
            };
            self.until("the newest version", is_told).await;
        }
    }

    fn keys(&self) -> Vec<Arc<LLMKey>> {
        let held = self.picture.keys.all();
        held.iter().map(|held| Arc::clone(held.0.as_ref().as_ref().unwrap())).collect()
    }

    /// One pass.
    pub async fn keep(&mut self) -> Kept {
        let (client, keys) = (self.api.client(), self.keys());
        let wanted = keys.iter().filter_map(|key| plan::secret_of(key)).collect();
        self.contents.refresh(&client, &self.picture, &wanted).await.unwrap();
        let Self { picture, contents, patience, metrics, leading, .. } = self;
        keep(&client, metrics, &keys, picture, contents, *leading, patience).await
    }

    fn compiled(&self, kept: &Kept) -> Output {
        let keys = self.keys();
        let secrets = keys.iter().filter_map(|key| plan::secret_of(key));
        let content = |name: ObjectName| {
            let data = self.contents.get(&name)?.data.clone().unwrap_or_default();
            let data = data.into_iter().map(|(key, value)| (key, value.0)).collect();
            Some((name, SecretContent { data, labelled: false }))
        };
        let gateway = json!({"metadata": {"namespace": "a", "name": "default"}, "spec": {}});
        let input = Input {
            gateways: vec![serde_json::from_value(typed(gateway)).unwrap()],
            keys: keys.clone(),
            secrets: secrets.filter_map(content).collect(),
            taken: kept.taken.clone(),
            ..Input::default()
        };
        compile(&input)
    }

    /// What opens anything, as compile gives it to the gateway.
    pub fn digests(&self, kept: &Kept) -> Vec<Digest> {
        let output = self.compiled(kept);
        let keys = output.gateways.values().flat_map(|snapshot| &snapshot.keys);
        keys.flat_map(|key| &key.digests).map(|digest| digest.sha256).collect()
    }

    /// What there is to say on the keys, apart from what does not matter here.
    pub fn findings(&self, kept: &Kept) -> Vec<Finding> {
        let mut findings = self.compiled(kept).findings;
        findings.extend(kept.findings.iter().cloned());
        findings.sort();
        findings.retain(|finding| {
            finding.object.0 == weir_crds::Kind::Key && finding.code != Code::ModelNotServed
        });
        findings
    }

    pub fn codes(&self, kept: &Kept) -> Vec<Code> {
        self.findings(kept).iter().map(|finding| finding.code).collect()
    }
}

fn typed(mut gateway: Value) -> Value {
    gateway["apiVersion"] = json!("weir.dev/v1alpha1");
    gateway["kind"] = json!("LLMGateway");
    gateway
}
