//! How a world stands: what is published as a reader would read it, what statuses say, which Secrets keys have.
//! Two worlds that went through the same stand alike, whatever happened on the way.

use super::story;
use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use weir_cluster::world::{Objects, is_ready};
use weir_config::published::{Index, PART_KEY, Store, assemble, decompress, index_name, part_names};
use weir_crds::Kind;

/// What does not depend on when something happened, nor on chance: values by where they are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct End(BTreeMap<String, Value>);

/// What is published for a gateway.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) index: Index,
    /// As a reader sees it, in JSON.
    pub(super) snapshot: Value,
}

impl End {
    /// How it stands now.
    ///
    /// # Errors
    /// It is no end: something is under way, left over, or does not fit together.
    pub(super) async fn read(objects: &Objects) -> Result<Self> {
        let published = published(objects).await?;
        no_part_is_left_over(objects, &published.index).await?;
        let world = json!({
            "statuses": statuses(objects).await?,
            "snapshot": published.snapshot,
            "minted": minted(objects).await?,
            "children": children(objects).await?,
        });
        let mut leaves = BTreeMap::new();
        flatten("", without_chance(world, &objects.namespace), &mut leaves);
        Ok(Self(leaves))
    }

    /// What is here and not there, or otherwise.
    pub(super) fn beside(&self, there: &Self) -> Vec<String> {
        let places: BTreeSet<&String> = self.0.keys().chain(there.0.keys()).collect();
        let differ = places.into_iter().filter(|place| self.0.get(*place) != there.0.get(*place));
        differ
            .map(|place| format!("{place}: {:?}, not {:?}", self.0.get(place), there.0.get(place)))
            .collect()
    }
}

/// What is published for the gateway `main`.
///
/// # Errors
/// Nothing is, or it does not fit together.
pub(super) async fn published(objects: &Objects) -> Result<Published> {
    let maps: Api<ConfigMap> = Api::namespaced(objects.client.clone(), &objects.namespace);
    let secrets: Api<Secret> = Api::namespaced(objects.client.clone(), &objects.namespace);
    let index = maps.get(&index_name("main")).await.context("the index")?;
    let json = index.data.and_then(|mut data| data.remove("index.json")).context("the index's text")?;
    let index = Index::from_json(json.as_bytes())?;
    let mut parts = BTreeMap::new();
    for (name, part) in &index.parts {
        let stored = match part.store {
            Store::ConfigMap => maps.get(name).await?.binary_data.and_then(|mut data| data.remove(PART_KEY)),
            Store::Secret => secrets.get(name).await?.data.and_then(|mut data| data.remove(PART_KEY)),
        };
        parts.insert(name.clone(), decompress(name, part, &stored.context(name.clone())?.0)?);
    }
    assemble(&index, &parts)?;
    Ok(Published { index, snapshot: joined(&parts)? })
}

/// The lists of all parts; what else a part says of itself is not the snapshot's.
fn joined(parts: &BTreeMap<String, Vec<u8>>) -> Result<Value> {
    let mut joined: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for json in parts.values() {
        let part: BTreeMap<String, Value> = serde_json::from_slice(json)?;
        for (list, items) in part {
            if let Value::Array(mut items) = items {
                joined.entry(list).or_default().append(&mut items);
            }
        }
    }
    Ok(json!(joined))
}

async fn no_part_is_left_over(objects: &Objects, index: &Index) -> Result<()> {
    let maps: Api<ConfigMap> = Api::namespaced(objects.client.clone(), &objects.namespace);
    let secrets: Api<Secret> = Api::namespaced(objects.client.clone(), &objects.namespace);
    let names = part_names("main");
    let possible: BTreeSet<String> = names.config_maps.into_iter().chain(names.secrets).collect();
    let maps = maps.list(&ListParams::default()).await?.items.into_iter().map(|map| map.name_any());
    let secrets = secrets.list(&ListParams::default()).await?.items.into_iter().map(|it| it.name_any());
    let there: BTreeSet<String> = maps.chain(secrets).filter(|name| possible.contains(name)).collect();
    ensure!(there.iter().eq(index.parts.keys()), "the index does not name what is there: {there:?}");
    Ok(())
}

async fn statuses(objects: &Objects) -> Result<BTreeMap<String, Value>> {
    let mut statuses = BTreeMap::new();
    for kind in [Kind::Gateway, Kind::Provider, Kind::Route, Kind::Key] {
        for object in objects.api(kind).list(&ListParams::default()).await?.items {
            let (name, object) = (object.name_any(), json!(object));
            ensure!(is_ready(&object), "{kind} {name} is not Ready: {:#}", object["status"]);
            statuses.insert(format!("{kind} {name}"), object["status"].clone());
        }
    }
    Ok(statuses)
}

/// What the gateway runs as: of each kind one object, but no budget, for it has no pods.
async fn children(objects: &Objects) -> Result<Vec<Value>> {
    let mut children = Vec::new();
    for api in crate::children::apis(objects) {
        let Some(child) = api.get_opt("main-gateway").await? else { continue };
        children.push(json!({ "labels": child.metadata.labels, "data": without_status(child.data) }));
    }
    ensure!(children.len() == 5, "{children:#?}");
    Ok(children)
}

fn without_status(mut data: Value) -> Value {
    if let Some(fields) = data.as_object_mut() {
        fields.remove("status");
    }
    data
}

/// Of each key the Secrets that were made for it. One that was made for a key that is gone has to go, too.
async fn minted(objects: &Objects) -> Result<BTreeMap<String, Vec<String>>> {
    let keys = objects.api(Kind::Key).list(&ListParams::default()).await?.items;
    let keys: BTreeMap<String, String> =
        keys.iter().map(|key| (key.uid().unwrap_or_default(), key.name_any())).collect();
    let secrets: Api<Secret> = Api::namespaced(objects.client.clone(), &objects.namespace);
    let mut minted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for secret in secrets.list(&ListParams::default()).await? {
        for owner in secret.owner_references().iter().filter(|owner| owner.kind == Kind::Key.name()) {
            let key =
                keys.get(&owner.uid).with_context(|| format!("{} has lost its key", secret.name_any()))?;
            minted.entry(key.clone()).or_default().push(secret.name_any());
        }
    }
    Ok(minted)
}

/// The same without times, numbers that count what happened, and what is random in this world.
fn without_chance(value: Value, namespace: &str) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| !story::CHANCE.contains(&name.as_str()));
            Value::Object(kept.map(|(name, value)| (name, without_chance(value, namespace))).collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> =
                items.into_iter().map(|item| without_chance(item, namespace)).collect();
            // The API server merges lists in the order in which their items came.
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        Value::String(text) => Value::String(text.replace(namespace, "NAMESPACE")),
        other => other,
    }
}

/// Every leaf of `value` by its JSON pointer.
fn flatten(place: &str, value: Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.into_iter().for_each(|(name, value)| flatten(&format!("{place}/{name}"), value, into));
        }
        Value::Array(items) if !items.is_empty() => {
            let items = items.into_iter().enumerate();
            items.for_each(|(at, value)| flatten(&format!("{place}/{at}"), value, into));
        }
        leaf => drop(into.insert(place.to_owned(), leaf)),
    }
}
