//! The strings of a JSON value, one after the other, whatever they are nested in.
//!
//! For what is known to be JSON already, or only has to be roughly right: it checks nothing.

use super::scan::plain;

/// An iterator over the strings of one value. It stops where the value ends.
#[derive(Debug, Clone)]
pub(crate) struct Strings<'a> {
    json: &'a [u8],
    at: usize,
    depth: u32,
}

/// One string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// What stands between the quotes, escapes as written.
    pub(crate) text: &'a [u8],
    /// Whether a colon follows.
    pub(crate) is_key: bool,
}

impl<'a> Strings<'a> {
    /// The strings of the first value in `json`, an object or array.
    pub(crate) fn of(json: &'a [u8]) -> Self {
        Self { json, at: 0, depth: 0 }
    }

    /// How far the iterator has come: past the value, once it has ended.
    pub(crate) fn at(&self) -> usize {
        self.at.min(self.json.len())
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = Found<'a>;

    #[inline]
    fn next(&mut self) -> Option<Found<'a>> {
        loop {
            let byte = self.json.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.json = self.json.get(..self.at)?; // nothing of what follows is ours
                        return None;
                    }
                }
                _ => {}
            }
        }
        let rest = self.json.get(self.at..)?;
        let text = rest.get(..end(rest)).unwrap_or(rest);
        self.at += text.len() + 1;
        let after = self.json.get(self.at..).unwrap_or_default();
        let is_key = match after.first() {
            Some(b':') => true,
            Some(b',' | b'}' | b']') => false,
            _ => after.trim_ascii_start().starts_with(b":"),
        };
        Some(Found { text, is_key })
    }
}

/// The place of the closing quote.
#[inline]
fn end(rest: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += plain(rest.get(at..).unwrap_or_default());
        match rest.get(at) {
            Some(b'"') | None => return at,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// What follows the colon of a key, given what follows the key.
pub(crate) fn value(after_key: &[u8]) -> &[u8] {
    after_key.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start()
}
