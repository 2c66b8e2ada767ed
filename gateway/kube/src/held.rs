//! The parts that this gateway has: what is running, and what has come of what is to run. A part that did not change
//! is decoded once, so that all snapshots share its objects (semantics S8.3).

use std::borrow::Borrow;
use std::collections::BTreeMap;
use weir_config::published::{Fragment, Index, PartRef, Unreadable, decompress, join};
use weir_config::{Digest, Snapshot};

/// One part, checked.
pub(crate) struct Part {
    /// Of its JSON.
    pub(crate) digest: Digest,
    /// As it is stored: zstd.
    pub(crate) stored: Vec<u8>,
    fragment: Fragment,
}

impl Borrow<Fragment> for Part {
    fn borrow(&self) -> &Fragment {
        &self.fragment
    }
}

/// Parts by name.
#[derive(Default)]
pub(crate) struct Held(BTreeMap<String, Part>);

impl Held {
    /// The parts of `index` that are not here.
    pub(crate) fn lacking(&self, index: &Index) -> Vec<(String, PartRef)> {
        let here =
            |name: &str, part: &PartRef| self.0.get(name).is_some_and(|held| held.digest == part.sha256);
        let parts = index.parts.iter().filter(|(name, part)| !here(name, part));
        parts.map(|(name, part)| (name.clone(), part.clone())).collect()
    }

    /// Takes in the part called `name`, of an index of `format`, if `stored` is the one that `part` refers to.
    pub(crate) fn take(
        &mut self,
        name: &str,
        part: &PartRef,
        format: u32,
        stored: Vec<u8>,
    ) -> Result<(), Unreadable> {
        let json = decompress(name, part, &stored)?;
        let fragment = Fragment::decode(name, part, format, &json)?;
        self.0.insert(name.to_owned(), Part { digest: part.sha256, stored, fragment });
        Ok(())
    }

    /// The snapshot that `index` describes, if nothing is lacking.
    pub(crate) fn snapshot(&self, index: &Index) -> Result<Snapshot, Unreadable> {
        match self.lacking(index).first() {
            Some((name, _)) => Err(Unreadable::Missing(name.clone())),
            None => join(index, &self.0),
        }
    }

    /// Drops what `index` does not name.
    pub(crate) fn keep(&mut self, index: &Index) {
        self.0.retain(|name, _| index.parts.contains_key(name));
    }

    /// All parts.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.0.values()
    }
}
