//! Everything that was ever said of the objects of a namespace, from the API server's own watch.

use futures_util::StreamExt as _;
use kube::api::{DynamicObject, WatchEvent, WatchParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::task::JoinSet;
use weir_cluster::world::{Objects, text};
use weir_crds::Kind;

type Versions = Arc<Mutex<BTreeMap<String, Vec<Value>>>>;

/// Every version of every object, by uid.
pub(super) struct History {
    versions: Versions,
    #[expect(dead_code, reason = "they watch for as long as they are held")]
    watches: JoinSet<()>,
}

impl History {
    pub(super) async fn of(objects: &Objects) -> Self {
        let versions = Versions::default();
        let mut watches = JoinSet::new();
        for kind in Kind::ALL {
            let events = objects.api(kind).watch(&WatchParams::default().timeout(290), "0").await.unwrap();
            let into = versions.clone();
            watches.spawn(async move {
                let mut events = Box::pin(events);
                while let Some(event) = events.next().await {
                    if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event.unwrap() {
                        note(&into, &object);
                    }
                }
            });
        }
        Self { versions, watches }
    }

    /// Asserts that every condition says since when it has its status, and that only a change of the status changes
    /// that. Gives the number of such changes.
    pub(super) fn check(&self) -> usize {
        let versions = self.versions.lock().unwrap();
        versions.values().flat_map(|of_one| of_one.windows(2)).map(|two| changed(&two[0], &two[1])).sum()
    }
}

fn note(into: &Versions, object: &DynamicObject) {
    let uid = object.metadata.uid.clone().unwrap();
    into.lock().unwrap().entry(uid).or_default().push(json!(object));
}

fn conditions(object: &Value) -> BTreeMap<&str, &Value> {
    let all = object.pointer("/status/conditions").and_then(Value::as_array);
    all.into_iter().flatten().map(|it| (text(it, "/type").unwrap(), it)).collect()
}

/// How many conditions have another status in `after` than in `before`.
fn changed(before: &Value, after: &Value) -> usize {
    let (old, new) = (conditions(before), conditions(after));
    let both = new.iter().filter_map(|(name, now)| Some((name, *old.get(name)?, *now)));
    let mut flips = 0;
    for (name, was, now) in both {
        let [since, before] = [now, was].map(|it| text(it, "/lastTransitionTime").unwrap());
        let story = || format!("{name}\n{was:#}\n{now:#}");
        if was["status"] == now["status"] {
            assert_eq!(since, before, "it has not flipped: {}", story());
        } else {
            // Whole seconds of one form: their texts are in order as they are.
            assert!(since >= before, "{}", story());
            flips += 1;
        }
    }
    flips
}
