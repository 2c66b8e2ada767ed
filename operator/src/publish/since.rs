//! In which generation each object's fragment last changed: a gateway runs an object's last change if it runs that
//! generation or a later one (semantics S8.5). Found by comparing with what was published before, so that it needs
//! no memory of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use weir_config::{ObjectName, Snapshot};
use weir_crds::Kind;

/// By object; those of one gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Since(BTreeMap<(Kind, ObjectName), u64>);

impl Since {
    /// For a snapshot of which only the generation is known: as if all of it had changed in that one. Too late for
    /// most, too early for none.
    pub fn all(snapshot: &Snapshot, generation: u64) -> Self {
        Self(objects(snapshot).map(|object| (object, generation)).collect())
    }

    /// After `before` was replaced by `after` in `generation`.
    pub fn advance(&mut self, before: Option<&Snapshot>, after: &Snapshot, generation: u64) {
        let old = std::mem::take(&mut self.0);
        self.0 = objects(after)
            .map(|object| {
                let kept = before.filter(|before| is_unchanged(before, after, &object));
                let since = kept.and_then(|_| old.get(&object).copied()).unwrap_or(generation);
                (object, since)
            })
            .collect();
    }

    /// When this object last changed; nothing if the gateway has nothing of it.
    pub fn of(&self, object: &(Kind, ObjectName)) -> Option<u64> {
        self.0.get(object).copied()
    }
}

fn objects(snapshot: &Snapshot) -> impl Iterator<Item = (Kind, ObjectName)> {
    let gateway = std::iter::once((Kind::Gateway, snapshot.gateway.name.clone()));
    let providers = snapshot.providers.iter().map(|provider| (Kind::Provider, provider.name.clone()));
    let routes = snapshot.routes.iter().map(|route| (Kind::Route, route.name.clone()));
    let keys = snapshot.keys.iter().map(|key| (Kind::Key, key.name.clone()));
    gateway.chain(providers).chain(routes).chain(keys)
}

fn is_unchanged(before: &Snapshot, after: &Snapshot, (kind, name): &(Kind, ObjectName)) -> bool {
    match kind {
        Kind::Gateway => before.gateway == after.gateway,
        Kind::Provider => {
            let find = |snapshot: &Snapshot| find(&snapshot.providers, name, |provider| &provider.name);
            find(before) == find(after) && before.credentials.get(name) == after.credentials.get(name)
        }
        Kind::Route => {
            find(&before.routes, name, |route| &route.name) == find(&after.routes, name, |route| &route.name)
        }
        Kind::Key => find(&before.keys, name, |key| &key.name) == find(&after.keys, name, |key| &key.name),
    }
}

/// Snapshots are sorted by name.
fn find<T>(sorted: &[Arc<T>], name: &ObjectName, name_of: impl Fn(&T) -> &ObjectName) -> Option<Arc<T>> {
    let at = sorted.binary_search_by(|item| name_of(item).cmp(name)).ok()?;
    sorted.get(at).cloned()
}
