//! What is wrong in a request, and values read that tell where it is.

use crate::asked::BadRequest;
use crate::json::cursor::{Cursor, Kind};
use crate::json::number;
use crate::json::text::{Json, Text};
use std::fmt::Display;

/// A value that is wrong: its path grows from the value outwards, so that none is built of what is right.
#[derive(Debug)]
pub(super) struct Wrong {
    at: String,
    /// What is said of the value, from the verb on.
    why: String,
    /// The path begins at the request.
    is_whole: bool,
}

impl Wrong {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { at: String::new(), why: why.into(), is_whole: false }
    }

    /// What is at this path of the request, wherever it was found.
    pub(super) fn of(at: String, why: impl Into<String>) -> Self {
        Self { at, why: why.into(), is_whole: true }
    }

    /// `key` is of another kind than the `wanted` one.
    pub(super) fn kind(key: &str, wanted: &str, kind: Kind) -> Self {
        Self::new(format!("must be {wanted}, not {}.", kind.name())).under(key)
    }

    /// The same, within `key`.
    pub(super) fn under(mut self, key: impl Display) -> Self {
        if !self.is_whole {
            self.at = if self.at.is_empty() { key.to_string() } else { format!("{key}.{}", self.at) };
        }
        self
    }

    /// The same for the caller. `params` are the fields that may be named.
    pub(super) fn bad(self, params: &[&'static str]) -> BadRequest {
        let message = format!("`{}` {}", self.at, self.why);
        let first = self.at.split('.').next().unwrap_or_default();
        let param = params.iter().copied().find(|param| *param == first);
        BadRequest { message, param, position: None }
    }
}

/// A string; null is as good as absent.
pub(super) fn text(key: &str, value: &mut Cursor<'_>) -> Result<Option<Text>, Wrong> {
    match value.kind() {
        Kind::String => Ok(Some(Text::read(value.shared()))),
        Kind::Null => Ok(None),
        other => Err(Wrong::kind(key, "a string", other)),
    }
}

/// A boolean; null is as good as absent.
pub(super) fn flag(key: &str, value: &mut Cursor<'_>) -> Result<Option<bool>, Wrong> {
    match value.kind() {
        Kind::Boolean => Ok(Some(value.value() == b"true")),
        Kind::Null => Ok(None),
        other => Err(Wrong::kind(key, "a boolean", other)),
    }
}

/// A whole number of at least one; null is as good as absent.
pub(super) fn count(key: &str, value: &mut Cursor<'_>) -> Result<Option<u64>, Wrong> {
    const WANTED: &str = "a whole number of at least 1";
    match value.kind() {
        Kind::Number => match number::whole(value.value()).filter(|count| *count > 0) {
            Some(count) => Ok(Some(count)),
            None => Err(Wrong::new(format!("must be {WANTED}.")).under(key)),
        },
        Kind::Null => Ok(None),
        other => Err(Wrong::kind(key, WANTED, other)),
    }
}

/// A number as it is written; null is as good as absent.
pub(super) fn number(key: &str, value: &mut Cursor<'_>) -> Result<Option<Json>, Wrong> {
    match value.kind() {
        Kind::Number => Ok(Some(Json::read(value.shared()))),
        Kind::Null => Ok(None),
        other => Err(Wrong::kind(key, "a number", other)),
    }
}

/// An object as it is written; null is as good as absent.
pub(super) fn json_object(key: &str, value: &mut Cursor<'_>) -> Result<Option<Json>, Wrong> {
    match value.kind() {
        Kind::Object => Ok(Some(Json::read(value.shared()))),
        Kind::Null => Ok(None),
        other => Err(Wrong::kind(key, "an object", other)),
    }
}

/// Through an object's members; null has none.
pub(super) fn object<'a>(
    key: &str,
    value: &mut Cursor<'a>,
    mut each: impl FnMut(&str, &mut Cursor<'a>) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    match value.kind() {
        Kind::Object => value.members(|key, value| each(&key, value)).map_err(|wrong| wrong.under(key)),
        Kind::Null => Ok(()),
        other => Err(Wrong::kind(key, "an object", other)),
    }
}

/// Through an array's items; null has none.
pub(super) fn array<'a>(
    key: &str,
    value: &mut Cursor<'a>,
    mut each: impl FnMut(usize, &mut Cursor<'a>) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    match value.kind() {
        Kind::Array => value
            .items(|position, value| each(position, value).map_err(|wrong| wrong.under(position)))
            .map_err(|wrong| wrong.under(key)),
        Kind::Null => Ok(()),
        other => Err(Wrong::kind(key, "an array", other)),
    }
}

/// Through the members of an array's item, which must be an object.
pub(super) fn members<'a>(
    value: &mut Cursor<'a>,
    mut each: impl FnMut(&str, &mut Cursor<'a>) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    match value.kind() {
        Kind::Object => value.members(|key, value| each(&key, value)),
        other => Err(Wrong::new(format!("must be an object, not {}.", other.name()))),
    }
}

/// A value that is given as itself.
pub(super) fn needed<T>(key: &str, value: Option<T>) -> Result<T, Wrong> {
    value.ok_or_else(|| Wrong::new("is missing.").under(key))
}
