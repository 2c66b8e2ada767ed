//! A published configuration: what the operator writes and gateways read (semantics S8.1 to S8.4).
//!
//! A snapshot is cut into *parts* of some 48 KiB of JSON, each an object of its own, and an *index* that names
//! them with their SHA-256. What is secret (keys, credentials) goes to Secrets, the rest to ConfigMaps. All names
//! are fixed by the gateway's, so that a Role can list them. Which part an object is in depends on its kind and
//! name alone: one changed key rewrites one small part and the index.
//!
//! Parts are written first and the index last; a reader that finds a part that is not the one its index names
//! applies nothing. The digest is of the JSON, not of what is stored: another version of zstd changes no digest.
//!
//! What objects look like in JSON is the affair of a format: `v1` to `v3`. A format is structs of its own and frozen once
//! released. Whatever the snapshot's types gain, a format says it, refuses it or forgets it on purpose; see `form`.
//!
//! Everything here is pure: nobody reads or writes an object.

mod flaw;
mod form;
mod format;
mod fragment;
mod index;
mod index_json;
mod left_out;
mod names;
mod part;
mod read;
mod shards;
mod shelf;
mod unpublishable;
mod unreadable;
mod v1;
mod v2;
mod v3;
mod write;

pub use form::Unsayable;
pub use format::{FORMATS, choose_format};
pub use fragment::Fragment;
pub use index::{Index, PartRef, Revision, Shards, Store};
pub use left_out::{LeftOut, Object};
pub use names::{INDEX_KEY, MAX_SHARDS, PART_KEY, PartNames, index_name, part_names};
pub use part::Part;
pub use read::{assemble, decompress, join};
pub use unpublishable::Unpublishable;
pub use unreadable::Unreadable;
pub use write::{Published, compress, document, encode};

/// A part's bytes as they are stored, at most: an object of Kubernetes may have a mebibyte, in base64 or not.
pub const MAX_PART_BYTES: usize = 700 * 1024;

/// A part's JSON has at most so many bytes. Readers refuse an index that says more, so that no part makes them
/// take memory without bound.
pub const MAX_JSON_BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests;
