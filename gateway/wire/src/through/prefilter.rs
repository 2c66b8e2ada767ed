//! Tells events that only carry more text from those that must be parsed, without parsing them.
//!
//! A key stands in JSON as its quoted name, and inside a string a quote is escaped: so what is looked for may
//! be found where it means nothing (then the event is parsed in vain), but it cannot be missed. Only a vendor
//! that escapes letters of its own keys would be.
//!
//! The events of a stream are alike but for their text (and OpenAI's padding at their end). What was found
//! silent in the last one is compared with the next and not searched again.

use super::runs::Runs;
use super::speech::{Heard, Speech};
use crate::json::number;
use crate::json::strings::value;
use memchr::memmem::{self, Finder};

/// Longer beginnings and ends are not remembered: such events are parsed, such ends searched.
const MAX_HEAD: usize = 4096;

const INDEX: &[u8] = br#""index""#;
const CHOICES: &[u8] = br#""choices""#;

/// What an event says that only carries more text.
pub(super) struct Text {
    pub(super) heard: Heard,
    /// The choice's, where it stands before the text; one behind it is parsed whenever it changes.
    pub(super) index: Option<u64>,
}

/// What is looked for, and what was silent before and after the text of the last event.
pub(super) struct Prefilter {
    delta: Finder<'static>,
    finish: Finder<'static>,
    usage: Finder<'static>,
    error: Finder<'static>,
    /// Up to the value of `delta`.
    head: Vec<u8>,
    /// The choice that `head` is of.
    index: Option<u64>,
    /// From behind it.
    tail: Vec<u8>,
    /// How much of `tail` two events had in common, up to a comma.
    same: usize,
    /// The base64 that events ended in. A choice whose index stands behind its text is taken for the first.
    pub(super) runs: Runs,
}

impl Default for Prefilter {
    fn default() -> Self {
        Self {
            delta: Finder::new(br#""delta""#),
            finish: Finder::new(br#""finish_reason""#),
            usage: Finder::new(br#""usage""#),
            error: Finder::new(br#""error"#),
            head: Vec::new(),
            index: None,
            tail: Vec::new(),
            same: 0,
            runs: Runs::default(),
        }
    }
}

impl Prefilter {
    /// The text that `data` carries, if it is an event with one delta that says nothing else; `None` if it must be
    /// parsed.
    pub(super) fn text(&mut self, data: &[u8]) -> Option<Text> {
        if self.head.is_empty() || !data.starts_with(&self.head) {
            self.learn(data)?;
        }
        let delta = data.get(self.head.len()..)?;
        let before = if self.runs.is_empty() { None } else { Some(self.runs) };
        let speech = Speech::of(delta, self.index.unwrap_or(0), &mut self.runs);
        let tail = delta.get(speech.length..).unwrap_or_default();
        // The chunk around the delta must end, too: otherwise it was cut.
        let is_silent = tail.ends_with(b"}") && self.is_silent_tail(tail);
        if !is_silent {
            self.runs = before.unwrap_or_default(); // it will be heard again
            return None;
        }
        Some(Text { heard: speech.heard, index: self.index })
    }

    /// Learns how `data` begins.
    fn learn(&mut self, data: &[u8]) -> Option<()> {
        self.head.clear();
        let at = self.delta.find(data)?;
        let delta = value(data.get(at + self.delta.needle().len()..)?);
        let head = data.get(..data.len() - delta.len())?;
        if head.len() > MAX_HEAD || !delta.starts_with(b"{") || !opens_a_choice(head) || self.tells(head) {
            return None;
        }
        self.head.extend_from_slice(head);
        self.index = memmem::rfind(head, INDEX).and_then(|at| {
            let value = value(head.get(at + INDEX.len()..)?);
            let end =
                value.iter().position(|byte| matches!(byte, b',' | b'}') || byte.is_ascii_whitespace())?;
            number::whole(value.get(..end)?)
        });
        Some(())
    }

    /// Whether nothing tells in `tail`. Only the part is searched that is not as it was, from the comma before
    /// it: no key or word that is looked for has a comma in it.
    fn is_silent_tail(&mut self, tail: &[u8]) -> bool {
        if tail == self.tail {
            return true;
        }
        // A chunk that was cut between its last braces would end like one that is whole.
        if memchr::memrchr(b']', tail).is_none() {
            return false;
        }
        if self.same == 0 || tail.get(..self.same) != self.tail.get(..self.same) {
            let same = tail.iter().zip(&self.tail).take_while(|(new, old)| new == old).count();
            self.same = memchr::memrchr(b',', tail.get(..same).unwrap_or_default()).unwrap_or(0);
        }
        let new = tail.get(self.same..).unwrap_or_default();
        // the first letters of all five: cheaper than five searches of a few bytes
        let suspicious = |pair: &[u8]| matches!(pair, [b'"', b'd' | b'f' | b'u' | b'e' | b'i']);
        let is_suspicious = new.windows(2).any(suspicious);
        if is_suspicious && (self.delta.find(new).is_some() || self.tells(new)) {
            return false;
        }
        let is_new_choice = is_suspicious && memmem::find(new, INDEX).is_some();
        if (self.same == 0 || is_new_choice) && tail.len() <= MAX_HEAD {
            self.same = 0;
            self.tail.clear();
            self.tail.extend_from_slice(tail);
        }
        !is_new_choice
    }

    fn tells(&self, data: &[u8]) -> bool {
        has(&self.finish, data, |rest| !matches!(value(rest), [b'n', ..] | [b'"', b'"', ..]))
            || has(&self.usage, data, |rest| value(rest).first() == Some(&b'{'))
            || has(&self.error, data, tells_of_an_error)
    }
}

/// Whether a choice begins in `head`: a delta elsewhere is none of a choice's.
fn opens_a_choice(head: &[u8]) -> bool {
    let behind = memmem::find(head, CHOICES).and_then(|at| head.get(at + CHOICES.len()..));
    let array = behind.and_then(|rest| value(rest).strip_prefix(b"["));
    array.is_some_and(|items| items.trim_ascii_start().starts_with(b"{"))
}

/// Whether there is an `error` or `errors` with a value; `rest` begins behind the first of these words.
fn tells_of_an_error(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b"s").unwrap_or(rest);
    rest.strip_prefix(b"\"").is_some_and(|rest| !matches!(value(rest).first(), Some(b'n' | b'f')))
}

/// Whether what follows one of the places of what `finder` looks for is of interest.
fn has(finder: &Finder<'_>, data: &[u8], interesting: impl Fn(&[u8]) -> bool) -> bool {
    let mut rest = data;
    while let Some(at) = finder.find(rest) {
        rest = rest.get(at + finder.needle().len()..).unwrap_or_default();
        if interesting(rest) {
            return true;
        }
    }
    false
}
