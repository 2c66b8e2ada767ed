//! The fields of an object, by name. Null and absent are the same.

use crate::json::scan;
use crate::json::text::Text;
use bytes::Bytes;

/// The values of `keys` as they are written in `json`; `None`: it is no valid object, or gives one of them twice.
pub(super) fn fields<'a, const N: usize>(json: &'a [u8], keys: &[&str; N]) -> Option<[Option<&'a [u8]>; N]> {
    let spans = scan::object_of(json, keys).ok()?;
    Some(spans.map(|span| span.map(|span| span.within(json)).filter(|value| *value != b"null")))
}

/// The same of what is valid already: of no object there are none.
pub(super) fn known<'a, const N: usize>(json: &'a [u8], keys: &[&str; N]) -> [Option<&'a [u8]>; N] {
    fields(json, keys).unwrap_or([None; N])
}

/// What a string says that says something, its quotes still on.
pub(super) fn filled(value: Option<&[u8]>) -> Option<&[u8]> {
    value.filter(|value| value.len() > 2 && value.starts_with(b"\""))
}

/// The same as a text, shared with the `whole` that it stands in.
pub(super) fn text(whole: &Bytes, value: Option<&[u8]>) -> Option<Text> {
    filled(value).map(|value| Text::read(whole.slice_ref(value)))
}
