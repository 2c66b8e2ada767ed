//! Fields and where they stand, for what is wrong with them.

use crate::asked::BadRequest;
use crate::json::cursor::{Cursor, Kind};
use crate::json::number;
use crate::json::text::{Json, Text};
use bytes::Bytes;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

/// A place in a request, such as `messages.1.content.0`. It is written only where something is wrong.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    Top(&'static str),
    Field(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(name) => f.write_str(name),
            Self::Field(within, name) => write!(f, "{within}.{name}"),
            Self::Item(within, position) => write!(f, "{within}.{position}"),
        }
    }
}

impl At<'_> {
    fn top(&self) -> &'static str {
        match self {
            Self::Top(name) => name,
            Self::Field(within, _) | Self::Item(within, _) => within.top(),
        }
    }

    /// What is wrong with what stands here.
    pub(super) fn bad(&self, why: impl fmt::Display) -> BadRequest {
        BadRequest::field(self.top(), format!("`{self}` {why}."))
    }

    /// It is of another kind than the `wanted` one.
    pub(super) fn wrong(&self, wanted: &str, given: Kind) -> BadRequest {
        self.bad(format_args!("must be {wanted}, not {}", given.name()))
    }

    pub(super) fn text(&self, value: &mut Cursor<'_>) -> Result<Text, BadRequest> {
        match value.kind() {
            Kind::String => Ok(Text::read(value.shared())),
            kind => Err(self.wrong("a string", kind)),
        }
    }

    pub(super) fn whole(&self, value: &mut Cursor<'_>) -> Result<u64, BadRequest> {
        match value.kind() {
            Kind::Number => number::whole(value.value())
                .ok_or_else(|| self.bad("must be a whole number that is not negative")),
            kind => Err(self.wrong("a number", kind)),
        }
    }

    pub(super) fn number(&self, value: &mut Cursor<'_>) -> Result<Json, BadRequest> {
        match value.kind() {
            Kind::Number => Ok(Json::read(value.shared())),
            kind => Err(self.wrong("a number", kind)),
        }
    }

    pub(super) fn boolean(&self, value: &mut Cursor<'_>) -> Result<bool, BadRequest> {
        match value.kind() {
            Kind::Boolean => Ok(value.value() == b"true"),
            kind => Err(self.wrong("a boolean", kind)),
        }
    }
}

/// The fields of a small object, whatever their order: what the others mean depends on `type`, which may come last.
/// Null is as good as absent.
pub(super) struct Object<'a, 'p> {
    at: &'p At<'p>,
    /// With their values as they are written.
    fields: SmallVec<[(Cow<'a, str>, Bytes); 6]>,
}

impl<'a, 'p> Object<'a, 'p> {
    pub(super) fn read(value: &mut Cursor<'a>, at: &'p At<'p>) -> Result<Self, BadRequest> {
        Self::read_but(value, at, |_, _| false)
    }

    /// Reads the fields that `takes` does not: what is long is not gone through twice.
    pub(super) fn read_but(
        value: &mut Cursor<'a>,
        at: &'p At<'p>,
        mut takes: impl FnMut(&str, &mut Cursor<'a>) -> bool,
    ) -> Result<Self, BadRequest> {
        if value.kind() != Kind::Object {
            return Err(at.wrong("an object", value.kind()));
        }
        let mut fields = SmallVec::new();
        let Ok(()) = value.members(|key, value| {
            if value.kind() != Kind::Null && !takes(&key, value) {
                fields.push((key, value.shared()));
            }
            Ok::<_, Infallible>(())
        });
        Ok(Self { at, fields })
    }

    /// The value of this field, which then is no longer one of those left.
    fn take(&mut self, name: &str) -> Option<Bytes> {
        let at = self.fields.iter().position(|(key, _)| key == name)?;
        Some(self.fields.remove(at).1)
    }

    /// The value of this field, for who reads on.
    pub(super) fn cursor<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Cursor<'_>, &At<'_>) -> Result<T, BadRequest>,
    ) -> Result<Option<T>, BadRequest> {
        let here = At::Field(self.at, name);
        self.take(name).map(|raw| read(&mut Cursor::new(&raw), &here)).transpose()
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<Text>, BadRequest> {
        match self.take(name) {
            None => Ok(None),
            Some(raw) if raw.starts_with(b"\"") => Ok(Some(Text::read(raw))),
            Some(raw) => Err(At::Field(self.at, name).wrong("a string", Cursor::new(&raw).kind())),
        }
    }

    /// The text of a field that must be there.
    pub(super) fn needed(&mut self, name: &str) -> Result<Text, BadRequest> {
        let text = self.text(name)?;
        text.ok_or_else(|| At::Field(self.at, name).bad("is missing"))
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, BadRequest> {
        self.cursor(name, |value, at| at.boolean(value))
    }

    pub(super) fn whole(&mut self, name: &str) -> Result<Option<u64>, BadRequest> {
        self.cursor(name, |value, at| at.whole(value))
    }

    /// Any value, as it is written.
    pub(super) fn json(&mut self, name: &str) -> Option<Json> {
        self.take(name).map(Json::read)
    }

    /// An object, as it is written.
    pub(super) fn object(&mut self, name: &str) -> Result<Option<Json>, BadRequest> {
        match self.take(name) {
            Some(raw) if !raw.starts_with(b"{") => {
                Err(At::Field(self.at, name).wrong("an object", Cursor::new(&raw).kind()))
            }
            raw => Ok(raw.map(Json::read)),
        }
    }

    /// The fields that nobody has read.
    pub(super) fn rest(self) -> impl Iterator<Item = (Cow<'a, str>, Json)> {
        self.fields.into_iter().map(|(key, raw)| (key, Json::read(raw)))
    }
}
