//! From a snapshot to parts and an index. Every object is serialised once and every byte hashed once.

use super::form::Unsayable;
use super::format::Known;
use super::index::{self, Index, PartRef, Shards, Store};
use super::left_out::LeftOut;
use super::names::part_name;
use super::part::Part;
use super::shelf::Shelves;
use super::unpublishable::Unpublishable;
use super::v1::V1;
use super::v2::V2;
use super::v3::{Document, V3};
use super::{MAX_JSON_BYTES, MAX_PART_BYTES, shards};
use crate::Snapshot;
use serde::Serialize;
use std::collections::BTreeMap;

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
        Some(Known::Three) => Shelves::fill::<V3>(snapshot)?,
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

/// Compresses only what might not fit: zstd makes nothing noticeably larger.
fn check_size(part: &Part) -> Result<(), Unpublishable> {
    let too_large = || Err(Unpublishable::TooLarge { part: part.name.clone() });
    if part.json.len() as u64 > MAX_JSON_BYTES {
        return too_large();
    }
    let certainly_fits = part.json.len() <= MAX_PART_BYTES / 100 * 99;
    if certainly_fits || compress(part)?.len() <= MAX_PART_BYTES { Ok(()) } else { too_large() }
}
