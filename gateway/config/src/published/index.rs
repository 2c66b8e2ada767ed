//! The index: which parts there are, and what each must be.

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

/// How many shards each store is cut into: powers of two, from 1 to [`super::MAX_SHARDS`].
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

impl Index {
    /// Which configuration it is.
    pub fn revision(&self) -> Revision {
        Revision { generation: self.generation, hash: self.hash }
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
