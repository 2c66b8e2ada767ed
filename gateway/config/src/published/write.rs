//! From a snapshot to parts and an index. Every object is serialised once and every byte hashed once.

use super::index::{self, Index, PartRef, Shards, Store};
use super::names::part_name;
use super::{MAX_JSON_BYTES, MAX_PART_BYTES, shards};
use crate::{Digest, ObjectName, Snapshot};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;

/// A snapshot as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// To be written last.
    pub index: Index,
    /// To be written before, those at least that differ from what is there; in the order of their names.
    pub parts: Vec<Part>,
}

/// One part, not yet compressed.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// What its object is called, without the namespace.
    pub name: String,
    /// What its object is.
    pub store: Store,
    /// Of `json`.
    pub sha256: Digest,
    /// What is in it. Secret if its store is.
    pub json: Vec<u8>,
}

/// Shows how long the JSON is, never what it says.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({}, {}, {} bytes)", self.name, self.sha256, self.json.len())
    }
}

/// Why a snapshot cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum Unpublishable {
    /// Objects do not fit into as many parts as there may be.
    #[error(
        "{part} would be larger than an object of Kubernetes may be: remove objects, or use more gateways"
    )]
    TooLarge {
        /// The part.
        part: String,
    },
    /// An object cannot be written as JSON; none of today's can be so.
    #[error("an object cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The compressor has no memory.
    #[error("{part} cannot be compressed: {source}")]
    Compress {
        /// The part.
        part: String,
        /// What the compressor says.
        source: io::Error,
    },
}

/// What `snapshot` is as parts and index. `previous`, the index in force, decides on the number of shards and the
/// generation: without one it is 1, with one of the same content it stays, else it is the next.
/// `format` is one of [`super::FORMATS`], chosen with [`super::choose_format`].
///
/// # Errors
/// A part would not fit into an object.
pub fn encode(
    snapshot: &Snapshot,
    previous: Option<&Index>,
    format: u32,
) -> Result<Published, Unpublishable> {
    let (public, secret) = shelves(snapshot)?;
    let shards = Shards {
        public: shards::count(public.text.len(), previous.map(|index| index.shards.public)),
        secret: shards::count(secret.text.len(), previous.map(|index| index.shards.secret)),
    };
    let gateway = &snapshot.gateway.name.name;
    let mut parts = public.cut(shards.public, |shard| part_name(gateway, Store::ConfigMap, shard));
    parts.extend(secret.cut(shards.secret, |shard| part_name(gateway, Store::Secret, shard)));
    parts.iter().try_for_each(check_size)?;
    let refs = parts.iter().map(|part| (part.name.clone(), part.reference())).collect();
    Ok(Published { index: index(format, shards, refs, previous), parts })
}

fn index(format: u32, shards: Shards, parts: BTreeMap<String, PartRef>, previous: Option<&Index>) -> Index {
    let hash = index::hash(&parts);
    let generation = match previous {
        None => 1,
        Some(previous) if previous.hash == hash && previous.format == format => previous.generation,
        Some(previous) => previous.generation.saturating_add(1),
    };
    Index { format, generation, hash, shards, parts }
}

/// `part` as it is stored. Slow beside all else here: only for parts that changed.
///
/// # Errors
/// The compressor has no memory.
pub fn compress(part: &Part) -> Result<Vec<u8>, Unpublishable> {
    // Higher levels are slower and make it no smaller: it is digests and a few words that recur.
    zstd::bulk::compress(&part.json, 1)
        .map_err(|source| Unpublishable::Compress { part: part.name.clone(), source })
}

impl Part {
    /// How an index refers to it.
    pub fn reference(&self) -> PartRef {
        PartRef { store: self.store, sha256: self.sha256, bytes: self.json.len() as u64 }
    }
}

/// Compresses only what might not fit: zstd makes nothing noticeably larger.
fn check_size(part: &Part) -> Result<(), Unpublishable> {
    let too_large = || Err(Unpublishable::TooLarge { part: part.name.clone() });
    if part.json.len() as u64 > MAX_JSON_BYTES {
        return too_large();
    }
    let certainly_fits = part.json.len() <= MAX_PART_BYTES / 100 * 99;
    if certainly_fits || compress(part)?.len() <= MAX_PART_BYTES { Ok(()) } else { too_large() }
}

/// The objects of one store, serialised one after the other.
struct Shelf<'a> {
    store: Store,
    /// What each section is between: a list, or a map.
    sections: &'static [(&'static str, &'static str)],
    text: Vec<u8>,
    pieces: Vec<Piece<'a>>,
}

/// One object.
struct Piece<'a> {
    section: usize,
    name: &'a ObjectName,
    hash: u32,
    at: Range<usize>,
}

fn shelves(snapshot: &Snapshot) -> serde_json::Result<(Shelf<'_>, Shelf<'_>)> {
    let mut public = Shelf::new(
        Store::ConfigMap,
        &[("{\"gateways\":[", "]"), (",\"providers\":[", "]"), (",\"routes\":[", "]}")],
    );
    public.put(0, "gateway", &snapshot.gateway.name, &snapshot.gateway)?;
    for provider in &snapshot.providers {
        public.put(1, "provider", &provider.name, provider)?;
    }
    for route in &snapshot.routes {
        public.put(2, "route", &route.name, route)?;
    }
    let mut secret = Shelf::new(Store::Secret, &[("{\"keys\":[", "]"), (",\"credentials\":[", "]}")]);
    for key in &snapshot.keys {
        secret.put(0, "key", &key.name, key)?;
    }
    for (provider, credential) in &snapshot.credentials {
        secret.put(1, "credential", provider, &(provider, credential))?;
    }
    public.sort();
    secret.sort();
    Ok((public, secret))
}

impl<'a> Shelf<'a> {
    fn new(store: Store, sections: &'static [(&'static str, &'static str)]) -> Self {
        Self { store, sections, text: Vec::new(), pieces: Vec::new() }
    }

    fn put(
        &mut self,
        section: usize,
        kind: &str,
        name: &'a ObjectName,
        object: &impl Serialize,
    ) -> serde_json::Result<()> {
        let from = self.text.len();
        serde_json::to_writer(&mut self.text, object)?;
        let (hash, at) = (shards::hash(kind, name), from..self.text.len());
        self.pieces.push(Piece { section, name, hash, at });
        Ok(())
    }

    /// Whatever order the snapshot had: readers take sorted parts only.
    fn sort(&mut self) {
        self.pieces.sort_by(|a, b| (a.section, a.name).cmp(&(b.section, b.name)));
    }

    /// The parts that `count` shards make; a shard with nothing in it makes none.
    fn cut(&self, count: u32, name: impl Fn(u32) -> String) -> Vec<Part> {
        let mut shards: Vec<Vec<&Piece<'_>>> = (0..count).map(|_| Vec::new()).collect();
        for piece in &self.pieces {
            if let Some(shard) = shards.get_mut((piece.hash % count.max(1)) as usize) {
                shard.push(piece);
            }
        }
        let filled = (0..count).zip(&shards).filter(|(_, pieces)| !pieces.is_empty());
        filled
            .map(|(shard, pieces)| {
                let json = self.json(pieces);
                Part { name: name(shard), store: self.store, sha256: Digest::of(&json), json }
            })
            .collect()
    }

    fn json(&self, pieces: &[&Piece<'_>]) -> Vec<u8> {
        let bytes: usize = pieces.iter().map(|piece| piece.at.len() + 1).sum();
        let mut json = Vec::with_capacity(bytes + 64);
        for (section, (opens, closes)) in self.sections.iter().enumerate() {
            json.extend_from_slice(opens.as_bytes());
            for (at, piece) in pieces.iter().filter(|piece| piece.section == section).enumerate() {
                if at > 0 {
                    json.push(b',');
                }
                json.extend_from_slice(self.text.get(piece.at.clone()).unwrap_or_default());
            }
            json.extend_from_slice(closes.as_bytes());
        }
        json
    }
}
