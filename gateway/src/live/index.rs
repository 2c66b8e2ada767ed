//! The configuration in force, and what is looked up in it.

use super::key::{KeyText, LiveKey};
use super::provider::Providers;
use super::route::LiveRoute;
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use weir_config::published::Revision;
use weir_config::{Digest, Gateway, ObjectName, Snapshot};
use weir_policy::MinuteWindow;

/// What keys have used in their last minute, by name.
pub(super) type Windows = BTreeMap<ObjectName, Arc<Mutex<MinuteWindow>>>;

/// The configuration in force.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Which it is: as published, else the snapshots applied by this process, from 1, and the SHA-256 of its JSON.
    /// Two gateways with one hash run the same.
    pub(crate) revision: Revision,
    /// How many this process has put in force, with it.
    pub(crate) serial: u64,
    pub(crate) gateway: Arc<Gateway>,
    pub(super) providers: Providers,
    pub(super) routes: Routes,
    pub(super) keys: Keys,
    /// Of keys that are gone.
    pub(super) windows: Windows,
}

/// The routes, and the names that they answer to.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// In the order of the snapshot.
    pub(super) all: Vec<Arc<LiveRoute>>,
    pub(super) exact: HashMap<String, Arc<LiveRoute>, RandomState>,
    /// Longest prefix first.
    pub(super) prefixes: Vec<(String, Arc<LiveRoute>)>,
}

/// The keys, and the texts that they are recognised by.
#[derive(Debug)]
pub(super) struct Keys {
    /// In the order of the snapshot.
    pub(super) all: Vec<Arc<LiveKey>>,
    pub(super) texts: HashMap<[u8; 32], KeyText, RandomState>,
}

impl Keys {
    pub(super) fn with_capacity(count: usize) -> Self {
        Self {
            all: Vec::with_capacity(count),
            texts: HashMap::with_capacity_and_hasher(count, RandomState::default()),
        }
    }

    pub(super) fn add(&mut self, key: Arc<LiveKey>) {
        for digest in &key.config.digests {
            let text = KeyText { key: Arc::clone(&key), not_after: digest.not_after };
            self.texts.insert(digest.sha256.0, text);
        }
        self.all.push(key);
    }
}

impl Live {
    /// The key text with this digest.
    pub(crate) fn key(&self, digest: &Digest) -> Option<&KeyText> {
        self.keys.texts.get(&digest.0)
    }

    /// The route that serves `model`: an exact name beats a wildcard, the longest prefix wins.
    pub(crate) fn route(&self, model: &str) -> Option<&Arc<LiveRoute>> {
        let Routes { exact, prefixes, .. } = &self.routes;
        exact.get(model).or_else(|| {
            prefixes.iter().find(|(prefix, _)| model.starts_with(prefix.as_str())).map(|(_, route)| route)
        })
    }

    /// Every public name with its route, sorted: exact names, and of wildcards the names that providers list.
    pub(crate) fn public_models(&self) -> Vec<(String, &Arc<LiveRoute>)> {
        let hidden = |name: &str, route: &LiveRoute| {
            route.config.aliases.iter().any(|alias| alias.hidden && alias.name == name)
        };
        let Routes { exact, prefixes, .. } = &self.routes;
        let shown = exact.iter().filter(|(name, route)| !hidden(name, route));
        let mut models: Vec<(String, &Arc<LiveRoute>)> =
            shown.map(|(name, route)| (name.clone(), route)).collect();
        for (prefix, route) in prefixes {
            let offered = route.targets.iter().flat_map(|target| &target.provider.models);
            models.extend(
                offered
                    .map(|model| &model.name)
                    .filter(|name| name.starts_with(prefix.as_str()) && !exact.contains_key(*name))
                    .map(|name| (name.clone(), route)),
            );
        }
        models.sort_by(|a, b| a.0.cmp(&b.0));
        models.dedup_by(|a, b| a.0 == b.0);
        models
    }
}
