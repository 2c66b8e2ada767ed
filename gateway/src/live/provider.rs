//! Providers, ready to be called.

use crate::label::Label;
use crate::upstream::Site;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_config::{ObjectName, Provider, Snapshot};

/// A provider that can be called.
#[derive(Debug, Clone)]
pub(super) struct LiveProvider {
    pub(super) config: Arc<Provider>,
    pub(super) site: Arc<Site>,
    pub(super) label: Label,
}

pub(super) type Providers = BTreeMap<ObjectName, LiveProvider>;

/// A site is kept, connections and all, while requests go where they went, with the same credential.
pub(super) fn providers(snapshot: &Snapshot, previous: Option<&Providers>) -> Providers {
    let mut providers = Providers::new();
    for config in &snapshot.providers {
        let credential = snapshot.credentials.get(&config.name);
        let before = previous.and_then(|before| before.get(&config.name));
        let kept = before.filter(|before| before.site.is_of(config, credential));
        let (site, label) = match kept {
            Some(before) => (Arc::clone(&before.site), before.label.clone()),
            None => match Site::new(config, credential) {
                Ok(site) => (Arc::new(site), Label::new(&config.name.to_string())),
                Err(error) => {
                    tracing::error!(%error, "a provider is left out");
                    continue;
                }
            },
        };
        providers.insert(config.name.clone(), LiveProvider { config: Arc::clone(config), site, label });
    }
    providers
}

/// The providers that are not what they were: new, gone, or others.
pub(super) fn changed<'a>(
    providers: &'a Providers,
    before: Option<&'a Providers>,
) -> BTreeSet<&'a ObjectName> {
    let same = |name: &ObjectName, provider: &LiveProvider| {
        let other = before.and_then(|before| before.get(name));
        other.is_some_and(|other| {
            Arc::ptr_eq(&other.config, &provider.config) && Arc::ptr_eq(&other.site, &provider.site)
        })
    };
    let new = providers.iter().filter(|(name, provider)| !same(name, provider)).map(|(name, _)| name);
    let gone = before.into_iter().flat_map(BTreeMap::keys).filter(|name| !providers.contains_key(*name));
    new.chain(gone).collect()
}
