//! The configuration in the form that requests use: indexed, joined, with the state that survives a reload.
//!
//! A `Live` is built whole from a snapshot and swapped in whole (semantics S8.3). Requests take the `Arc`s of
//! their key, route and accounts from it, never the `Live` itself: a long stream pins nothing else.

mod build;
mod key;
mod route;

pub(crate) use build::build;
pub(crate) use key::{KeyText, LiveKey};
pub(crate) use route::{LiveRoute, LiveTarget, ModelChoice, RescueBudget};

use foldhash::fast::RandomState;
use http::HeaderValue;
use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use weir_config::{Digest, Gateway, ObjectName, Snapshot};
use weir_policy::MinuteWindow;

/// What keys have used in their last minute, by name.
type Windows = BTreeMap<ObjectName, Arc<Mutex<MinuteWindow>>>;

/// The configuration in force.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Counts the snapshots applied by this process, from 1.
    pub(crate) generation: u64,
    /// SHA-256 of the snapshot's JSON: two gateways with one hash run the same.
    pub(crate) hash: Digest,
    pub(crate) gateway: Arc<Gateway>,
    keys: HashMap<[u8; 32], KeyText, RandomState>,
    windows: Windows,
    exact: HashMap<String, Arc<LiveRoute>, RandomState>,
    /// Longest prefix first.
    prefixes: Vec<(String, Arc<LiveRoute>)>,
}

impl Live {
    /// The key text with this digest.
    pub(crate) fn key(&self, digest: &Digest) -> Option<&KeyText> {
        self.keys.get(&digest.0)
    }

    /// The route that serves `model`: an exact name beats a wildcard, the longest prefix wins.
    pub(crate) fn route(&self, model: &str) -> Option<&Arc<LiveRoute>> {
        self.exact.get(model).or_else(|| {
            self.prefixes
                .iter()
                .find(|(prefix, _)| model.starts_with(prefix.as_str()))
                .map(|(_, route)| route)
        })
    }

    /// Every public name with its route, sorted: exact names, and of wildcards the names that providers list.
    pub(crate) fn public_models(&self) -> Vec<(String, &Arc<LiveRoute>)> {
        let hidden = |name: &str, route: &LiveRoute| {
            route.config.aliases.iter().any(|alias| alias.hidden && alias.name == name)
        };
        let exact = self.exact.iter().filter(|(name, route)| !hidden(name, route));
        let mut models: Vec<(String, &Arc<LiveRoute>)> =
            exact.map(|(name, route)| (name.clone(), route)).collect();
        for (prefix, route) in &self.prefixes {
            let offered = route.targets.iter().flat_map(|target| &target.account.provider.models);
            models.extend(
                offered
                    .map(|model| &model.name)
                    .filter(|name| name.starts_with(prefix.as_str()) && !self.exact.contains_key(*name))
                    .map(|name| (name.clone(), route)),
            );
        }
        models.sort_by(|a, b| a.0.cmp(&b.0));
        models.dedup_by(|a, b| a.0 == b.0);
        models
    }
}

/// A name as metrics, headers and the usage log want it; made once, cloned for free.
#[derive(Debug, Clone)]
pub(crate) struct Label(Arc<Forms>);

/// The forms of a name.
#[derive(Debug)]
pub(crate) struct Forms {
    pub(crate) text: Arc<str>,
    pub(crate) header: HeaderValue,
    /// With its quotes.
    pub(crate) json: String,
}

impl Label {
    /// Names of Kubernetes objects and models are plain ASCII; anything else would not be a header.
    pub(crate) fn new(text: &str) -> Self {
        let header = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("other"));
        let json = serde_json::Value::from(text).to_string();
        Self(Arc::new(Forms { text: Arc::from(text), header, json }))
    }
}

impl Deref for Label {
    type Target = Forms;

    fn deref(&self) -> &Forms {
        &self.0
    }
}
