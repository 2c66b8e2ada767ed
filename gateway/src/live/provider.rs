//! Providers, ready to be called.

use super::health::Healths;
use crate::label::Label;
use crate::upstream::Site;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_config::{Digest, ObjectName, Provider, Snapshot};

/// A provider that can be called.
#[derive(Debug, Clone)]
pub(super) struct LiveProvider {
    pub(super) config: Arc<Provider>,
    pub(super) site: Arc<Site>,
    pub(super) name: Label,
    pub(super) healths: Arc<Healths>,
    /// What tells it from all others in a few letters and digits.
    pub(super) mark: Arc<str>,
}

pub(super) type Providers = BTreeMap<ObjectName, LiveProvider>;

/// A site is kept, connections and all, while requests go where they went, with the same credential; what was learned
/// there, too.
pub(super) fn providers(snapshot: &Snapshot, previous: Option<&Providers>) -> Providers {
    let mut named = names(snapshot);
    let mut providers = Providers::new();
    for config in &snapshot.providers {
        let credential = snapshot.credentials.get(&config.name);
        let before = previous.and_then(|before| before.get(&config.name));
        let kept = before.filter(|before| before.site.is_of(config, credential));
        let (site, name) = match kept {
            Some(before) => (Arc::clone(&before.site), before.name.clone()),
            None => match Site::new(config, credential) {
                Ok(site) => (Arc::new(site), Label::new(&config.name.to_string())),
                Err(error) => {
                    tracing::error!(%error, "a provider is left out");
                    continue;
                }
            },
        };
        let names = named.remove(&config.name).unwrap_or_default();
        let learned = kept.map(|before| &before.healths);
        let healths = Healths::of(names.into_iter(), learned.map(|learned| &**learned));
        let healths = match learned {
            Some(learned) if learned.are_of_the_same(&healths) => Arc::clone(learned),
            _ => Arc::new(healths),
        };
        let (config, mark) = (Arc::clone(config), mark(&config.name));
        providers.insert(config.name.clone(), LiveProvider { config, site, name, healths, mark });
    }
    providers
}

/// The first 32 bits of a hash of `name`.
fn mark(name: &ObjectName) -> Arc<str> {
    let digest = Digest::of(name.to_string().as_bytes()).to_string();
    digest.get(..8).unwrap_or_default().into()
}

/// The names by which each provider may be asked for the models that the configuration names: those of its list, and those
/// in its routes, which hold where it lists none.
fn names(snapshot: &Snapshot) -> BTreeMap<&ObjectName, BTreeSet<&str>> {
    let mut names: BTreeMap<&ObjectName, BTreeSet<&str>> = BTreeMap::new();
    for provider in &snapshot.providers {
        let listed = provider.models.iter().map(|model| model.upstream_name.as_str());
        names.insert(&provider.name, listed.collect());
    }
    for route in &snapshot.routes {
        for target in &route.targets {
            let asked = target.model.as_deref().or(route.model.exact());
            if let (Some(asked), Some(names)) = (asked, names.get_mut(&target.provider)) {
                names.insert(asked);
            }
        }
    }
    names
}

/// The providers that are not what they were: new, gone, or others.
pub(super) fn changed<'a>(
    providers: &'a Providers,
    before: Option<&'a Providers>,
) -> BTreeSet<&'a ObjectName> {
    let same = |name: &ObjectName, provider: &LiveProvider| {
        let other = before.and_then(|before| before.get(name));
        other.is_some_and(|other| {
            Arc::ptr_eq(&other.config, &provider.config)
                && Arc::ptr_eq(&other.site, &provider.site)
                && Arc::ptr_eq(&other.healths, &provider.healths)
        })
    };
    let new = providers.iter().filter(|(name, provider)| !same(name, provider)).map(|(name, _)| name);
    let gone = before.into_iter().flat_map(BTreeMap::keys).filter(|name| !providers.contains_key(*name));
    new.chain(gone).collect()
}
