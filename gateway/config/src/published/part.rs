//! A part as it is written.

use super::index::{PartRef, Store};
use crate::Digest;
use std::fmt;

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

impl Part {
    /// How an index refers to it.
    pub fn reference(&self) -> PartRef {
        PartRef { store: self.store, sha256: self.sha256, bytes: self.json.len() as u64 }
    }
}
