//! The world that is measured: one gateway, ten accounts, a route for ten keys, keys by digest.

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::PostParams;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use weir_cluster::world::Objects;
use weir_crds::Kind;

/// So many objects are made at once.
const AT_ONCE: usize = 32;
/// How many accounts there are.
const PROVIDERS: usize = 10;

/// Makes every object; no operator runs yet.
pub(crate) async fn world(objects: &Objects, keys: usize) -> Result<()> {
    make(objects, Kind::Gateway, vec![object("main", &json!({ "replicas": 0 }))]).await?;
    let providers = (0..PROVIDERS).map(|n| object(&format!("mock-{n}"), &json!({ "vendor": "Mock" })));
    make(objects, Kind::Provider, providers.collect()).await?;
    make(objects, Kind::Route, (0..keys.div_ceil(10)).map(route).collect()).await?;
    make(objects, Kind::Key, (0..keys).map(|n| key(n, &[&text(n)])).collect()).await
}

async fn make(objects: &Objects, kind: Kind, all: Vec<Value>) -> Result<()> {
    let api = objects.api(kind);
    let made = stream::iter(all).map(|value| {
        let api = api.clone();
        async move {
            let mut object: kube::core::DynamicObject = serde_json::from_value(value)?;
            object.types = Some(kube::core::TypeMeta {
                api_version: "weir.dev/v1alpha1".to_owned(),
                kind: kind.name().to_owned(),
            });
            api.create(&PostParams::default(), &object).await?;
            anyhow::Ok(())
        }
    });
    made.buffer_unordered(AT_ONCE).try_collect().await
}

fn object(name: &str, spec: &Value) -> Value {
    json!({ "metadata": { "name": name }, "spec": spec })
}

fn route(n: usize) -> Value {
    let model = format!("model-{n}");
    let target = |name: &str, n: usize| json!({ "name": name, "model": "m", "providerRef": { "name": format!("mock-{}", n % PROVIDERS) } });
    let spec = json!({
        "gatewayRef": { "name": "main" },
        "model": model,
        "targets": [target("first", n), target("second", n + 1)],
    });
    object(&format!("route-{n}"), &spec)
}

/// The `n`-th key, which these texts open.
pub(crate) fn key(n: usize, texts: &[&str]) -> Value {
    let digests: Vec<Value> = texts.iter().map(|text| json!({ "sha256": sha256(text) })).collect();
    // Every key may ask for the first model: that is what the changes are timed with.
    let models: BTreeSet<String> = [0, n / 10].into_iter().map(|model| format!("model-{model}")).collect();
    let spec = json!({
        "gatewayRef": { "name": "main" },
        "source": { "digests": digests },
        "allowedModels": models,
        "limits": { "requestsPerMinute": 1_000_000 },
    });
    object(&format!("key-{n}"), &spec)
}

/// The text of the `n`-th key.
pub(crate) fn text(n: usize) -> String {
    format!("bench-key-{n:032}")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
