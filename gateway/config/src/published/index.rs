//! The index: which parts there are, and what each must be.

use super::form::Form;
use super::format::{Format, Known};
use super::v1::V1;
use super::v2::V2;
use super::{MAX_JSON_BYTES, MAX_SHARDS, Unpublishable, Unreadable};
use crate::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// What a gateway's published configuration consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The format of the parts and of this index.
    pub format: u32,
    /// Counts what was published for this gateway, from 1: it grows by one whenever `hash` changes.
    pub generation: u64,
    /// Over the names and digests of all parts: two indexes with one hash are the same configuration.
    pub hash: Digest,
    /// How many shards there are, used or not.
    pub shards: Shards,
    /// The parts by name; one that would hold nothing is left out.
    pub parts: BTreeMap<String, PartRef>,
}

/// How many shards each store is cut into: powers of two, from 1 to [`MAX_SHARDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shards {
    /// Of ConfigMaps.
    pub public: u32,
    /// Of Secrets.
    pub secret: u32,
}

/// One part, as the index has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRef {
    /// Where it is.
    pub store: Store,
    /// The SHA-256 of its JSON.
    pub sha256: Digest,
    /// How many bytes its JSON has.
    pub bytes: u64,
}

/// The kind of object that holds a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    /// A ConfigMap, under `binaryData`.
    ConfigMap,
    /// A Secret, under `data`.
    Secret,
}

/// Which published configuration: what a gateway reports and an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// [`Index::generation`].
    pub generation: u64,
    /// [`Index::hash`].
    pub hash: Digest,
}

/// All that every format has.
#[derive(Deserialize)]
struct Envelope {
    format: u32,
}

impl Index {
    /// Which configuration it is.
    pub fn revision(&self) -> Revision {
        Revision { generation: self.generation, hash: self.hash }
    }

    /// Its JSON, for [`super::INDEX_KEY`].
    ///
    /// # Errors
    /// It is of a format that this version does not write.
    pub fn to_json(&self) -> Result<String, Unpublishable> {
        fn json<F: Format>(index: &Index) -> Result<String, Unpublishable> {
            Ok(serde_json::to_string(&F::Index::write(index)?)?)
        }
        match Known::of(self.format) {
            Some(Known::One) => json::<V1>(self),
            Some(Known::Two) => json::<V2>(self),
            None => Err(Unpublishable::Format(self.format)),
        }
    }

    /// Reads an index and checks what it says of itself: format, hash, bounds.
    ///
    /// # Errors
    /// It is no index, or of a format that this version does not read.
    pub fn from_json(json: &[u8]) -> Result<Self, Unreadable> {
        fn parse<F: Format>(json: &[u8]) -> Result<Index, Unreadable> {
            serde_json::from_slice(json).map(F::Index::read).map_err(Unreadable::Index)
        }
        // The format first: of another one nothing else is known.
        let Envelope { format } = serde_json::from_slice(json).map_err(Unreadable::Index)?;
        let index = match Known::of(format) {
            Some(Known::One) => parse::<V1>(json)?,
            Some(Known::Two) => parse::<V2>(json)?,
            None => return Err(Unreadable::Format(format)),
        };
        let counted = |shards: u32| shards.is_power_of_two() && shards <= MAX_SHARDS;
        if !counted(index.shards.public) || !counted(index.shards.secret) {
            return Err(Unreadable::Shards);
        }
        if hash(&index.parts) != index.hash {
            return Err(Unreadable::IndexHash);
        }
        match index.parts.iter().find(|(_, part)| part.bytes > MAX_JSON_BYTES) {
            Some((name, _)) => Err(Unreadable::TooLarge(name.clone())),
            None => Ok(index),
        }
    }
}

/// The hash of an index: over `name`, a zero byte and the digest of each part, in the order of names.
pub(super) fn hash(parts: &BTreeMap<String, PartRef>) -> Digest {
    let mut hash = Sha256::new();
    for (name, part) in parts {
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(part.sha256.0);
    }
    Digest(hash.finalize().into())
}
