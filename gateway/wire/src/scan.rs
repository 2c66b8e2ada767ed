//! One validating pass over a JSON object, which yields where the values of a few top-level keys stand.
//!
//! It accepts what `serde_json::Value` accepts, no more and no less, but for two rules of ours: at most
//! [`MAX_DEPTH`] levels (semantics S10.6) and no second value for a key that is read, because two readers of
//! such a body may see two requests. Ours rather than a library's: it builds nothing, does not recurse (a
//! caller's bytes must not choose our stack), and costs a third of a DOM. Eight bytes of a string are looked
//! at together, in safe code.

mod cursor;
mod flaw;
#[cfg(test)]
mod tests;

use cursor::Cursor;
pub(crate) use cursor::plain;
pub(crate) use flaw::Flaw;
pub use flaw::Position;

use flaw::What;

/// Where a value stands in its text: from its first byte to past its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// The value itself; empty if `text` is not the text that was scanned.
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// Reads `text`, which must be one JSON object, and says where the values of `keys` stand.
pub(crate) fn object<const N: usize>(text: &str, keys: &[&str; N]) -> Result<[Option<Span>; N], Flaw> {
    let mut cursor = Cursor::new(text);
    members(&mut cursor, text, keys).map_err(|what| cursor.flaw(what))
}

fn members<const N: usize>(
    cursor: &mut Cursor<'_>,
    text: &str,
    keys: &[&str; N],
) -> Result<[Option<Span>; N], What> {
    let mut found = [None; N];
    if cursor.blank() != b'{' {
        return Err(What::NotAnObject);
    }
    cursor.step();
    if cursor.blank() == b'}' {
        cursor.step();
        return cursor.end().map(|()| found);
    }
    loop {
        let key_at = cursor.at();
        let escaped = cursor.key()?;
        let key = Span { start: key_at, end: cursor.at() }.of(text);
        cursor.colon()?;
        cursor.blank();
        let start = cursor.at();
        cursor.value()?;
        if let Some(which) = position(key, escaped, keys)
            && let Some(slot) = found.get_mut(which)
            && slot.replace(Span { start, end: cursor.at() }).is_some()
        {
            cursor.back_to(key_at);
            return Err(What::Duplicate(which as u8)); // no table has 256 keys
        }
        match cursor.blank() {
            b',' => {
                cursor.step();
                cursor.blank();
            }
            b'}' => {
                cursor.step();
                return cursor.end().map(|()| found);
            }
            _ => return Err(What::MemberEnd),
        }
    }
}

/// Which of `keys` the quoted `key` is.
fn position<const N: usize>(key: &str, escaped: bool, keys: &[&str; N]) -> Option<usize> {
    if escaped {
        let key: String = serde_json::from_str(key).ok()?;
        return keys.iter().position(|known| *known == key);
    }
    let key = key.get(1..key.len().saturating_sub(1))?;
    keys.iter().position(|known| *known == key)
}
