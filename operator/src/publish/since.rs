//! In which generation each object's fragment last changed: a gateway runs an object's last change if it runs that
//! generation or a later one (semantics S8.5). Found by comparing with what was published before, so that it needs
//! no memory of its own.

use std::collections::HashMap;
use std::sync::Arc;
use weir_config::{ObjectName, Snapshot};
use weir_crds::Kind;

/// By object; those of one gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Since(HashMap<(Kind, ObjectName), u64>);

impl Since {
    /// For a snapshot of which only the generation is known: as if all of it had changed in that one. Too late for
    /// most, too early for none.
    pub fn all(snapshot: &Snapshot, generation: u64) -> Self {
        Self(objects(snapshot).map(|object| (object, generation)).collect())
    }

    /// After `before` was replaced by `after` in `generation`.
    pub fn advance(&mut self, before: Option<&Snapshot>, after: &Snapshot, generation: u64) {
        let Some(before) = before else {
            *self = Self::all(after, generation);
            return;
        };
        if before.gateway != after.gateway {
            self.0.insert((Kind::Gateway, after.gateway.name.clone()), generation);
        }
        let changes = compare(
            &before.providers,
            &after.providers,
            |it| &it.name,
            |one, two| one == two && before.credentials.get(&one.name) == after.credentials.get(&one.name),
        );
        self.note(Kind::Provider, changes, generation);
        let changes = compare(&before.routes, &after.routes, |it| &it.name, PartialEq::eq);
        self.note(Kind::Route, changes, generation);
        let changes = compare(&before.keys, &after.keys, |it| &it.name, PartialEq::eq);
        self.note(Kind::Key, changes, generation);
    }

    fn note(&mut self, kind: Kind, changes: Vec<Change<'_>>, generation: u64) {
        for change in changes {
            match change {
                Change::Gone(name) => drop(self.0.remove(&(kind, name.clone()))),
                Change::New(name) => drop(self.0.insert((kind, name.clone()), generation)),
            }
        }
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

enum Change<'a> {
    Gone(&'a ObjectName),
    /// Or another than before.
    New(&'a ObjectName),
}

/// What differs between two lists. Both are in the order of names, as snapshots are, so one walk is enough.
fn compare<'a, T>(
    before: &'a [Arc<T>],
    after: &'a [Arc<T>],
    name_of: impl Fn(&T) -> &ObjectName,
    is_same: impl Fn(&T, &T) -> bool,
) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    let mut old = before.iter().peekable();
    for new in after {
        while let Some(gone) = old.next_if(|old| name_of(old) < name_of(new)) {
            changes.push(Change::Gone(name_of(gone)));
        }
        let known = old.next_if(|old| name_of(old) == name_of(new));
        if !known.is_some_and(|old| Arc::ptr_eq(old, new) || is_same(old, new)) {
            changes.push(Change::New(name_of(new)));
        }
    }
    changes.extend(old.map(|gone| Change::Gone(name_of(gone))));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeMap;
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
        #[test]
        fn s8_5_an_object_is_as_old_as_its_last_change(
            lives in prop::collection::vec(prop::collection::btree_map("[a-e]", 0..3u8, 0..5), 1..8),
        ) {
            let named = |life: &BTreeMap<String, u8>| -> Vec<Arc<(ObjectName, u8)>> {
                life.iter().map(|(name, spec)| Arc::new((ObjectName::new("a", name.as_str()), *spec))).collect()
            };
            let mut since = Since::default();
            let mut expected: BTreeMap<String, u64> = BTreeMap::new();
            let mut before = BTreeMap::new();
            for (life, generation) in lives.iter().zip(1..) {
                let (old, new) = (named(&before), named(life));
                since.note(Kind::Key, compare(&old, &new, |it| &it.0, PartialEq::eq), generation);
                expected.retain(|name, _| life.contains_key(name));
                let changed = life.iter().filter(|(name, spec)| before.get(*name) != Some(*spec));
                expected.extend(changed.map(|(name, _)| (name.clone(), generation)));
                before = life.clone();
                let known = since.0.iter().map(|((_, name), since)| (name.name.clone(), *since)).collect::<BTreeMap<_, _>>();
                prop_assert_eq!(&known, &expected);
            }
        }

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
