//! Builds a `Live` from a snapshot and the one before: what did not change is taken over, with its state.

use super::key::LiveKey;
use super::route::{LiveRoute, LiveTarget, ModelChoice};
use super::{Keys, Live, Routes, Windows};
use crate::label::{Chosen, Label};
use crate::limits::RescueBudget;
use crate::upstream::Account;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::num::NonZeroU32;
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use weir_config::published::{Revision, document};
use weir_config::{Digest, ModelPattern, ObjectName, Route, Snapshot, Target};
use weir_policy::MinuteWindow;

/// Makes `snapshot` ready for requests. A provider that cannot stand in a request is left out, and so are the
/// targets that refer to it: the rest serves. `revision` says which it is, if it was published; else it is counted
/// and hashed here.
pub(crate) fn build(
    mut snapshot: Snapshot,
    revision: Option<Revision>,
    previous: Option<&Live>,
    now: Instant,
) -> Live {
    if let Some(previous) = previous {
        snapshot.share_with(&previous.snapshot);
    }
    let accounts = accounts(&snapshot, previous);
    let routes = routes(&snapshot, previous, &accounts, now);
    let (keys, windows) = keys(&snapshot, previous, now);
    let counted = || Revision {
        generation: previous.map_or(1, |previous| previous.revision.generation + 1),
        hash: hash(&snapshot),
    };
    Live {
        revision: revision.unwrap_or_else(counted),
        serial: previous.map_or(1, |previous| previous.serial + 1),
        gateway: Arc::clone(&snapshot.gateway),
        snapshot: Arc::new(snapshot),
        accounts,
        routes,
        keys,
        windows,
    }
}

/// Over all of `snapshot`.
fn hash(snapshot: &Snapshot) -> Digest {
    let json = document(snapshot).ok().and_then(|all| serde_json::to_vec(&all).ok());
    Digest::of(&json.unwrap_or_default())
}

/// The objects of the configuration before, by name. Both are sorted, so one walk along both finds them all.
struct Before<'a, T> {
    left: Peekable<slice::Iter<'a, Arc<T>>>,
    name: fn(&T) -> &ObjectName,
}

impl<'a, T> Before<'a, T> {
    fn new(all: Option<&'a [Arc<T>]>, name: fn(&T) -> &ObjectName) -> Self {
        Self { left: all.unwrap_or_default().iter().peekable(), name }
    }

    /// The one called `name`. Names are asked for in ascending order; those passed over are handed to `gone`.
    fn find(&mut self, name: &ObjectName, mut gone: impl FnMut(&'a Arc<T>)) -> Option<&'a Arc<T>> {
        while let Some(other) = self.left.next_if(|other| (self.name)(other) < name) {
            gone(other);
        }
        self.left.next_if(|other| (self.name)(other) == name)
    }
}

pub(super) type Accounts = BTreeMap<ObjectName, (Arc<Account>, Label)>;

/// An account is kept, connections and all, while neither its provider nor its credential changed.
fn accounts(snapshot: &Snapshot, previous: Option<&Live>) -> Accounts {
    let mut accounts = Accounts::new();
    for provider in &snapshot.providers {
        let credential = snapshot.credentials.get(&provider.name);
        let kept = previous.and_then(|live| {
            let (account, label) = live.accounts.get(&provider.name)?;
            let same = Arc::ptr_eq(&account.provider, provider)
                && live.snapshot.credentials.get(&provider.name) == credential;
            same.then(|| (Arc::clone(account), label.clone()))
        });
        let account = match kept {
            Some(account) => account,
            None => match Account::new(Arc::clone(provider), credential) {
                Ok(account) => (Arc::new(account), Label::new(&provider.name.to_string())),
                Err(error) => {
                    tracing::error!(%error, "a provider is left out");
                    continue;
                }
            },
        };
        accounts.insert(provider.name.clone(), account);
    }
    accounts
}

/// The providers whose account is not the one that it was: new, gone, or another.
fn changed<'a>(accounts: &'a Accounts, previous: Option<&'a Live>) -> BTreeSet<&'a ObjectName> {
    let before = previous.map(|live| &live.accounts);
    let same = |name: &ObjectName, account: &Arc<Account>| {
        let other = before.and_then(|before| before.get(name));
        other.is_some_and(|(other, _)| Arc::ptr_eq(other, account))
    };
    let new = accounts.iter().filter(|(name, (account, _))| !same(name, account)).map(|(name, _)| name);
    let gone = before.into_iter().flat_map(BTreeMap::keys).filter(|name| !accounts.contains_key(*name));
    new.chain(gone).collect()
}

fn routes(snapshot: &Snapshot, previous: Option<&Live>, accounts: &Accounts, now: Instant) -> Routes {
    let changed = changed(accounts, previous);
    let mut before = Before::new(previous.map(|live| &*live.routes.all), |route| &route.config.name);
    let mut routes = Routes::default();
    for config in &snapshot.routes {
        let route = match before.find(&config.name, |_| {}) {
            Some(old)
                if Arc::ptr_eq(&old.config, config)
                    && !config.targets.iter().any(|target| changed.contains(&target.provider)) =>
            {
                Arc::clone(old)
            }
            old => route(config, old, accounts, now),
        };
        routes.add(route);
    }
    routes.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    routes
}

impl Routes {
    fn add(&mut self, route: Arc<LiveRoute>) {
        match &route.config.model {
            ModelPattern::Exact(name) => drop(self.exact.insert(name.clone(), Arc::clone(&route))),
            ModelPattern::Prefix(prefix) => self.prefixes.push((prefix.clone(), Arc::clone(&route))),
        }
        for alias in &route.config.aliases {
            self.exact.insert(alias.name.clone(), Arc::clone(&route));
        }
        self.all.push(route);
    }
}

/// A route with its targets joined to their accounts; its budget is the one that it had.
fn route(
    config: &Arc<Route>,
    before: Option<&Arc<LiveRoute>>,
    accounts: &Accounts,
    now: Instant,
) -> Arc<LiveRoute> {
    let targets = config.targets.iter().filter_map(|target| join(target, &config.model, accounts)).collect();
    let rescue = before.map(|old| Arc::clone(&old.rescue));
    let rescue = rescue.unwrap_or_else(|| Arc::new(RescueBudget::new(now)));
    let label = Label::new(&config.name.to_string());
    Arc::new(LiveRoute { config: Arc::clone(config), label, targets, rescue })
}

/// Without a model of its own a target uses the route's; behind a wildcard, the one asked for.
fn join(target: &Target, public: &ModelPattern, accounts: &Accounts) -> Option<Arc<LiveTarget>> {
    let (account, provider) = accounts.get(&target.provider)?;
    let fixed = match (&target.model, public) {
        (Some(model), _) | (None, ModelPattern::Exact(model)) => Some(model),
        (None, ModelPattern::Prefix(_)) => None,
    };
    let name = Label::new(&target.name);
    let model = match fixed {
        Some(model) => {
            let model = account.provider.model(model)?;
            let chosen = Chosen::new(&name, provider.clone(), Label::new(&model.name));
            ModelChoice::Fixed(Arc::new(model), chosen)
        }
        None => ModelChoice::Asked,
    };
    Some(Arc::new(LiveTarget {
        name,
        account: Arc::clone(account),
        provider: provider.clone(),
        model,
        priority: target.priority,
    }))
}

/// The keys, and what those have used that are gone. Their minutes are kept while they count: a key may come back,
/// replaced or repaired, and a minute is any 60 seconds (semantics S3.1).
fn keys(snapshot: &Snapshot, previous: Option<&Live>, now: Instant) -> (Keys, Windows) {
    let mut windows: Windows = previous.map(|live| live.windows.clone()).unwrap_or_default();
    let mut before = Before::new(previous.map(|live| &*live.keys.all), |key| &key.config.name);
    let mut gone = Vec::new();
    let mut keys = Keys::with_capacity(snapshot.keys.len());
    for config in &snapshot.keys {
        let key = match before.find(&config.name, |key| gone.push(key)) {
            Some(old) if Arc::ptr_eq(&old.config, config) => Arc::clone(old),
            Some(old) => Arc::new(LiveKey::new(Arc::clone(config), Arc::clone(&old.requests))),
            None => {
                let window = windows.remove(&config.name);
                let window = window.unwrap_or_else(|| Arc::new(Mutex::new(MinuteWindow::new(now))));
                Arc::new(LiveKey::new(Arc::clone(config), window))
            }
        };
        keys.add(key);
    }
    gone.extend(before.left);
    windows.extend(gone.into_iter().map(|key| (key.config.name.clone(), Arc::clone(&key.requests))));
    windows.retain(|_, window| holds_any(window, now));
    (keys, windows)
}

fn holds_any(window: &Mutex<MinuteWindow>, now: Instant) -> bool {
    let window = window.lock().unwrap_or_else(PoisonError::into_inner);
    window.peek(now, NonZeroU32::MAX).map_or(true, |room| room.remaining < u32::MAX)
}
