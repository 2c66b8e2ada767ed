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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;
    use weir_compile::{Input, compile};

    /// A world in which the model of a route, the limit of a key and a provider's timer are these.
    fn snapshot(model: &str, limit: u32, seconds: u32) -> Snapshot {
        fn read<T: serde::de::DeserializeOwned>(name: &str, spec: serde_json::Value) -> Arc<T> {
            let metadata = json!({ "name": name, "namespace": "a" });
            let object =
                json!({ "apiVersion": "weir.dev/v1alpha1", "kind": "", "metadata": metadata, "spec": spec });
            Arc::new(serde_json::from_value(object).unwrap())
        }
        let target = json!({ "name": "t", "providerRef": { "name": "p" }, "model": "m" });
        let input = Input {
            gateways: vec![read("default", json!({}))],
            providers: vec![read(
                "p",
                json!({ "vendor": "Mock", "timeouts": { "total": format!("{seconds}s") } }),
            )],
            routes: vec![read("r", json!({ "model": model, "targets": [target] }))],
            keys: vec![read(
                "k",
                json!({
                    "source": { "digests": [{ "sha256": "00".repeat(32) }] },
                    "allowedModels": ["*"],
                    "limits": { "requestsPerMinute": limit },
                }),
            )],
            ..Input::default()
        };
        compile(&input).gateways.into_values().next().unwrap()
    }

    fn at(since: &Since) -> [Option<u64>; 4] {
        let of = |kind, name: &str| since.of(&(kind, ObjectName::new("a", name)));
        [of(Kind::Gateway, "default"), of(Kind::Provider, "p"), of(Kind::Route, "r"), of(Kind::Key, "k")]
    }

    #[test]
    fn s8_5_only_what_changed_is_of_the_new_generation() {
        let first = snapshot("chat", 1, 1);
        let mut since = Since::default();
        since.advance(None, &first, 3);
        assert_eq!(at(&since), [Some(3); 4]);
        let second = snapshot("chat", 2, 1);
        since.advance(Some(&first), &second, 4);
        assert_eq!(at(&since), [Some(3), Some(3), Some(3), Some(4)]);
        since.advance(Some(&second), &snapshot("chat", 2, 9), 5);
        assert_eq!(at(&since), [Some(3), Some(5), Some(3), Some(4)]);
        assert_eq!(since.of(&(Kind::Key, ObjectName::new("a", "other"))), None);
    }

    proptest! {
        /// After a restart nothing is said to be in force too early.
        #[test]
        fn s8_5_a_restart_never_takes_a_change_for_older(changes in prop::collection::vec((0..2u32, 0..2u32), 1..6)) {
            let snapshots: Vec<Snapshot> =
                changes.iter().map(|(limit, seconds)| snapshot("chat", limit + 1, seconds + 1)).collect();
            let mut since = Since::default();
            let mut before = None;
            for (snapshot, generation) in snapshots.iter().zip(1..) {
                since.advance(before, snapshot, generation);
                before = Some(snapshot);
            }
            let restarted = Since::all(snapshots.last().unwrap(), snapshots.len() as u64);
            for (known, read) in at(&since).into_iter().zip(at(&restarted)) {
                prop_assert!(read >= known);
            }
        }
    }
}
