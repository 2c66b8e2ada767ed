//! One validating pass over a JSON object, which yields where the values of a few top-level keys stand.
//!
//! It accepts JSON's grammar (RFC 8259), no more and no less, but for two rules of ours: at most [`MAX_DEPTH`] levels
//! (semantics S10.6) and no second value for a key that is read, because two readers of such a body may see two
//! requests. For the same reason a request may have no key that is nearly one of those: many readers take `Model` for
//! `model` (`alike`). The grammar has numbers that no `f64` holds and escapes that are half of a surrogate pair: what they
//! mean is for whom the text goes to (semantics S2.7). Ours rather than a library's: it builds nothing, does not
//! recurse (a caller's bytes must not choose our stack), and costs a fifth of a DOM.

mod alike;
mod flaw;
mod pieces;
mod plain;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use flaw::Flaw;
pub use flaw::Position;
pub(crate) use pieces::{Listener, Tokens};
pub(crate) use plain::plain;

use flaw::What;
use step::{Key, blank, byte};

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

    /// The same in bytes.
    pub(crate) fn within(self, text: &[u8]) -> &[u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// Reads `text`, which must be one JSON object, and says where the values of `keys` stand. No other key may be read as
/// one of them.
pub(crate) fn object<const N: usize>(text: &str, keys: &[&str; N]) -> Result<[Option<Span>; N], Flaw> {
    members(text.as_bytes(), keys, |key| alike::position(keys, key))
}

/// The same of an answer: its bytes may be no UTF-8 within strings, and its other keys are whatever they are.
pub(crate) fn object_of<const N: usize>(bytes: &[u8], keys: &[&str; N]) -> Result<[Option<Span>; N], Flaw> {
    members(bytes, keys, |_| None)
}

/// Where the values of `keys` stand; `alike` says for which of them another key may be taken.
#[inline(always)]
fn members<const N: usize>(
    bytes: &[u8],
    keys: &[&str; N],
    alike: impl Fn(&[u8]) -> Option<usize>,
) -> Result<[Option<Span>; N], Flaw> {
    let mut found = [None; N];
    let mut at = blank(bytes, 0);
    if byte(bytes, at) != b'{' {
        return Err(Flaw { at, what: What::NotAnObject });
    }
    at = blank(bytes, at + 1);
    if byte(bytes, at) == b'}' {
        return end(bytes, at + 1).map(|()| found);
    }
    loop {
        let name = at;
        let key = step::key(bytes, at)?;
        at = step::value(bytes, key.value)?;
        match position(bytes, name, &key, keys, &alike) {
            Is::Other => {}
            Is::Alike(which) => return Err(Flaw { at: name, what: What::Alike(which) }),
            Is::Known(which) => {
                if let Some(slot) = found.get_mut(which)
                    && slot.replace(Span { start: key.value, end: at }).is_some()
                {
                    return Err(Flaw { at: name, what: What::Duplicate(which) });
                }
            }
        }
        at = blank(bytes, at);
        match byte(bytes, at) {
            b',' => at = blank(bytes, at + 1),
            b'}' => return end(bytes, at + 1).map(|()| found),
            _ => return step::flaw(bytes, at, What::MemberEnd),
        }
    }
}

/// Nothing but white space may follow.
fn end(bytes: &[u8], at: usize) -> Result<(), Flaw> {
    let at = blank(bytes, at);
    if at == bytes.len() { Ok(()) } else { step::flaw(bytes, at, What::Trailing) }
}

/// What a key is.
enum Is {
    /// One of those that are read.
    Known(usize),
    /// None of them, but some readers take it for this one.
    Alike(usize),
    Other,
}

/// What the key is that begins at `name`.
#[inline(always)]
fn position<const N: usize>(
    text: &[u8],
    name: usize,
    key: &Key,
    keys: &[&str; N],
    alike: &impl Fn(&[u8]) -> Option<usize>,
) -> Is {
    let of = |key: &[u8]| match keys.iter().position(|known| known.as_bytes() == key) {
        Some(which) => Is::Known(which),
        None => alike(key).map_or(Is::Other, Is::Alike),
    };
    if key.escaped {
        let written = text.get(name..key.end).unwrap_or_default();
        return serde_json::from_slice::<String>(written).map_or(Is::Other, |key| of(key.as_bytes()));
    }
    of(text.get(name + 1..key.end - 1).unwrap_or_default())
}
