//! A gateway in this process with a configuration written down in a few words, and a client to call it.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;
use weir_config::{
    AllowedModels, Backend, Digest, Disclosure, Egress, Endpoint, Fallback, Gateway, Key, KeyDigest, Limits,
    Listener, Model, ModelPattern, ObjectName, OnAbort, Prices, Provider, Retry, Route, Secret, Snapshot,
    Target, Timeouts, Vendor,
};
use weir_gateway::{Bounds, Options, Running, UsageLogTo, start};
use weir_upstream::Upstream;

/// The text of the key that every world has. At least 32 characters, as keys must be.
pub const KEY: &str = "weir_test_key_0123456789abcdefghijklmnop";
/// The public model that every world has.
pub const MODEL: &str = "chat";

fn name(name: &str) -> ObjectName {
    ObjectName::new("default", name)
}

/// A configuration: one key, one route `chat` over providers in the order of their adding.
#[derive(Debug, Clone)]
pub struct Config(pub Snapshot);

impl Config {
    pub fn new() -> Self {
        let listener = Listener {
            max_body_bytes: 32 << 20,
            drain_timeout: Duration::from_secs(10),
            removal_delay: Duration::ZERO,
            disclosure: Disclosure::Full,
        };
        let egress = Egress { allow_private: vec!["127.0.0.0/8".parse().unwrap()] };
        let mut snapshot = Snapshot::empty(Gateway { name: name("default"), listener, egress });
        snapshot.routes.push(Arc::new(Route {
            name: name("chat"),
            model: ModelPattern::from(MODEL.to_owned()),
            aliases: Vec::new(),
            targets: Vec::new(),
            fallback: Fallback {
                on: Default::default(),
                max_attempts: None,
                deadline: Duration::from_secs(120),
            },
            retry: Retry {
                backoff_base: Duration::from_millis(5),
                backoff_max: Duration::from_millis(50),
                budget_percent: 20,
            },
        }));
        snapshot.keys.push(Arc::new(key("app", KEY)));
        Self(snapshot)
    }

    /// A configuration whose targets are `upstreams`, the first preferred.
    pub fn over(upstreams: &[&Upstream]) -> Self {
        let mut config = Self::new();
        for (i, upstream) in upstreams.iter().enumerate() {
            config.add(&format!("p{}", i + 1), upstream.port());
        }
        config
    }

    /// Adds a provider at `port` of the loopback and a target that uses it.
    pub fn add(&mut self, provider: &str, port: u16) {
        self.0.providers.push(Arc::new(http_provider(provider, port)));
        self.0.credentials.insert(name(provider), Secret::new(format!("sk-{provider}-credential-sentinel")));
        let target = Target {
            name: provider.to_owned(),
            provider: name(provider),
            model: Some("gpt".to_owned()),
            priority: self.0.providers.len() as u32,
        };
        self.route_mut(|route| route.targets.push(target));
    }

    pub fn provider_mut(&mut self, at: usize, change: impl FnOnce(&mut Provider)) -> &mut Self {
        change(Arc::make_mut(&mut self.0.providers[at]));
        self
    }

    pub fn route_mut(&mut self, change: impl FnOnce(&mut Route)) -> &mut Self {
        change(Arc::make_mut(&mut self.0.routes[0]));
        self
    }

    pub fn key_mut(&mut self, change: impl FnOnce(&mut Key)) -> &mut Self {
        change(Arc::make_mut(&mut self.0.keys[0]));
        self
    }

    pub fn gateway_mut(&mut self, change: impl FnOnce(&mut Gateway)) -> &mut Self {
        change(Arc::make_mut(&mut self.0.gateway));
        self
    }

    pub fn requests_per_minute(&mut self, limit: u32) -> &mut Self {
        self.key_mut(|key| key.limits.requests_per_minute = NonZeroU32::new(limit))
    }

    /// Starts a gateway on free ports with this configuration in force.
    pub fn start(&self) -> World {
        self.start_with(|_| {})
    }

    /// Starts a gateway with other options.
    pub fn start_with(&self, change: impl FnOnce(&mut Options)) -> World {
        let world = World::start_with(change);
        world.running().apply(self.0.clone());
        world
    }
}

/// A key object called `object` whose text is `text`.
pub fn key(object: &str, text: &str) -> Key {
    Key {
        name: name(object),
        tenant: "default".to_owned(),
        digests: vec![KeyDigest { sha256: Digest::of(text.as_bytes()), not_after: None }],
        allowed_models: AllowedModels(vec![ModelPattern::from("*".to_owned())]),
        limits: Limits::default(),
        expires_at: None,
        suspended: false,
    }
}

/// A provider called `object` at `port` of the loopback, offering the model `gpt` at a price.
pub fn http_provider(object: &str, port: u16) -> Provider {
    let prices = Prices {
        input: "2.50".parse().unwrap(),
        output: "10".parse().unwrap(),
        cache_read: Some("1.25".parse().unwrap()),
        ..Prices::default()
    };
    Provider {
        name: name(object),
        vendor: Vendor::OpenAICompatible,
        backend: Backend::Http(Endpoint {
            tls: false,
            host: "127.0.0.1".to_owned(),
            port,
            base_path: "/v1".to_owned(),
        }),
        models: vec![Model {
            upstream_name: "gpt-upstream".to_owned(),
            context_window: Some(128_000),
            prices: Some(prices),
            ..Model::unlisted("gpt")
        }],
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            first_token: Duration::from_secs(600),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(900),
        },
        on_abort: OnAbort::Unknown,
        suspended: false,
    }
}

/// Free ports, two workers, the usage log in `folder`; else as gateways usually run.
pub fn options(folder: &TempDir) -> Options {
    Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin_listen: "127.0.0.1:0".parse().unwrap(),
        workers: NonZeroUsize::new(2),
        usage_log: UsageLogTo::File(usage_path(folder)),
        log: None,
        memory_budget: None,
        bounds: Bounds::default(),
        keep_alive: Options::KEEP_ALIVE,
        withheld: Vec::new(),
    }
}

fn usage_path(folder: &TempDir) -> PathBuf {
    folder.path().join("usage.jsonl")
}

/// The lines of the usage log of a gateway that has ended.
pub fn usage_in(folder: &TempDir) -> Vec<Value> {
    let text = std::fs::read_to_string(usage_path(folder)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A gateway that runs, and a client.
pub struct World {
    running: Option<Running>,
    pub data: SocketAddr,
    pub admin: SocketAddr,
    pub client: reqwest::Client,
    folder: TempDir,
}

impl World {
    /// A gateway without configuration.
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&folder);
        change(&mut options);
        let running = start(&options).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let (data, admin) = (running.data_address, running.admin_address);
        Self { running: Some(running), data, admin, client, folder }
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.data)
    }

    /// A POST of `body` with the world's key.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Reply {
        self.post_as(KEY, body).await
    }

    pub async fn post_as(&self, key: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.client.post(self.url("/v1/chat/completions")).bearer_auth(key);
        Reply::read(request.header("content-type", "application/json").body(body).send().await.unwrap()).await
    }

    /// So many chats, every other one a stream, `at_once` of them at any time.
    pub async fn many(&self, requests: usize, at_once: usize) -> Vec<Reply> {
        let sent = Arc::new(AtomicUsize::new(0));
        let mut callers = JoinSet::new();
        for _ in 0..at_once {
            let (client, url, sent) = (self.client.clone(), self.url("/v1/chat/completions"), sent.clone());
            callers.spawn(async move {
                let mut replies = Vec::new();
                loop {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        return replies;
                    }
                    let body = if number.is_multiple_of(2) { unary() } else { streamed() };
                    let request = client.post(&url).bearer_auth(KEY).body(body.to_string());
                    replies.push(Reply::read(request.send().await.unwrap()).await);
                }
            });
        }
        callers.join_all().await.into_iter().flatten().collect()
    }

    /// A unary chat.
    pub async fn chat(&self) -> Reply {
        self.post(unary().to_string()).await
    }

    /// A stream, read to its end.
    pub async fn stream(&self) -> Reply {
        self.post(streamed().to_string()).await
    }

    /// A stream whose head has come.
    pub async fn open_stream(&self, body: Value) -> reqwest::Response {
        let request = self.client.post(self.url("/v1/chat/completions")).bearer_auth(KEY);
        request.body(body.to_string()).send().await.unwrap()
    }

    pub async fn admin(&self, path: &str) -> Reply {
        Reply::read(self.client.get(format!("http://{}{path}", self.admin)).send().await.unwrap()).await
    }

    /// Returns once the gateway has noticed that all callers have left.
    pub async fn nobody_is_served(&self) {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        let left = tokio::time::timeout(Duration::from_secs(10), async {
            while self.admin("/status").await.json()["connections"] != 0 {
                look.tick().await;
            }
        });
        left.await.unwrap_or_else(|_| panic!("somebody is still connected after 10 s"));
    }

    /// Stops the gateway and gives the lines of its usage log.
    pub fn usage(mut self) -> Vec<Value> {
        self.running.take().unwrap().stop();
        usage_in(&self.folder)
    }

    /// The lines of the usage log, once there are so many.
    pub async fn usage_lines(&self, count: usize) -> Vec<Value> {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        let found = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                look.tick().await;
                let text = std::fs::read_to_string(self.usage_path()).unwrap_or_default();
                let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                let lines: Vec<Value> = whole.map(|line| serde_json::from_str(line).unwrap()).collect();
                if lines.len() >= count {
                    return lines;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("no {count} lines in the usage log after 10 s"))
    }

    pub fn usage_path(&self) -> PathBuf {
        usage_path(&self.folder)
    }

    pub fn take_running(&mut self) -> Running {
        self.running.take().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

/// A unary chat request.
pub fn unary() -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}]})
}

/// A stream's request.
pub fn streamed() -> Value {
    json!({"model": MODEL, "stream": true, "messages": [{"role": "user", "content": "Say hello."}]})
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub text: String,
    /// The body broke off.
    pub broken: bool,
}

impl Reply {
    /// Reads the rest of an answer whose head has come.
    pub async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned()))
            .collect();
        let mut text = Vec::new();
        let mut broken = false;
        let mut response = response;
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => text.extend_from_slice(&piece),
                Ok(None) => break,
                Err(_) => {
                    broken = true;
                    break;
                }
            }
        }
        Self { status, headers, text: String::from_utf8_lossy(&text).into_owned(), broken }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// `error.code` of an error body.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The `data:` of every event.
    pub fn events(&self) -> Vec<String> {
        self.text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
    }

    /// Whether it is an answer with nothing missing.
    pub fn is_whole(&self) -> bool {
        let ended = self.text.starts_with('{') || self.text.ends_with("data: [DONE]\n\n");
        self.status == 200
            && !self.broken
            && ended
            && self.stream_error().is_none()
            && !self.content().is_empty()
    }

    /// The text of a unary answer, or of a stream's deltas put together.
    pub fn content(&self) -> String {
        if self.text.starts_with('{') {
            return self.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
        }
        self.events()
            .iter()
            .filter_map(|event| serde_json::from_str::<Value>(event).ok())
            .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect()
    }

    /// The error event at the end of a stream.
    pub fn stream_error(&self) -> Option<Value> {
        let last = self.events().pop()?;
        let event: Value = serde_json::from_str(&last).ok()?;
        event.get("error").cloned()
    }
}
