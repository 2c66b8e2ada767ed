//! The index as JSON, in the words of its format.

use super::MAX_JSON_BYTES;
use super::form::Form;
use super::format::{Format, Known};
use super::index::{Index, hash};
use super::names::MAX_SHARDS;
use super::unpublishable::Unpublishable;
use super::unreadable::Unreadable;
use super::v1::V1;
use super::v2::V2;
use super::v3::V3;
use serde::Deserialize;

/// All that every format has.
#[derive(Deserialize)]
struct Envelope {
    format: u32,
}

impl Index {
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
            Some(Known::Three) => json::<V3>(self),
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
            Some(Known::Three) => parse::<V3>(json)?,
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
