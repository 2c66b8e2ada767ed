//! From parts and an index back to a snapshot: all of it, or an error that names what is wrong.

use super::MAX_JSON_BYTES;
use super::flaw::flaw;
use super::format::{Format, Known};
use super::fragment::Fragment;
use super::index::{Index, PartRef, Store};
use super::unreadable::Unreadable;
use super::v1::V1;
use super::v2::V2;
use super::v3::V3;
use crate::{Digest, Gateway, Snapshot};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The JSON of the part called `name`, from `stored`, the bytes of its object. Takes no more memory than the index
/// says.
///
/// # Errors
/// It is not zstd, or has another size. Its digest is for [`Fragment::decode`] to check.
pub fn decompress(name: &str, part: &PartRef, stored: &[u8]) -> Result<Vec<u8>, Unreadable> {
    if part.bytes > MAX_JSON_BYTES {
        return Err(Unreadable::TooLarge(name.to_owned()));
    }
    let size = usize::try_from(part.bytes).unwrap_or(usize::MAX);
    let json = zstd::bulk::decompress(stored, size).ok().filter(|json| json.len() == size);
    json.ok_or_else(|| Unreadable::Compressed(name.to_owned()))
}

impl Fragment {
    /// Reads the part called `name` from its JSON, of the index's `format`.
    ///
    /// # Errors
    /// It is not the part that `part` refers to, or cannot be read.
    pub fn decode(name: &str, part: &PartRef, format: u32, json: &[u8]) -> Result<Self, Unreadable> {
        if Digest::of(json) != part.sha256 {
            return Err(Unreadable::Digest(name.to_owned()));
        }
        let fragment = match Known::of(format) {
            Some(Known::One) => Self::parse::<V1>(name, part.store, json),
            Some(Known::Two) => Self::parse::<V2>(name, part.store, json),
            Some(Known::Three) => Self::parse::<V3>(name, part.store, json),
            None => Err(Unreadable::Format(format)),
        }?;
        fragment.check_order(name)?;
        Ok(fragment)
    }

    fn parse<F: Format>(part: &str, store: Store, json: &[u8]) -> Result<Self, Unreadable> {
        let read = match store {
            Store::ConfigMap => F::public(json),
            Store::Secret => F::secret(json),
        };
        read.map_err(|error| Unreadable::Json { part: part.to_owned(), flaw: flaw::<F>(store, json, &error) })
    }
}

/// The snapshot that `index` describes, from the JSON of its parts by name. Further parts are passed over.
///
/// # Errors
/// A part is missing, is another, or cannot be read. Then there is no snapshot at all.
pub fn assemble(index: &Index, parts: &BTreeMap<String, Vec<u8>>) -> Result<Snapshot, Unreadable> {
    let mut fragments = BTreeMap::new();
    for (name, part) in &index.parts {
        let json = parts.get(name).ok_or_else(|| Unreadable::Missing(name.clone()))?;
        fragments.insert(name.clone(), Fragment::decode(name, part, index.format, json)?);
    }
    join(index, &fragments)
}

/// The same from parts that are decoded: that they are those of the index is for the caller to know.
///
/// # Errors
/// A part is missing, an object is in two of them, or they have not exactly one gateway.
pub fn join<F: Borrow<Fragment>>(
    index: &Index,
    fragments: &BTreeMap<String, F>,
) -> Result<Snapshot, Unreadable> {
    let mut all = Fragment::default();
    for name in index.parts.keys() {
        let fragment = fragments.get(name).ok_or_else(|| Unreadable::Missing(name.clone()))?.borrow();
        all.gateways.extend_from_slice(&fragment.gateways);
        all.providers.extend_from_slice(&fragment.providers);
        all.routes.extend_from_slice(&fragment.routes);
        all.keys.extend_from_slice(&fragment.keys);
        all.credentials.extend_from_slice(&fragment.credentials);
    }
    // Each part is sorted, and a stable sort makes use of it.
    all.providers.sort_by(|a, b| a.name.cmp(&b.name));
    all.routes.sort_by(|a, b| a.name.cmp(&b.name));
    all.keys.sort_by(|a, b| a.name.cmp(&b.name));
    all.credentials.sort_by(|a, b| a.0.cmp(&b.0));
    all.check_order("the configuration")?;
    let Fragment { gateways, providers, routes, keys, credentials } = all;
    let count = gateways.len();
    let Ok([gateway]) = <[Arc<Gateway>; 1]>::try_from(gateways) else {
        return Err(Unreadable::Gateways(count));
    };
    Ok(Snapshot { gateway, providers, routes, keys, credentials: credentials.into_iter().collect() })
}
