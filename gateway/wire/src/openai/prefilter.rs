//! Tells events that only carry more text from those that must be parsed, without parsing them.
//!
//! A key stands in JSON as its quoted name, and inside a string a quote is escaped: so what is looked for may
//! be found where it means nothing (then the event is parsed in vain), but it cannot be missed. Only a vendor
//! that escapes letters of its own keys would be.
//!
//! The events of a stream are alike but for their text (and OpenAI's padding at their end). What was found
//! silent in the last one is compared with the next and not searched again.

use super::said::said;
use memchr::memmem::Finder;

/// Longer beginnings are not remembered: such events are parsed.
const MAX_HEAD: usize = 4096;

/// What is looked for, and what was silent before and after the text of the last event.
pub(super) struct Prefilter {
    delta: Finder<'static>,
    finish: Finder<'static>,
    usage: Finder<'static>,
    error: Finder<'static>,
    /// Up to the value of `delta`.
    head: Vec<u8>,
    /// From behind it.
    tail: Vec<u8>,
    /// How much of `tail` two events had in common, up to a comma.
    same: usize,
}

impl Default for Prefilter {
    fn default() -> Self {
        Self {
            delta: Finder::new(br#""delta""#),
            finish: Finder::new(br#""finish_reason""#),
            usage: Finder::new(br#""usage""#),
            error: Finder::new(br#""error""#),
            head: Vec::new(),
            tail: Vec::new(),
            same: 0,
        }
    }
}

impl Prefilter {
    /// Roughly how many bytes of text `data` carries, if it is an event with one delta that says nothing else;
    /// `None` if it must be parsed.
    pub(super) fn text(&mut self, data: &[u8]) -> Option<u64> {
        if self.head.is_empty() || !data.starts_with(&self.head) {
            self.learn(data)?;
        }
        let delta = data.get(self.head.len()..)?;
        let said = said(delta);
        self.is_silent_tail(delta.get(said.length..)?).then_some(said.bytes)
    }

    /// Learns how `data` begins.
    fn learn(&mut self, data: &[u8]) -> Option<()> {
        self.head.clear();
        let at = self.delta.find(data)?;
        let delta = value(data.get(at + self.delta.needle().len()..)?);
        let head = data.get(..data.len() - delta.len())?;
        if head.len() > MAX_HEAD || !delta.starts_with(b"{") || self.tells(head) {
            return None;
        }
        self.head.extend_from_slice(head);
        Some(())
    }

    /// Whether nothing tells in `tail`. Only the part is searched that is not as it was, from the comma before
    /// it: no key or word that is looked for has a comma in it.
    fn is_silent_tail(&mut self, tail: &[u8]) -> bool {
        if tail == self.tail {
            return true;
        }
        if self.same == 0 || tail.get(..self.same) != self.tail.get(..self.same) {
            let same = tail.iter().zip(&self.tail).take_while(|(new, old)| new == old).count();
            self.same = memchr::memrchr(b',', tail.get(..same).unwrap_or_default()).unwrap_or(0);
        }
        let new = tail.get(self.same..).unwrap_or_default();
        // the first letters of all four: cheaper than four searches of a few bytes
        let suspicious = |pair: &[u8]| matches!(pair, [b'"', b'd' | b'f' | b'u' | b'e']);
        if new.windows(2).any(suspicious) && (self.delta.find(new).is_some() || self.tells(new)) {
            return false;
        }
        if self.same == 0 {
            self.tail.clear();
            self.tail.extend_from_slice(tail);
        }
        true
    }

    fn tells(&self, data: &[u8]) -> bool {
        has(&self.finish, data, |value| !matches!(value, [b'n', ..] | [b'"', b'"', ..]))
            || has(&self.usage, data, |value| value.first() == Some(&b'{'))
            || has(&self.error, data, |value| !matches!(value.first(), Some(b'n' | b'f')))
    }
}

/// Whether one of the values of the key that `finder` looks for is of interest.
fn has(finder: &Finder<'_>, data: &[u8], interesting: impl Fn(&[u8]) -> bool) -> bool {
    let mut rest = data;
    while let Some(at) = finder.find(rest) {
        rest = rest.get(at + finder.needle().len()..).unwrap_or_default();
        if interesting(value(rest)) {
            return true;
        }
    }
    false
}

/// What follows a key's colon.
fn value(after_key: &[u8]) -> &[u8] {
    after_key.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start()
}
