//! JSON that comes in pieces, or is only nearly JSON: told token by token to who listens, and nothing of it is kept
//! but the word that is being read.
//!
//! For answers, whose bytes pass through whatever is thought of them. So it is as lenient as the SDKs that will read
//! them: halves of surrogate pairs, `NaN`, `1e400`, bytes that are no UTF-8 and a byte order mark are no matter. What
//! no SDK reads (a missing comma, an unquoted word, an end in the middle) is told from it.

use super::plain;
/// Containers within containers. A request has far fewer ([`super::step::MAX_DEPTH`]); an answer is read as far as
/// Python's SDK reads it.
const DEEPEST: u32 = 1000;
/// So many levels have their bits in one number.
const BITS: u32 = u64::BITS;
/// Keys longer than this are nobody's, numbers longer than this are read as far as this.
const MAX_WORD: usize = 40;

/// Who listens. Levels count from 1, the outermost container's own.
pub(crate) trait Listener {
    /// A container begins on `level`.
    fn open(&mut self, level: u32, is_object: bool);
    /// The container of `level` has ended.
    fn close(&mut self, level: u32);
    /// A key, escapes as written; empty if it is too long to be known.
    fn key(&mut self, key: &[u8]);
    /// The next piece of a string that is a value, escapes as written.
    fn string(&mut self, piece: &[u8], is_last: bool);
    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self, text: &[u8]);
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// A value, or the end of the array that has just begun.
    FirstValue,
    Key,
    /// A key, or the end of the object that has just begun.
    FirstKey,
    Colon,
    /// A comma, or the end of the container.
    Comma,
    /// More of a key, string or scalar.
    InKey,
    InString,
    InScalar,
    /// Nothing but white space.
    Nothing,
    /// It is not JSON, nor nearly.
    Broken,
}

/// Where in a text the next byte stands.
#[derive(Debug)]
pub(crate) struct Tokens {
    next: Next,
    /// The last byte was a backslash within a string.
    escaped: bool,
    level: u32,
    /// A bit for each open container of the innermost 64 or fewer, the innermost lowest: is it an object.
    objects: u64,
    /// The same of those around them; mostly there are none.
    outer: Vec<u64>,
    /// The beginning of a key or scalar whose end has not come.
    word: [u8; MAX_WORD],
    length: usize,
}

impl Default for Tokens {
    fn default() -> Self {
        let word = [0; MAX_WORD];
        Self { next: Next::Value, escaped: false, level: 0, objects: 0, outer: Vec::new(), word, length: 0 }
    }
}

impl Tokens {
    /// Whether one value has come, all of it, and nothing else.
    pub(crate) fn is_whole(&self) -> bool {
        self.next == Next::Nothing
    }

    /// Whether it can no longer become JSON.
    pub(crate) fn is_broken(&self) -> bool {
        self.next == Next::Broken
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8], to: &mut impl Listener) {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            rest = match self.next {
                Next::Broken => return,
                Next::InString => self.string(rest, to),
                Next::InKey => self.key(rest, to),
                Next::InScalar => self.scalar(rest, to),
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => after,
                _ => {
                    self.sign(*byte, to);
                    if self.next == Next::InScalar { rest } else { after }
                }
            };
        }
    }

    /// A byte that is neither white space nor within a word.
    fn sign(&mut self, byte: u8, to: &mut impl Listener) {
        let is_object = self.objects & 1 == 1;
        self.next = match (self.next, byte) {
            (Next::Value, 0xEF | 0xBB | 0xBF) if self.level == 0 => Next::Value, // a byte order mark
            (Next::Value | Next::FirstValue, b'{' | b'[') => return self.open(byte == b'{', to),
            (Next::Value | Next::FirstValue, b'"') => Next::InString,
            (Next::FirstValue, b']') | (Next::FirstKey, b'}') => return self.close(to),
            (
                Next::Value | Next::FirstValue,
                b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z',
            ) => Next::InScalar,
            (Next::Key | Next::FirstKey, b'"') => Next::InKey,
            (Next::Colon, b':') => Next::Value,
            (Next::Comma, b',') if is_object => Next::Key,
            (Next::Comma, b',') => Next::Value,
            (Next::Comma, b'}') if is_object => return self.close(to),
            (Next::Comma, b']') if !is_object => return self.close(to),
            _ => Next::Broken,
        };
    }

    fn open(&mut self, is_object: bool, to: &mut impl Listener) {
        if self.level == DEEPEST {
            self.next = Next::Broken;
            return;
        }
        if self.level > 0 && self.level.is_multiple_of(BITS) {
            self.outer.push(std::mem::take(&mut self.objects));
        }
        self.level += 1;
        self.objects = self.objects << 1 | u64::from(is_object);
        self.next = if is_object { Next::FirstKey } else { Next::FirstValue };
        to.open(self.level, is_object);
    }

    fn close(&mut self, to: &mut impl Listener) {
        to.close(self.level);
        self.level = self.level.saturating_sub(1);
        self.objects >>= 1;
        if self.level > 0 && self.level.is_multiple_of(BITS) {
            self.objects = self.outer.pop().unwrap_or_default();
        }
        self.next = self.after_value();
    }

    fn after_value(&self) -> Next {
        if self.level == 0 { Next::Nothing } else { Next::Comma }
    }

    fn string<'a>(&mut self, rest: &'a [u8], to: &mut impl Listener) -> &'a [u8] {
        let (piece, ended) = self.quoted(rest);
        to.string(piece, ended);
        if !ended {
            return &[];
        }
        self.next = self.after_value();
        rest.get(piece.len() + 1..).unwrap_or_default()
    }

    fn key<'a>(&mut self, rest: &'a [u8], to: &mut impl Listener) -> &'a [u8] {
        let (piece, ended) = self.quoted(rest);
        if !ended {
            self.keep(piece);
            return &[];
        }
        if self.length == 0 {
            to.key(piece);
        } else {
            self.keep(piece);
            to.key(if self.length < MAX_WORD { self.word() } else { b"" });
        }
        self.length = 0;
        self.next = Next::Colon;
        rest.get(piece.len() + 1..).unwrap_or_default()
    }

    /// What belongs to the string that is being read, and whether its quote follows. A control character within it
    /// breaks the text.
    fn quoted<'a>(&mut self, rest: &'a [u8]) -> (&'a [u8], bool) {
        let mut at = usize::from(std::mem::take(&mut self.escaped));
        loop {
            at += plain(rest.get(at..).unwrap_or_default());
            match rest.get(at) {
                Some(b'"') => return (rest.get(..at).unwrap_or_default(), true),
                Some(b'\\') => at += 2,
                Some(_) => {
                    self.next = Next::Broken;
                    return (rest.get(..at).unwrap_or_default(), false);
                }
                None => {
                    self.escaped = at > rest.len();
                    return (rest, false);
                }
            }
        }
    }

    fn scalar<'a>(&mut self, rest: &'a [u8], to: &mut impl Listener) -> &'a [u8] {
        let within = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let end = rest.iter().position(|byte| !within(byte)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        if after.is_empty() {
            self.keep(piece);
            return after;
        }
        self.next = self.after_value();
        let whole = if self.length == 0 {
            piece
        } else {
            self.keep(piece);
            self.word()
        };
        if is_scalar(whole) {
            to.scalar(whole);
        } else {
            self.next = Next::Broken;
        }
        self.length = 0;
        after
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = self.word.iter_mut().skip(self.length);
        self.length += room.zip(piece).map(|(to, from)| *to = *from).count();
    }

    fn word(&self) -> &[u8] {
        self.word.get(..self.length).unwrap_or_default()
    }
}

/// Whether SDKs read it: Python's also write `NaN` and `Infinity`.
fn is_scalar(text: &[u8]) -> bool {
    let is_number = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
    is_number || matches!(text, b"true" | b"false" | b"null" | b"NaN" | b"Infinity" | b"-Infinity")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Writes down what it is told, strings put together.
    #[derive(Default, Debug, PartialEq)]
    struct Heard(String);

    impl Listener for Heard {
        fn open(&mut self, level: u32, is_object: bool) {
            self.0 += &format!("{level}{} ", if is_object { '{' } else { '[' });
        }
        fn close(&mut self, level: u32) {
            self.0 += &format!("{level}/ ");
        }
        fn key(&mut self, key: &[u8]) {
            self.0 += &format!("{}: ", String::from_utf8_lossy(key));
        }
        fn string(&mut self, piece: &[u8], is_last: bool) {
            self.0.extend(piece.iter().map(|byte| char::from(*byte)));
            self.0 += if is_last { "\" " } else { "" };
        }
        fn scalar(&mut self, text: &[u8]) {
            self.0 += &format!("{} ", String::from_utf8_lossy(text));
        }
    }

    fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, bool, bool) {
        let (mut tokens, mut heard) = (Tokens::default(), Heard::default());
        pieces.into_iter().for_each(|piece| tokens.feed(piece, &mut heard));
        (heard.0, tokens.is_whole(), tokens.is_broken())
    }

    #[test]
    fn what_sdks_read_is_read() {
        for text in [
            r#"{"a":"\ud83d","b":1e400,"c":[NaN,-Infinity,Infinity],"d":{}}"#,
            "\u{FEFF} {\"a\":[[],{},\"\",0]}\n",
            r#"{"a":"\"\\","b\"":true}"#,
        ] {
            assert!(heard([text.as_bytes()]).1, "{text}");
        }
        assert!(heard([b"{\"a\":\"\xff\"}".as_slice()]).1);
        assert_eq!(heard([br#"{"a":[1,"x"]}"#.as_slice()]).0, "1{ a: 2[ 1 x\" 2/ 1/ ");
    }

    #[test]
    fn what_no_sdk_reads_is_told_from_it() {
        for text in [
            r#"{"a" 1}"#,
            r#"{"a":1 "b":2}"#,
            "{'a':1}",
            "{\"a\":nope}",
            "{]",
            "[1}",
            "{\"a\":1}x",
            "<html>",
            "{,}",
        ] {
            assert!(heard([text.as_bytes()]).2, "{text}");
        }
        let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(heard([deep(1000).as_bytes()]).1 && heard([deep(1001).as_bytes()]).2);
        for cut in [r#"{"a":"x"#, r#"{"a":1"#, "{", ""] {
            let (_, whole, broken) = heard([cut.as_bytes()]);
            assert!(!whole && !broken, "{cut}");
        }
    }

    proptest! {
        #[test]
        fn s2_5_every_cut_tells_the_same(text in "[\\[\\]{}:,\"\\\\a1e. -]{0,40}", cuts in prop::collection::vec(any::<usize>(), 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            prop_assert_eq!(heard(cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]])), heard([bytes]));
            if serde_json::from_str::<Value>(&text).is_ok_and(|value| value.is_object() || value.is_array()) {
                prop_assert!(heard([bytes]).1, "{}", text);
            }
        }
    }
}
