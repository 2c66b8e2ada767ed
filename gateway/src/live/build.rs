//! Builds a `Live` from a snapshot and the one before: what did not change is taken over, with its state.

use super::index::{Keys, Live, Routes, Windows};
use super::key::LiveKey;
use super::provider::{LiveProvider, Providers, changed, providers};
use super::route::{ChosenModel, LiveRoute, LiveTarget, ModelChoice};
use crate::label::{Chosen, Label};
use crate::limits::RescueBudget;
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
    let providers = providers(&snapshot, previous.map(|live| &live.providers));
    let routes = routes(&snapshot, previous, &providers, now);
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
        providers,
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

fn routes(snapshot: &Snapshot, previous: Option<&Live>, providers: &Providers, now: Instant) -> Routes {
    let changed = changed(providers, previous.map(|live| &live.providers));
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
            old => route(config, old, providers, now),
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

/// A route with its targets joined to their providers; its budget is the one that it had.
fn route(
    config: &Arc<Route>,
    before: Option<&Arc<LiveRoute>>,
    providers: &Providers,
    now: Instant,
) -> Arc<LiveRoute> {
    let joined = |target| join(target, &config.model, providers);
    let targets: Vec<_> = config.targets.iter().filter_map(joined).collect();
    let broken = config.targets.len() - targets.len();
    let rescue = before.map(|old| Arc::clone(&old.rescue));
    let rescue = rescue.unwrap_or_else(|| Arc::new(RescueBudget::new(now)));
    let label = Label::new(&config.name.to_string());
    Arc::new(LiveRoute { config: Arc::clone(config), label, targets, broken, rescue })
}

/// Without a model of its own a target uses the route's; behind a wildcard, the one asked for.
fn join(target: &Target, public: &ModelPattern, providers: &Providers) -> Option<Arc<LiveTarget>> {
    let LiveProvider { config, site, name: provider_name, healths, mark } =
        providers.get(&target.provider)?;
    let name = Label::new(&target.name);
    let model = match target.model.as_deref().or(public.exact()) {
        Some(model) => {
            let model = config.model(model)?;
            let names = Chosen::new(&name, provider_name.clone(), Label::new(&model.name));
            let health = healths.get(&model.upstream_name);
            ModelChoice::Fixed(ChosenModel { model: Arc::new(model), names, health })
        }
        None => ModelChoice::Asked,
    };
    Some(Arc::new(LiveTarget {
        name,
        provider: Arc::clone(config),
        provider_name: provider_name.clone(),
        site: Arc::clone(site),
        healths: Arc::clone(healths),
        model,
        priority: target.priority,
        mark: Arc::clone(mark),
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
