//! A part's objects, as every format reads them.

use super::form::Form;
use super::unreadable::Unreadable;
use crate::{Gateway, Key, ObjectName, Provider, Route, Secret};
use std::sync::Arc;

/// A part's objects. Whoever keeps it for as long as the part is unchanged keeps every object shared between
/// snapshots (semantics S8.3).
#[derive(Debug, Clone, Default)]
pub struct Fragment {
    pub(super) gateways: Vec<Arc<Gateway>>,
    pub(super) providers: Vec<Arc<Provider>>,
    pub(super) routes: Vec<Arc<Route>>,
    pub(super) keys: Vec<Arc<Key>>,
    pub(super) credentials: Vec<(ObjectName, Secret)>,
}

impl Fragment {
    /// What a part says that is not secret.
    pub(super) fn public(
        gateways: Vec<impl Form<Gateway>>,
        providers: Vec<impl Form<Provider>>,
        routes: Vec<impl Form<Route>>,
    ) -> Self {
        Self {
            gateways: shared(gateways),
            providers: shared(providers),
            routes: shared(routes),
            ..Self::default()
        }
    }

    /// What a secret part says.
    pub(super) fn secret(
        keys: Vec<impl Form<Key>>,
        credentials: Vec<impl Form<(ObjectName, Secret)>>,
    ) -> Self {
        Self { keys: shared(keys), credentials: credentials.read(), ..Self::default() }
    }

    /// Whether the objects of each kind are sorted, and none is there twice. `part` is what they are in.
    pub(super) fn check_order(&self, part: &str) -> Result<(), Unreadable> {
        ascending(part, &self.providers, |provider| &provider.name)?;
        ascending(part, &self.routes, |route| &route.name)?;
        ascending(part, &self.keys, |key| &key.name)?;
        ascending(part, &self.credentials, |(provider, _)| provider)
    }
}

fn shared<T>(forms: Vec<impl Form<T>>) -> Vec<Arc<T>> {
    forms.into_iter().map(|form| Arc::new(form.read())).collect()
}

fn ascending<T>(part: &str, items: &[T], name: impl Fn(&T) -> &ObjectName) -> Result<(), Unreadable> {
    let wrong = items.array_windows().find(|[before, after]| name(before) >= name(after));
    match wrong {
        None => Ok(()),
        Some([_, after]) => Err(Unreadable::Order { part: part.to_owned(), name: name(after).clone() }),
    }
}
