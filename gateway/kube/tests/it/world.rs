//! A gateway with its source, the configuration that is published for it, and a client of both.

use crate::api::{Api, NAMESPACE, PATIENCE};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_config::published::{FORMATS, Index, Published, encode};
use weir_config::{
    AllowedModels, Backend, Digest, Disclosure, Egress, Fallback, Gateway, Key, KeyDigest, Limits, Listener,
    Mock, MockReply, ObjectName, OnAbort, Provider, Retry, Route, Secret, Snapshot, Target, Timeouts, Vendor,
};
use weir_gateway::{Bounds, Options, Running, UsageLogTo};
use weir_source_kube::{Settings, Source};

/// The text of the key number `i`.
pub fn key_text(i: usize) -> String {
    format!("weir_test_key_{i:05}_0123456789abcdefghijklmnop")
}

pub fn name(name: &str) -> ObjectName {
    ObjectName::new(NAMESPACE, name)
}

fn key(i: usize) -> Arc<Key> {
    let sha256 = Digest::of(key_text(i).as_bytes());
    Arc::new(Key {
        name: name(&format!("key-{i:05}")),
        tenant: NAMESPACE.to_owned(),
        digests: vec![KeyDigest { sha256, not_after: None }],
        allowed_models: AllowedModels(vec!["*".to_owned().into()]),
        limits: Limits::default(),
        expires_at: None,
        suspended: false,
    })
}

/// What is to be published: `keys` keys, and the model `chat` answered by a Mock that echoes, a word each 50 ms.
pub fn snapshot(keys: usize) -> Snapshot {
    let listener = Listener {
        max_body_bytes: 1 << 20,
        drain_timeout: Duration::from_secs(10),
        removal_delay: Duration::ZERO,
        disclosure: Disclosure::Full,
    };
    let mut snapshot =
        Snapshot::empty(Gateway { name: name("gw"), listener, egress: Egress { allow_private: Vec::new() } });
    let minute = Duration::from_secs(60);
    let mock = Mock {
        latency: Duration::ZERO,
        first_byte: Duration::ZERO,
        tokens_per_second: Some(20),
        error_percent: 0,
        error_status: 500,
        reply: MockReply::Echo,
    };
    snapshot.providers.push(Arc::new(Provider {
        name: name("mock"),
        vendor: Vendor::Mock,
        backend: Backend::Mock(mock),
        models: Vec::new(),
        timeouts: Timeouts {
            connect: minute,
            first_byte: minute,
            first_token: minute * 10,
            idle: minute,
            total: minute,
        },
        on_abort: OnAbort::Unknown,
        suspended: false,
    }));
    let target =
        Target { name: "only".to_owned(), provider: name("mock"), model: Some("m".to_owned()), priority: 0 };
    snapshot.routes.push(Arc::new(Route {
        name: name("chat"),
        model: "chat".to_owned().into(),
        aliases: Vec::new(),
        targets: vec![target],
        fallback: Fallback { on: Default::default(), max_attempts: None, deadline: minute },
        retry: Retry { backoff_base: minute, backoff_max: minute, budget_percent: 20 },
    }));
    snapshot.keys = (0..keys).map(key).collect();
    snapshot.credentials.insert(name("mock"), Secret::new("sk-credential-sentinel"));
    snapshot
}

/// `snapshot` after `previous`, in the newest format.
pub fn publication(snapshot: &Snapshot, previous: Option<&Index>) -> Published {
    encode(snapshot, previous, *FORMATS.last().unwrap()).unwrap()
}

/// A gateway that follows an API server.
pub struct World {
    running: Option<Running>,
    source: Option<Source>,
    client: reqwest::Client,
}

impl World {
    /// Follows `api`, with `state_dir` for the last good configuration, waiting for `patience` at the start.
    pub fn start(api: &Api, state_dir: Option<&Path>, patience: Duration) -> Self {
        let loopback = "127.0.0.1:0".parse().unwrap();
        let options = Options {
            listen: loopback,
            admin_listen: loopback,
            workers: std::num::NonZeroUsize::new(1),
            usage_log: UsageLogTo::Off,
            log: None,
            memory_budget: Some(64 << 20),
            bounds: Bounds::default(),
            keep_alive: Options::KEEP_ALIVE,
            withheld: vec![api.address],
        };
        let running = weir_gateway::start(&options).unwrap();
        let settings = Settings { gateway: name("gw"), state_dir: state_dir.map(Into::into), patience };
        let source = Source::start(&api.config(), settings, running.feed()).unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { running: Some(running), source: Some(source), client }
    }

    /// Follows `api` with nothing to fall back to.
    pub fn follow(api: &Api) -> Self {
        Self::start(api, None, Settings::PATIENCE)
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// What the admin port says at `path`: status and text.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.running().admin_address);
        let answer = self.client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub async fn status(&self) -> Value {
        serde_json::from_str(&self.admin("/status").await.1).unwrap()
    }

    /// The generation in force; 0: none.
    pub async fn generation(&self) -> u64 {
        self.status().await["config"]["generation"].as_u64().unwrap_or_default()
    }

    /// What keeps newer configuration away; empty: nothing.
    pub async fn problem(&self) -> String {
        self.status().await["source"]["problem"].as_str().unwrap_or_default().to_owned()
    }

    /// Returns when `published` is in force and nothing is wrong.
    pub async fn runs(&self, published: &Published) {
        let index = &published.index;
        eventually("the configuration is in force", async || {
            let status = self.status().await;
            let config = &status["config"];
            config["generation"] == index.generation
                && config["hash"] == index.hash.to_string()
                && status["source"]["problem"].is_null()
        })
        .await;
    }

    /// A chat as key number `i`, streamed if asked for: the answer, once its head has come.
    pub async fn chat(&self, i: usize, words: &str, stream: bool) -> reqwest::Response {
        let url = format!("http://{}/v1/chat/completions", self.running().data_address);
        let messages = json!([{ "role": "user", "content": words }]);
        let body = json!({ "model": "chat", "stream": stream, "messages": messages });
        self.client.post(url).bearer_auth(key_text(i)).json(&body).send().await.unwrap()
    }

    /// The status of a chat as key number `i`.
    pub async fn ask(&self, i: usize) -> u16 {
        self.chat(i, "hello", false).await.status().as_u16()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            source.stop();
        }
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// Returns when `holds` does.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < until, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
