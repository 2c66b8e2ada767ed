//! Whether JSON that comes in strings, piece by piece, is all there: the arguments of a tool call.

use super::scan::{Listener, Tokens};
use super::text::Text;

/// What has come so far of a JSON value.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    tokens: Tokens,
    begun: bool,
}

impl Whole {
    /// The next piece.
    pub(crate) fn feed(&mut self, piece: &Text) {
        let said = piece.said();
        self.begun |= !said.trim().is_empty();
        self.tokens.feed(said.as_bytes(), &mut Deaf);
    }

    /// Whether more than blanks has come.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether all of an object, an array or a string has come.
    pub(crate) fn is_whole(&self) -> bool {
        self.tokens.is_whole()
    }
}

/// Nobody is told of tokens.
struct Deaf;

impl Listener for Deaf {
    fn open(&mut self, _: u32, _: bool) {}
    fn close(&mut self, _: u32) {}
    fn key(&mut self, _: &[u8]) {}
    fn string(&mut self, _: &[u8], _: bool) {}
    fn scalar(&mut self, _: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_whole_with_its_last_bracket() {
        let mut whole = Whole::default();
        for (piece, begun, is) in [
            ("", false, false),
            (" \n", false, false),
            ("{\"a", true, false),
            ("\":\"}", true, false),
            ("\\\"\"", true, false),
            ("}", true, true),
            ("  ", true, true),
            ("{", true, false),
        ] {
            whole.feed(&Text::new(piece));
            assert_eq!((whole.has_begun(), whole.is_whole()), (begun, is), "{piece}");
        }
    }
}
