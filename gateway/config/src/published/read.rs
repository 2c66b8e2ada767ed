//! From parts and an index back to a snapshot: all of it, or an error that names what is wrong.

use super::flaw::flaw;
use super::form::Form;
use super::format::{Format, Known};
use super::v1::V1;
use super::v2::V2;
use super::{Index, MAX_JSON_BYTES, PartRef, Store};
use crate::{Digest, Gateway, Key, ObjectName, Provider, Route, Secret, Snapshot};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a published configuration is not applied.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The index is no index.
    #[error("the index cannot be read: {0}")]
    Index(#[source] serde_json::Error),
    /// The index is of a format that this version does not know.
    #[error("the index is of format {0}, which this version does not read")]
    Format(u32),
    /// The index counts its shards in a way that nobody writes.
    #[error("the index has an impossible number of shards")]
    Shards,
    /// The index has been changed or cut.
    #[error("the index does not have the hash that it says")]
    IndexHash,
    /// A part says that it is larger than any may be.
    #[error("{0} is larger than a part may be")]
    TooLarge(String),
    /// The index names a part that is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// A part cannot be decompressed to what the index says.
    #[error("{0} cannot be decompressed to the size that the index says")]
    Compressed(String),
    /// A part is another than the index names: a publish is under way, or was torn.
    #[error("{0} is not the one that the index names")]
    Digest(String),
    /// A part is what the index names, but not what its store holds.
    #[error("{part} cannot be read: {}", .flaw)]
    Json {
        /// The part.
        part: String,
        /// Which object and field, or where and what kind; never the text itself, which may be secret.
        flaw: String,
    },
    /// An object is there twice, or out of order.
    #[error("{part} has {name} twice or out of order")]
    Order {
        /// The part, or all of them.
        part: String,
        /// The object.
        name: ObjectName,
    },
    /// There is not exactly one gateway.
    #[error("there are {0} gateways in it, not one")]
    Gateways(usize),
}

/// A part's objects. Whoever keeps it for as long as the part is unchanged keeps every object shared between
/// snapshots (semantics S8.3).
#[derive(Debug, Clone, Default)]
pub struct Fragment {
    gateways: Vec<Arc<Gateway>>,
    providers: Vec<Arc<Provider>>,
    routes: Vec<Arc<Route>>,
    keys: Vec<Arc<Key>>,
    credentials: Vec<(ObjectName, Secret)>,
}

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

    /// What a part says that is not secret.
    pub(super) fn public(
        gateways: Vec<impl Form<Gateway>>,
        providers: Vec<impl Form<Provider>>,
        routes: Vec<impl Form<Route>>,
    ) -> Self {
        Self {
            gateways: shared(gateways),
            providers: shared(providers),
            routes: shared(routes),
            ..Self::default()
        }
    }

    /// What a secret part says.
    pub(super) fn secret(
        keys: Vec<impl Form<Key>>,
        credentials: Vec<impl Form<(ObjectName, Secret)>>,
    ) -> Self {
        Self { keys: shared(keys), credentials: credentials.read(), ..Self::default() }
    }

    fn check_order(&self, part: &str) -> Result<(), Unreadable> {
        ascending(part, &self.providers, |provider| &provider.name)?;
        ascending(part, &self.routes, |route| &route.name)?;
        ascending(part, &self.keys, |key| &key.name)?;
        ascending(part, &self.credentials, |(provider, _)| provider)
    }
}

fn shared<T>(forms: Vec<impl Form<T>>) -> Vec<Arc<T>> {
    forms.into_iter().map(|form| Arc::new(form.read())).collect()
}

fn ascending<T>(part: &str, items: &[T], name: impl Fn(&T) -> &ObjectName) -> Result<(), Unreadable> {
    let wrong = items.array_windows().find(|[before, after]| name(before) >= name(after));
    match wrong {
        None => Ok(()),
        Some([_, after]) => Err(Unreadable::Order { part: part.to_owned(), name: name(after).clone() }),
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
