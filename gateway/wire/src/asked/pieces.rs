//! A body in pieces: what its caller wrote, and what stands in place of some of it.

use crate::json::scan;
use bytes::Bytes;
use smallvec::SmallVec;
use std::ops::Range;

/// A body in pieces, to be sent one after the other: the caller's own bytes, shared, and what stands between them.
pub type Pieces = SmallVec<[Bytes; 5]>;

/// What to write in place of these bytes.
pub(crate) type Edit = (Range<usize>, Bytes);

/// `text` as it stands between the quotes of a JSON string.
pub(crate) fn escaped(text: &str) -> Bytes {
    if scan::plain(text.as_bytes()) == text.len() {
        return Bytes::copy_from_slice(text.as_bytes());
    }
    let quoted = serde_json::Value::from(text).to_string();
    Bytes::copy_from_slice(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().as_bytes())
}

/// `body` with `edits`, which are sorted and do not overlap.
pub(crate) fn splice(body: &Bytes, edits: impl Iterator<Item = Edit>) -> Pieces {
    let mut pieces = Pieces::new();
    let mut from = 0;
    for (place, text) in edits {
        pieces.push(part(body, from..place.start));
        pieces.push(text);
        from = place.end;
    }
    pieces.push(part(body, from..body.len()));
    pieces
}

/// These bytes of `body`, shared; none of one that was given up.
fn part(body: &Bytes, place: Range<usize>) -> Bytes {
    if body.get(place.clone()).is_some() { body.slice(place) } else { Bytes::new() }
}
