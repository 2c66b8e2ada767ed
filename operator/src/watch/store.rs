//! What a watch has said so far, by name; and whether the last word changed anything.
//!
//! Not kube's reflector: that one forgets the object before, so that nobody can tell our own status from a change.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::watcher::Event;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use weir_config::ObjectName;

/// What a store holds: cheap to clone, and able to tell whether it is the same as another.
pub trait Held: Clone {
    /// The object's metadata.
    fn meta(&self) -> &ObjectMeta;
    /// Whether nothing that matters here differs.
    fn is_same(&self, other: &Self) -> bool;
}

/// The objects of one kind in one scope.
#[derive(Debug)]
pub struct Store<H> {
    state: RwLock<State<H>>,
    /// The last look at everything of which the whole list has come.
    look: AtomicU64,
}

#[derive(Debug)]
struct State<H> {
    objects: BTreeMap<ObjectName, H>,
    /// What a new list has brought so far; it takes the place of `objects` when it is complete.
    list: Option<BTreeMap<ObjectName, H>>,
    complete: bool,
}

/// Which object this is.
pub fn name_of(meta: &ObjectMeta) -> ObjectName {
    ObjectName::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

impl<H> Default for Store<H> {
    /// An empty one, not complete before the first list is.
    fn default() -> Self {
        let state = RwLock::new(State { objects: BTreeMap::new(), list: None, complete: false });
        Self { state, look: AtomicU64::new(0) }
    }
}

impl<H: Held> Store<H> {
    /// Takes a watch's word. True if something came, went, or is not the same as before.
    pub fn take(&self, event: Event<H>) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => state.list = Some(BTreeMap::new()),
            Event::InitApply(object) => {
                if let Some(list) = &mut state.list {
                    list.insert(name_of(object.meta()), object);
                }
            }
            Event::InitDone => return state.replace(),
            Event::Apply(object) => {
                let before = state.objects.insert(name_of(object.meta()), object.clone());
                return !before.is_some_and(|before| before.is_same(&object));
            }
            Event::Delete(object) => return state.objects.remove(&name_of(object.meta())).is_some(),
        }
        false
    }

    /// Whether a whole list has come.
    pub fn is_complete(&self) -> bool {
        self.read().complete
    }

    /// Notes that a whole list has come of this look. True if it is not the one before.
    pub fn has_looked(&self, look: u64) -> bool {
        self.look.swap(look, Ordering::Release) != look
    }

    /// The last look of which a whole list has come.
    pub fn look(&self) -> u64 {
        self.look.load(Ordering::Acquire)
    }

    /// The object of this name.
    pub fn get(&self, name: &ObjectName) -> Option<H> {
        self.read().objects.get(name).cloned()
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<H> {
        self.read().objects.values().cloned().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, State<H>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: Held> State<H> {
    fn replace(&mut self) -> bool {
        let list = self.list.take().unwrap_or_default();
        let unchanged = self.complete
            && list.len() == self.objects.len()
            && list
                .iter()
                .zip(&self.objects)
                .all(|((name, new), (known, old))| name == known && old.is_same(new));
        self.objects = list;
        self.complete = true;
        !unchanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    fn object(name: &str, version: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.namespace = Some("a".to_owned());
        object.metadata.name = Some(name.to_owned());
        object.metadata.resource_version = Some(version.to_owned());
        object
    }

    impl Held for ConfigMap {
        fn meta(&self) -> &ObjectMeta {
            &self.metadata
        }

        fn is_same(&self, other: &Self) -> bool {
            self.metadata.resource_version == other.metadata.resource_version
        }
    }

    fn list(store: &Store<ConfigMap>, objects: &[ConfigMap]) -> bool {
        store.take(Event::Init);
        for object in objects {
            store.take(Event::InitApply(object.clone()));
        }
        store.take(Event::InitDone)
    }

    #[test]
    fn what_did_not_change_is_no_news() {
        let store = Store::default();
        assert!(!store.is_complete());
        assert!(list(&store, &[]), "the first list is news, even an empty one");
        assert!(store.is_complete());
        assert!(store.take(Event::Apply(object("x", "1"))));
        assert!(!store.take(Event::Apply(object("x", "1"))));
        assert!(store.take(Event::Apply(object("x", "2"))));
        assert!(!list(&store, &[object("x", "2")]));
        assert!(list(&store, &[object("x", "3")]));
        assert!(store.take(Event::Delete(object("x", "3"))));
        assert!(!store.take(Event::Delete(object("x", "3"))));
    }

    #[test]
    fn an_object_that_a_new_list_lacks_is_gone() {
        let store = Store::default();
        list(&store, &[object("x", "1"), object("y", "1")]);
        assert!(list(&store, &[object("y", "1")]));
        assert!(store.get(&ObjectName::new("a", "x")).is_none());
        assert_eq!(store.all().len(), 1);
    }

    #[test]
    fn a_list_that_breaks_off_changes_nothing() {
        let store = Store::default();
        list(&store, &[object("x", "1")]);
        store.take(Event::Init);
        assert!(store.get(&ObjectName::new("a", "x")).is_some());
    }
}
