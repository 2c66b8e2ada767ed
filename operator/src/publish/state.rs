//! What is known to be in the API of one gateway's configuration, and what it takes to make it another.

use super::owner::Owner;
use super::place::{Holds, Place, Unpublished, index_json, index_map};
use super::shelf::Wanted;
use super::since::Since;
use crate::watch::{Held, Picture, TOLD};
use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use std::collections::{BTreeMap, HashMap};
use tokio::time::Instant;
use weir_config::published::{
    FORMATS, Index, LeftOut, Object, Part, PartRef, Published, Revision, Store, assemble, choose_format,
    compress, decompress, encode, index_name, part_names,
};
use weir_config::{ObjectName, Snapshot};
use weir_crds::Kind;

/// So many parts are read or written at once.
const AT_ONCE: usize = 8;

/// What is known to be in the API.
#[derive(Default)]
pub(super) struct State {
    index: Option<(Index, Version)>,
    parts: BTreeMap<String, (PartRef, Version)>,
    snapshot: Option<Snapshot>,
    /// What of that the index's format has no words for.
    left_out: HashMap<(Kind, ObjectName), LeftOut>,
    since: Since,
}

/// Of one object, as it was read or written last.
#[derive(Clone)]
struct Version {
    resource: String,
    /// The watch has told of it: if it is not there any more, somebody deleted it.
    seen: bool,
    /// When it was read or written.
    since: Instant,
}

impl From<String> for Version {
    fn from(resource: String) -> Self {
        Self { resource, seen: false, since: Instant::now() }
    }
}

impl Version {
    /// After `before` was written over.
    fn after(resource: String, before: Option<&Self>) -> Self {
        Self { seen: before.is_some_and(|before| before.seen), ..resource.into() }
    }
}

impl State {
    /// Reads the index and the parts that it names.
    pub(super) async fn read(place: Place<'_>, picture: &Picture) -> Result<Self, Unpublished> {
        let name = index_name(&place.owner.name.name);
        let found = place.read::<ConfigMap>(&name).await?;
        let index =
            found.as_ref().and_then(index_json).and_then(|json| Index::from_json(json.as_bytes()).ok());
        let mut state = Self::default();
        let mut jsons = BTreeMap::new();
        if let Some(index) = &index {
            let parts = index.parts.iter().map(|(name, part)| read_part(place, name, part));
            let mut parts = stream::iter(parts.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
            while let Some((name, part, json)) = parts.try_next().await? {
                state.parts.extend(part.map(|part| (name.clone(), part)));
                jsons.extend(json.map(|json| (name, json)));
            }
        }
        state.orphans(place, picture);
        state.snapshot = index.as_ref().and_then(|index| assemble(index, &jsons).ok());
        if let Some((snapshot, index)) = state.snapshot.as_ref().zip(index.as_ref()) {
            state.since = Since::all(snapshot, index.generation);
        }
        // An index that cannot be read is written anew over what is there, whatever is in it, and goes on counting.
        let claimed = found.as_ref().and_then(index_json).map(claimed_by).unwrap_or_default();
        state.index = found.map(|map| {
            let version = map.metadata.resource_version.unwrap_or_default();
            (index.unwrap_or_else(|| nothing(claimed)), version.into())
        });
        Ok(state)
    }

    /// Notes the parts that an earlier life wrote and no index names: they are written over or deleted.
    fn orphans(&mut self, place: Place<'_>, picture: &Picture) {
        let names = part_names(&place.owner.name.name);
        let maps = names.config_maps.into_iter().map(|name| (Store::ConfigMap, name));
        for (store, name) in maps.chain(names.secrets.into_iter().map(|name| (Store::Secret, name))) {
            let known = self.parts.contains_key(&name);
            if let Some(resource) = watched(picture, place.owner, store, &name).filter(|_| !known) {
                let reference = PartRef { store, ..unknown(store) };
                self.parts.insert(name, (reference, resource.into()));
            }
        }
    }

    /// Whether somebody else has changed or deleted what was written here, as far as the watch has told.
    pub(super) fn has_drifted(&mut self, owner: &Owner, picture: &Picture) -> bool {
        let index = index_name(&owner.name.name);
        let index = self.index.iter_mut().map(|(_, version)| (Store::ConfigMap, &index, version));
        let parts = self.parts.iter_mut().map(|(name, (part, version))| (part.store, name, version));
        let mut drifted = false;
        for (store, name, version) in index.chain(parts) {
            match watched(picture, owner, store, name) {
                Some(resource) => {
                    version.seen = true;
                    drifted |= is_newer(&resource, &version.resource);
                }
                None => drifted |= version.seen || version.since.elapsed() >= TOLD,
            }
        }
        drifted
    }

    /// The same, unless somebody else has changed or deleted any of it.
    pub(super) fn unless_drifted(mut self, owner: &Owner, picture: &Picture) -> Option<Self> {
        (!self.has_drifted(owner, picture)).then_some(self)
    }

    /// When to ask for drift although nothing wakes us: something that was written here has yet to be told of.
    pub(super) fn look_again(&self) -> Option<Instant> {
        let index = self.index.iter().map(|(_, version)| version);
        let all = index.chain(self.parts.values().map(|(_, version)| version));
        all.filter(|version| !version.seen).map(|version| version.since + TOLD).min()
    }

    /// What gateways report when they run this.
    pub(super) fn revision(&self) -> Option<Revision> {
        self.index.as_ref().map(|(index, _)| index.revision())
    }

    /// How many bytes it is, uncompressed.
    pub(super) fn bytes(&self) -> u64 {
        self.index.as_ref().map_or(0, |(index, _)| index.parts.values().map(|part| part.bytes).sum())
    }

    /// The index's version in the API.
    pub(super) fn version(&self) -> Option<&str> {
        self.index.as_ref().map(|(_, version)| version.resource.as_str())
    }

    /// The generation of the last change of an object's fragment.
    pub(super) fn since(&self, object: &(Kind, ObjectName)) -> Option<u64> {
        self.since.of(object)
    }

    /// Of the index that is there; 0 without one.
    pub(super) fn generation(&self) -> u64 {
        self.index.as_ref().map_or(0, |(index, _)| index.generation)
    }

    /// In which format that is; 0 without one.
    pub(super) fn format_there(&self) -> u32 {
        self.index.as_ref().map_or(0, |(index, _)| index.format)
    }

    /// What of an object its format has no words for.
    pub(super) fn left_out(&self, object: &(Kind, ObjectName)) -> Option<&LeftOut> {
        self.left_out.get(object)
    }

    /// Whether `readers` want another format than the one that is there.
    pub(super) fn wants_format(&self, readers: &[Option<Vec<u32>>]) -> bool {
        self.index.as_ref().is_some_and(|(there, _)| self.format(readers) != there.format)
    }

    /// The newest format that all pods read (semantics S8.4).
    fn format(&self, readers: &[Option<Vec<u32>>]) -> u32 {
        choose_format(readers.iter().map(Option::as_deref), self.format_there(), FORMATS)
    }

    /// What the next index follows: the one that is there, but never one of before the generation `counted`.
    fn previous(&self, counted: u64) -> Option<Index> {
        let there = self.index.as_ref().map(|(index, _)| index.clone());
        let previous =
            there.or_else(|| (counted > 0).then(|| nothing(Claimed { format: 0, generation: counted })));
        previous.map(|index| Index { generation: index.generation.max(counted), ..index })
    }

    /// Whether another index would be written.
    pub(super) fn would_change(&self, wanted: Wanted<'_>, counted: u64) -> Result<bool, Unpublished> {
        let format = self.format(wanted.readers);
        let published = encode(wanted.snapshot, self.previous(counted).as_ref(), format)?;
        Ok(self.index.as_ref().is_none_or(|(there, _)| *there != published.index))
    }

    /// Writes what differs from what is wanted, the index last.
    pub(super) async fn write(
        &mut self,
        place: Place<'_>,
        Wanted { snapshot, readers, .. }: Wanted<'_>,
        counted: u64,
    ) -> Result<(), Unpublished> {
        let format = self.format(readers);
        let published = encode(snapshot, self.previous(counted).as_ref(), format)?;
        let changed = published.parts.iter().filter(|part| self.is_new(part));
        let writes = changed.map(|part| write_part(place, part, self.version_of(&part.name)));
        let written: Vec<(String, PartRef, String)> =
            stream::iter(writes.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await?;
        for (name, part, version) in written {
            let version = Version::after(version, self.parts.get(&name).map(|(_, before)| before));
            self.parts.insert(name, (part, version));
        }
        let Published { index, left_out, .. } = published;
        if self.index.as_ref().is_none_or(|(there, _)| *there != index) {
            let json = index.to_json()?;
            let name = index_name(&place.owner.name.name);
            let known = self.index.as_ref().map(|(_, version)| version.resource.as_str());
            let version = place.write(&name, known, index_map(json)).await?;
            // In other words all of it is another: what one format forgets is in force with the next.
            let same_words = self.index.as_ref().is_some_and(|(there, _)| there.format == index.format);
            self.since.advance(self.snapshot.as_ref().filter(|_| same_words), snapshot, index.generation);
            let (gateway, generation, left_out) = (&place.owner.name, index.generation, left_out.len());
            tracing::info!(%gateway, generation, format, left_out, "configuration published");
            let version = Version::after(version, self.index.as_ref().map(|(_, before)| before));
            self.index = Some((index, version));
        } else if self.snapshot.is_none() {
            self.since = Since::all(snapshot, index.generation);
        }
        self.snapshot = Some(snapshot.clone());
        self.left_out = left_out.into_iter().map(by_kind).collect();
        self.sweep(place).await
    }

    /// Deletes the parts that the index does not name any more.
    async fn sweep(&mut self, place: Place<'_>) -> Result<(), Unpublished> {
        let Some((index, _)) = &self.index else { return Ok(()) };
        let named = |name: &String| index.parts.contains_key(name);
        let gone: Vec<String> = self.parts.keys().filter(|name| !named(name)).cloned().collect();
        for name in gone {
            let Some((part, version)) = self.parts.remove(&name) else { continue };
            match part.store {
                Store::ConfigMap => place.delete::<ConfigMap>(&name, &version.resource).await?,
                Store::Secret => place.delete::<Secret>(&name, &version.resource).await?,
            }
        }
        Ok(())
    }

    fn is_new(&self, part: &Part) -> bool {
        self.parts.get(&part.name).is_none_or(|(known, _)| known.sha256 != part.sha256)
    }

    fn version_of(&self, part: &str) -> Option<String> {
        self.parts.get(part).map(|(_, version)| version.resource.clone())
    }
}

/// The part's version, and its JSON if it is the one that the index names. A part that is not is written anew.
async fn read_part(
    place: Place<'_>,
    name: &str,
    part: &PartRef,
) -> Result<(String, Option<(PartRef, Version)>, Option<Vec<u8>>), Unpublished> {
    match part.store {
        Store::ConfigMap => read_held::<ConfigMap>(place, name, part).await,
        Store::Secret => read_held::<Secret>(place, name, part).await,
    }
}

async fn read_held<K: Holds>(
    place: Place<'_>,
    name: &str,
    part: &PartRef,
) -> Result<(String, Option<(PartRef, Version)>, Option<Vec<u8>>), Unpublished> {
    let Some(found) = place.read::<K>(name).await? else { return Ok((name.to_owned(), None, None)) };
    let json = found.part().and_then(|stored| decompress(name, part, stored).ok());
    let json = json.filter(|json| weir_config::Digest::of(json) == part.sha256);
    let reference = if json.is_some() { part.clone() } else { unknown(part.store) };
    let version = found.meta().resource_version.clone().unwrap_or_default();
    Ok((name.to_owned(), Some((reference, version.into())), json))
}

async fn write_part(
    place: Place<'_>,
    part: &Part,
    known: Option<String>,
) -> Result<(String, PartRef, String), Unpublished> {
    let bytes = compress(part)?;
    let known = known.as_deref();
    let version = match part.store {
        Store::ConfigMap => place.write(&part.name, known, ConfigMap::with_part(bytes)).await?,
        Store::Secret => place.write(&part.name, known, Secret::with_part(bytes)).await?,
    };
    Ok((part.name.clone(), part.reference(), version))
}

/// The version of an object of ours that the watch knows.
fn watched(picture: &Picture, owner: &Owner, store: Store, name: &str) -> Option<String> {
    let name = ObjectName::new(owner.name.namespace.as_str(), name);
    let meta = match store {
        Store::ConfigMap => picture.config_maps.get(&name)?.meta().clone(),
        Store::Secret => picture.secrets.get(&name)?.meta().clone(),
    };
    owner.owns(&meta).then_some(meta.resource_version?)
}

/// Whether `one` is later than `other`: since Kubernetes 1.35 resource versions of a kind are numbers that grow, and
/// before they were, too. Should they not be, whatever differs is later.
pub(crate) fn is_newer(one: &str, other: &str) -> bool {
    match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one > other,
        _ => one != other,
    }
}

/// A part of which the content is not known: it equals none.
fn unknown(store: Store) -> PartRef {
    PartRef { store, sha256: weir_config::Digest([0; 32]), bytes: 0 }
}

/// What an index says of itself that cannot be read, or not by this version.
#[derive(Clone, Copy, Default)]
struct Claimed {
    format: u32,
    generation: u64,
}

fn claimed_by(json: &str) -> Claimed {
    let index: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let number = |field: &str| index.get(field)?.as_u64();
    let format = number("format").and_then(|format| u32::try_from(format).ok());
    Claimed { format: format.unwrap_or_default(), generation: number("generation").unwrap_or_default() }
}

/// In place of an index that cannot be read: it equals none.
fn nothing(Claimed { format, generation }: Claimed) -> Index {
    Index {
        format,
        generation,
        hash: weir_config::Digest([0; 32]),
        shards: weir_config::published::Shards { public: 1, secret: 1 },
        parts: BTreeMap::new(),
    }
}

fn by_kind(left_out: LeftOut) -> ((Kind, ObjectName), LeftOut) {
    let object = match &left_out.object {
        Object::Provider(name) => (Kind::Provider, name.clone()),
        Object::Route(name) => (Kind::Route, name.clone()),
        Object::Key(name) => (Kind::Key, name.clone()),
    };
    (object, left_out)
}
