//! Words of the API itself.

use crate::json::write::Writer;

/// A string that needs no escape, as a value: nothing is built for it.
pub(super) fn word(writer: &mut Writer, word: &str) {
    writer.value(b"\"");
    writer.raw(word.as_bytes());
    writer.raw(b"\"");
}
