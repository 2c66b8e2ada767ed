//! A snapshot's objects in the words of a format, and how they are cut into parts.

use super::form::Form;
use super::format::{Format, Section};
use super::index::Store;
use super::left_out::{LeftOut, Object};
use super::part::Part;
use super::shards;
use super::unpublishable::Unpublishable;
use crate::{Digest, ObjectName, Snapshot};
use serde::Serialize;
use std::ops::Range;

/// The objects of one store, serialised one after the other.
pub(super) struct Shelf<'a> {
    store: Store,
    sections: &'static [Section],
    /// Their JSON; what stands between them is not in it.
    pub(super) text: Vec<u8>,
    pieces: Vec<Piece<'a>>,
}

/// One object.
struct Piece<'a> {
    section: usize,
    name: &'a ObjectName,
    hash: u32,
    at: Range<usize>,
}

/// Both stores, and what neither has.
pub(super) struct Shelves<'a> {
    pub(super) public: Shelf<'a>,
    pub(super) secret: Shelf<'a>,
    pub(super) left_out: Vec<LeftOut>,
}

impl<'a> Shelves<'a> {
    /// Writes `snapshot` in format `F`.
    pub(super) fn fill<F: Format>(snapshot: &'a Snapshot) -> Result<Self, Unpublishable> {
        let mut public = Shelf::new(Store::ConfigMap, F::PUBLIC);
        let mut secret = Shelf::new(Store::Secret, F::SECRET);
        let mut left_out = Vec::new();
        let gateway = F::Gateway::write(&snapshot.gateway)?;
        public.put(0, "gateway", &snapshot.gateway.name, &gateway)?;
        for provider in &snapshot.providers {
            if let Some(form) =
                told::<_, F::Provider>(provider, &provider.name, Object::Provider, &mut left_out)
            {
                public.put(1, "provider", &provider.name, &form)?;
            }
        }
        for route in &snapshot.routes {
            if let Some(form) = told::<_, F::Route>(route, &route.name, Object::Route, &mut left_out) {
                public.put(2, "route", &route.name, &form)?;
            }
        }
        for key in &snapshot.keys {
            if let Some(form) = told::<_, F::Key>(key, &key.name, Object::Key, &mut left_out) {
                secret.put(0, "key", &key.name, &form)?;
            }
        }
        for (provider, credential) in &snapshot.credentials {
            let object = Object::Provider(provider.clone());
            if left_out.iter().any(|left| left.whole && left.object == object) {
                continue;
            }
            let form = F::Credential::write(&(provider.clone(), credential.clone()))?;
            secret.put(1, "credential", provider, &form)?;
        }
        public.sort();
        secret.sort();
        Ok(Self { public, secret, left_out })
    }
}

/// The form of `domain`, if it has one; what that lacks goes to `left_out`.
fn told<D, F: Form<D>>(
    domain: &D,
    name: &ObjectName,
    object: fn(ObjectName) -> Object,
    left_out: &mut Vec<LeftOut>,
) -> Option<F> {
    let form = F::write(domain);
    let lacking = form.as_ref().err().copied().or_else(|| F::forgets(domain));
    left_out.extend(lacking.map(|what| LeftOut { object: object(name.clone()), what, whole: form.is_err() }));
    form.ok()
}

impl<'a> Shelf<'a> {
    fn new(store: Store, sections: &'static [Section]) -> Self {
        Self { store, sections, text: Vec::new(), pieces: Vec::new() }
    }

    fn put(
        &mut self,
        section: usize,
        kind: &str,
        name: &'a ObjectName,
        form: &impl Serialize,
    ) -> serde_json::Result<()> {
        let from = self.text.len();
        serde_json::to_writer(&mut self.text, form)?;
        let (hash, at) = (shards::hash(kind, name), from..self.text.len());
        self.pieces.push(Piece { section, name, hash, at });
        Ok(())
    }

    /// Whatever order the snapshot had: readers take sorted parts only.
    fn sort(&mut self) {
        self.pieces.sort_by(|a, b| (a.section, a.name).cmp(&(b.section, b.name)));
    }

    /// The parts that `count` shards make; a shard with nothing in it makes none.
    pub(super) fn cut(&self, count: u32, name: impl Fn(u32) -> String) -> Vec<Part> {
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
