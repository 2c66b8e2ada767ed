//! Steps through JSON text: one value, key or string at a time, checked and not kept.

use super::flaw::{Flaw, What};

/// Containers within containers, the outermost counted.
pub(super) const MAX_DEPTH: u32 = 64;

/// A place in a text. After an error it stays where the error is.
pub(super) struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    /// What `what`, found here, is called: the end of the text is always the end of the text.
    pub(super) fn flaw(&self, what: What) -> Flaw {
        let ended = self.at >= self.bytes.len() && !matches!(what, What::NotAnObject | What::Duplicate(_));
        Flaw { at: self.at, what: if ended { What::End } else { what } }
    }

    /// The byte here; 0 at the end, which is valid nowhere.
    #[inline(always)]
    fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Past this byte.
    #[inline(always)]
    pub(super) fn step(&mut self) {
        self.at += 1;
    }

    /// Past white space, and the byte that stands there.
    #[inline(always)]
    pub(super) fn blank(&mut self) -> u8 {
        loop {
            let byte = self.byte();
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return byte;
            }
            self.at += 1;
        }
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), What> {
        self.blank();
        if self.at == self.bytes.len() { Ok(()) } else { Err(What::Trailing) }
    }

    /// Past a quoted key; whether it holds an escape.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<bool, What> {
        if self.byte() == b'"' { self.string() } else { Err(What::Key) }
    }

    /// Past the colon after a key.
    #[inline(always)]
    pub(super) fn colon(&mut self) -> Result<(), What> {
        if self.blank() != b':' {
            return Err(What::Colon);
        }
        self.at += 1;
        Ok(())
    }

    /// Past one value, whatever it is, inside the outermost container.
    pub(super) fn value(&mut self) -> Result<(), What> {
        match self.blank() {
            b'{' | b'[' => self.container(),
            byte => self.scalar(byte),
        }
    }

    /// Past a string, number or word that begins with `byte`.
    #[inline(always)]
    fn scalar(&mut self, byte: u8) -> Result<(), What> {
        match byte {
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => Err(What::Value),
        }
    }

    /// Past an object or array. One bit for each open container: whether it is an object.
    fn container(&mut self) -> Result<(), What> {
        let mut objects = 0u64;
        let mut depth = 1; // the outermost object, which `super::object` reads
        'value: loop {
            match self.blank() {
                open @ (b'{' | b'[') => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(What::Depth);
                    }
                    self.at += 1;
                    objects <<= 1;
                    if open == b'{' {
                        objects |= 1;
                        if self.blank() != b'}' {
                            self.key()?;
                            self.colon()?;
                            continue 'value;
                        }
                    } else if self.blank() != b']' {
                        continue 'value;
                    }
                }
                byte => self.scalar(byte)?,
            }
            // a value has ended, or an empty container is about to
            loop {
                let object = objects & 1 == 1;
                match self.blank() {
                    b',' => {
                        self.at += 1;
                        if object {
                            self.blank();
                            self.key()?;
                            self.colon()?;
                        }
                        continue 'value;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ => return Err(if object { What::MemberEnd } else { What::ElementEnd }),
                }
                self.at += 1;
                objects >>= 1;
                depth -= 1;
                if depth == 1 {
                    return Ok(());
                }
            }
        }
    }

    /// Past a string, from its opening quote; whether it holds an escape.
    #[inline(always)]
    fn string(&mut self) -> Result<bool, What> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain(self.bytes.get(self.at..).unwrap_or_default());
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(What::Control),
                None => return Err(What::End),
            }
        }
    }

    /// Past an escape, from its backslash.
    #[inline]
    fn escape(&mut self) -> Result<(), What> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => self.unicode()?,
            Some(_) => return Err(What::Escape),
            None => return Err(What::End),
        }
        Ok(())
    }

    /// Past `\uXXXX`, or past both halves of a surrogate pair.
    #[cold]
    fn unicode(&mut self) -> Result<(), What> {
        match self.hex(self.at + 2)? {
            0xDC00..=0xDFFF => return Err(What::Surrogate),
            0xD800..=0xDBFF => {
                let low = self.bytes.get(self.at + 6..self.at + 8) == Some(br"\u")
                    && (0xDC00..=0xDFFF).contains(&self.hex(self.at + 8)?);
                if !low {
                    return Err(What::Surrogate);
                }
                self.at += 12;
            }
            _ => self.at += 6,
        }
        Ok(())
    }

    fn hex(&self, at: usize) -> Result<u32, What> {
        let digits = self.bytes.get(at..at + 4).ok_or(What::Escape)?;
        digits.iter().try_fold(0, |value, digit| {
            char::from(*digit).to_digit(16).map(|digit| value << 4 | digit).ok_or(What::Escape)
        })
    }

    /// Past a number. Only one that may exceed an `f64` is converted.
    #[inline]
    fn number(&mut self) -> Result<(), What> {
        let start = self.at;
        if self.byte() == b'-' {
            self.at += 1;
        }
        let zero = self.byte() == b'0';
        let mut digits = self.digits()?;
        if zero && digits > 1 {
            return Err(What::Number);
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
            digits = usize::MAX;
        }
        if digits > 300 { self.finite(start) } else { Ok(()) }
    }

    #[inline]
    fn digits(&mut self) -> Result<usize, What> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(What::Number) } else { Ok(self.at - start) }
    }

    #[cold]
    fn finite(&self, start: usize) -> Result<(), What> {
        let number = self.text.get(start..self.at).unwrap_or_default();
        if number.parse::<f64>().is_ok_and(f64::is_finite) { Ok(()) } else { Err(What::Range) }
    }

    #[inline(always)]
    fn word(&mut self, word: &[u8]) -> Result<(), What> {
        if self.bytes.get(self.at..).unwrap_or_default().starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(What::Value)
    }
}

/// How many bytes come before the first quote, backslash or control character.
#[inline(always)]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES << 7;
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let hit = quote.wrapping_sub(ONES) & !quote
            | backslash.wrapping_sub(ONES) & !backslash
            | word.wrapping_sub(ONES * 0x20) & !word;
        let hit = hit & TOPS;
        if hit != 0 {
            // the lowest mark is exact: a borrow only runs upwards
            return bytes.len() - rest.len() + (hit.trailing_zeros() / 8) as usize;
        }
        rest = after;
    }
    let stops = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    bytes.len() - rest.len() + rest.iter().position(stops).unwrap_or(rest.len())
}
