//! From a snapshot to parts and an index. Every object is serialised once and every byte hashed once.

use super::form::Unsayable;
use super::format::Known;
use super::index::{self, Index, PartRef, Shards, Store};
use super::names::part_name;
use super::shelf::Shelves;
use super::v1::V1;
use super::v2::{Document, V2};
use super::{MAX_JSON_BYTES, MAX_PART_BYTES, shards};
use crate::{Digest, ObjectName, Snapshot};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io;

/// A snapshot as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// To be written last.
    pub index: Index,
    /// To be written before, those at least that differ from what is there; in the order of their names.
    pub parts: Vec<Part>,
    /// What the format has no words for. Readers have nothing of it.
    pub left_out: Vec<LeftOut>,
}

/// An object of which something is left out, because a format has no words for it. If that is a bound all of the
/// object is: it is not served rather than served without one of its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which.
    pub object: Object,
    /// What of it the format has no words for.
    pub what: Unsayable,
    /// Nothing of the object is there; else all but `what` is.
    pub whole: bool,
}

/// An object that a configuration can do without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A provider; its credential is left out with it, and gateways leave out the targets that refer to it.
    Provider(ObjectName),
    /// A route.
    Route(ObjectName),
    /// A key.
    Key(ObjectName),
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
    /// This version does not write that format.
    #[error("format {0} is none that this version writes")]
    Format(u32),
    /// The format has no words for the gateway itself; both of today's have.
    #[error("the format has no words for {0}")]
    Unsayable(#[from] Unsayable),
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
/// A part would not fit into an object, or the format is none of those.
pub fn encode(
    snapshot: &Snapshot,
    previous: Option<&Index>,
    format: u32,
) -> Result<Published, Unpublishable> {
    let Shelves { public, secret, left_out } = match Known::of(format) {
        Some(Known::One) => Shelves::fill::<V1>(snapshot)?,
        Some(Known::Two) => Shelves::fill::<V2>(snapshot)?,
        None => return Err(Unpublishable::Format(format)),
    };
    let shards = Shards {
        public: shards::count(public.text.len(), previous.map(|index| index.shards.public)),
        secret: shards::count(secret.text.len(), previous.map(|index| index.shards.secret)),
    };
    let gateway = &snapshot.gateway.name.name;
    let mut parts = public.cut(shards.public, |shard| part_name(gateway, Store::ConfigMap, shard));
    parts.extend(secret.cut(shards.secret, |shard| part_name(gateway, Store::Secret, shard)));
    parts.iter().try_for_each(check_size)?;
    let refs = parts.iter().map(|part| (part.name.clone(), part.reference())).collect();
    Ok(Published { index: index(format, shards, refs, previous), parts, left_out })
}

/// All of `snapshot` as one document in the words of the newest format: for whoever shows, compares or hashes it.
/// Credentials are in it.
///
/// # Errors
/// None that can be brought about: the newest format has words for everything.
pub fn document(snapshot: &Snapshot) -> Result<impl Serialize + use<>, Unsayable> {
    Document::write(snapshot)
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
