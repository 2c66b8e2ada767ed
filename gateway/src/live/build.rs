//! Builds a `Live` from a snapshot and the one before: what did not change is taken over, with its state.

use super::{KeyText, Label, Live, LiveKey, LiveRoute, LiveTarget, ModelChoice, RescueBudget, Windows};
use crate::upstream::Account;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;
use weir_config::{Digest, ModelPattern, ObjectName, Route, Snapshot, Target};
use weir_policy::{MinuteWindow, RetryBudget};

/// Makes `snapshot` ready for requests. A provider that cannot stand in a request is left out, and so are the
/// targets that refer to it: the rest serves.
pub(crate) fn build(mut snapshot: Snapshot, previous: Option<&Live>, workers: usize, now: Instant) -> Live {
    if let Some(previous) = previous {
        snapshot.share_with(&previous.snapshot);
    }
    let accounts = accounts(&snapshot, previous, workers);
    let (exact, prefixes) = routes(&snapshot, previous, &accounts, now);
    let windows = windows(&snapshot, previous, now);
    let keys = keys(&snapshot, previous, &windows);
    Live {
        generation: previous.map_or(1, |previous| previous.generation + 1),
        hash: Digest::of(&serde_json::to_vec(&snapshot).unwrap_or_default()),
        gateway: Arc::clone(&snapshot.gateway),
        snapshot: Arc::new(snapshot),
        keys,
        windows,
        exact,
        prefixes,
    }
}

type Accounts = BTreeMap<ObjectName, (Arc<Account>, Label)>;

/// An account is kept, connections and all, while neither its provider nor its credential changed.
fn accounts(snapshot: &Snapshot, previous: Option<&Live>, workers: usize) -> Accounts {
    let old: BTreeMap<&ObjectName, &Arc<Account>> = previous
        .iter()
        .flat_map(|live| live.all_routes())
        .flat_map(|route| &route.targets)
        .map(|target| (&target.account.provider.name, &target.account))
        .collect();
    let mut accounts = Accounts::new();
    for provider in &snapshot.providers {
        let credential = snapshot.credentials.get(&provider.name);
        let same_credential =
            previous.is_some_and(|live| live.snapshot.credentials.get(&provider.name) == credential);
        let kept = old
            .get(&provider.name)
            .filter(|account| same_credential && Arc::ptr_eq(&account.provider, provider))
            .map(|account| Arc::clone(account));
        let account = match kept {
            Some(account) => account,
            None => match Account::new(Arc::clone(provider), credential, workers) {
                Ok(account) => Arc::new(account),
                Err(error) => {
                    tracing::error!(%error, "a provider is left out");
                    continue;
                }
            },
        };
        accounts.insert(provider.name.clone(), (account, Label::new(&provider.name.to_string())));
    }
    accounts
}

type Exact = HashMap<String, Arc<LiveRoute>, foldhash::fast::RandomState>;

fn routes(
    snapshot: &Snapshot,
    previous: Option<&Live>,
    accounts: &Accounts,
    now: Instant,
) -> (Exact, Vec<(String, Arc<LiveRoute>)>) {
    let old: BTreeMap<&ObjectName, &Arc<LiveRoute>> =
        previous.iter().flat_map(|live| live.all_routes()).map(|route| (&route.config.name, route)).collect();
    let mut exact = Exact::default();
    let mut prefixes = Vec::new();
    for config in &snapshot.routes {
        let before = old.get(&config.name).copied();
        let route = route(config, before, accounts, now);
        match &config.model {
            ModelPattern::Exact(name) => drop(exact.insert(name.clone(), Arc::clone(&route))),
            ModelPattern::Prefix(prefix) => prefixes.push((prefix.clone(), Arc::clone(&route))),
        }
        for alias in &config.aliases {
            exact.insert(alias.name.clone(), Arc::clone(&route));
        }
    }
    prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    (exact, prefixes)
}

fn route(
    config: &Arc<Route>,
    before: Option<&Arc<LiveRoute>>,
    accounts: &Accounts,
    now: Instant,
) -> Arc<LiveRoute> {
    let targets: Vec<LiveTarget> =
        config.targets.iter().filter_map(|target| join(target, &config.model, accounts)).collect();
    let same_accounts = |old: &LiveRoute| {
        old.targets.len() == targets.len()
            && old.targets.iter().zip(&targets).all(|(old, new)| Arc::ptr_eq(&old.account, &new.account))
    };
    if let Some(old) = before
        && Arc::ptr_eq(&old.config, config)
        && same_accounts(old)
    {
        return Arc::clone(old);
    }
    let fresh = || RescueBudget {
        tokens: Mutex::new(RetryBudget::new(now)),
        changed: Notify::new(),
        waiting: AtomicU32::new(0),
    };
    let rescue = before.map_or_else(|| Arc::new(fresh()), |old| Arc::clone(&old.rescue));
    let label = Label::new(&config.name.to_string());
    Arc::new(LiveRoute { config: Arc::clone(config), label, targets, rescue })
}

/// Without a model of its own a target uses the route's; behind a wildcard, the one asked for.
fn join(target: &Target, public: &ModelPattern, accounts: &Accounts) -> Option<LiveTarget> {
    let (account, provider) = accounts.get(&target.provider)?;
    let fixed = match (&target.model, public) {
        (Some(model), _) | (None, ModelPattern::Exact(model)) => Some(model),
        (None, ModelPattern::Prefix(_)) => None,
    };
    let model = match fixed {
        Some(name) => {
            let model = account.provider.model(name)?;
            let label = Label::new(&model.name);
            ModelChoice::Fixed(Arc::new(model), label)
        }
        None => ModelChoice::Asked,
    };
    Some(LiveTarget {
        name: Label::new(&target.name),
        account: Arc::clone(account),
        provider: provider.clone(),
        model,
        priority: target.priority,
    })
}

fn keys(
    snapshot: &Snapshot,
    previous: Option<&Live>,
    windows: &Windows,
) -> HashMap<[u8; 32], KeyText, foldhash::fast::RandomState> {
    let old: BTreeMap<&ObjectName, &Arc<LiveKey>> = previous
        .iter()
        .flat_map(|live| live.keys.values())
        .map(|text| (&text.key.config.name, &text.key))
        .collect();
    let mut texts = HashMap::default();
    for config in &snapshot.keys {
        let Some(window) = windows.get(&config.name) else { continue };
        let key = match old.get(&config.name) {
            Some(old) if Arc::ptr_eq(&old.config, config) => Arc::clone(old),
            _ => Arc::new(LiveKey::new(Arc::clone(config), Arc::clone(window))),
        };
        for digest in &config.digests {
            texts.insert(digest.sha256.0, KeyText { key: Arc::clone(&key), not_after: digest.not_after });
        }
    }
    texts
}

/// The requests of each key's last minute. Those of a key that is gone are kept while they count: it may come back,
/// replaced or repaired, and a minute is any 60 seconds (semantics S3.1).
fn windows(snapshot: &Snapshot, previous: Option<&Live>, now: Instant) -> Windows {
    let before = previous.iter().flat_map(|live| &live.windows);
    let mut windows: Windows = before
        .filter(|(_, window)| holds_any(window, now))
        .map(|(name, window)| (name.clone(), Arc::clone(window)))
        .collect();
    for key in &snapshot.keys {
        let before = previous.and_then(|live| live.windows.get(&key.name)).map(Arc::clone);
        let window = before.unwrap_or_else(|| Arc::new(Mutex::new(MinuteWindow::new(now))));
        windows.insert(key.name.clone(), window);
    }
    windows
}

fn holds_any(window: &Mutex<MinuteWindow>, now: Instant) -> bool {
    let window = window.lock().unwrap_or_else(PoisonError::into_inner);
    window.peek(now, NonZeroU32::MAX).map_or(true, |room| room.remaining < u32::MAX)
}

impl Live {
    fn all_routes(&self) -> impl Iterator<Item = &Arc<LiveRoute>> {
        self.exact.values().chain(self.prefixes.iter().map(|(_, route)| route))
    }
}
