//! A credential that is known, kept out of what callers read, however a vendor quotes it.
//!
//! Patterns know keys by their looks; many keys look like nothing in particular. Here the text itself is compared: as
//! it is, and as it is written inside of JSON, of a URL and of base64. A vendor may show a part of it only, and the
//! patterns may have cut it to pieces before; so whatever has eight characters in a row in common with it goes too, if
//! these are no ordinary words.

use memchr::memmem;
use std::fmt;
use weir_config::{Failure, Secret};

/// So many characters in common are no accident.
const TELLING: usize = 8;
/// What is shorter opens nothing worth hiding, and would make holes everywhere.
const SHORTEST: usize = 6;

/// The forms of an account's credential that nobody may read.
#[derive(Default)]
pub struct Withheld {
    forms: Box<[Box<[u8]>]>,
    /// What of them is telling, sorted: a failure may come with 2,000 characters to be looked up.
    pieces: Box<[[u8; TELLING]]>,
}

impl fmt::Debug for Withheld {
    /// How many: what they are is the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Withheld({} forms)", self.forms.len())
    }
}

impl Withheld {
    /// Withholds `secret`; nothing if there is none.
    pub fn new(secret: Option<&Secret>) -> Self {
        let secret = secret.map_or("", Secret::expose);
        if secret.len() < SHORTEST {
            return Self::default();
        }
        let escaped = serde_json::Value::from(secret).to_string();
        let escaped = escaped.trim_matches('"');
        let mut forms: Vec<Box<[u8]>> = vec![
            secret.as_bytes().into(),
            escaped.as_bytes().into(),
            escaped.replace('/', "\\/").into_bytes().into(),
            percent(secret, b"0123456789ABCDEF"),
            percent(secret, b"0123456789abcdef"),
        ];
        // Something may stand before it, such as a user's name: it begins at one of three places in a group.
        forms.extend((0..3).map(|place| base64(secret.as_bytes(), place, *b"+/")));
        forms.extend((0..3).map(|place| base64(secret.as_bytes(), place, *b"-_")));
        forms.sort_unstable();
        forms.dedup();
        let pieces = forms.iter().flat_map(|form| form.windows(TELLING)).filter(|piece| tells(piece));
        let mut pieces: Vec<[u8; TELLING]> = pieces.filter_map(|piece| piece.try_into().ok()).collect();
        pieces.sort_unstable();
        pieces.dedup();
        Self { forms: forms.into(), pieces: pieces.into() }
    }

    /// Takes the credential out of what `failure` tells.
    pub fn take_out_of(&self, failure: &mut Failure) {
        if let Some(message) = self.without(&failure.message) {
            failure.message = message;
        }
        for identifier in [&mut failure.kind, &mut failure.code, &mut failure.param] {
            *identifier = identifier.take().filter(|text| self.without(text).is_none());
        }
    }

    /// `text` with `[key]` in every place where the credential stood; `None` if it stood in none.
    fn without(&self, text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        let mut hidden = vec![false; bytes.len()];
        let mut hide =
            |from: usize, length: usize| hidden.iter_mut().skip(from).take(length).for_each(|at| *at = true);
        for form in &self.forms {
            memmem::find_iter(bytes, form).for_each(|from| hide(from, form.len()));
        }
        for (from, piece) in bytes.windows(TELLING).enumerate() {
            if self.pieces.binary_search_by(|known| known.as_slice().cmp(piece)).is_ok() {
                hide(from, TELLING);
            }
        }
        hidden.contains(&true).then(|| replaced(text, &hidden))
    }
}

/// Whether these characters are more than ordinary words.
fn tells(piece: &[u8]) -> bool {
    piece.is_ascii() && piece.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// `text` with one `[key]` in place of each run that is hidden.
fn replaced(text: &str, hidden: &[bool]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut before = false;
    for (at, c) in text.char_indices() {
        let hide = hidden.get(at).copied().unwrap_or_default();
        match hide {
            true if before => {}
            true => clean.push_str("[key]"),
            false => clean.push(c),
        }
        before = hide;
    }
    clean
}

/// `text` as it stands in a URL.
fn percent(text: &str, digits: &[u8; 16]) -> Box<[u8]> {
    let digit = |value: u8| digits.get(usize::from(value & 15)).copied().unwrap_or(b'0');
    let escaped = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => vec![byte],
        byte if byte.is_ascii_alphanumeric() => vec![byte],
        byte => vec![b'%', digit(byte >> 4), digit(byte)],
    };
    text.bytes().flat_map(escaped).collect()
}

/// The characters of base64 that `bytes` alone decide, if `place` other bytes stand before it in its group of three.
fn base64(bytes: &[u8], place: usize, last: [u8; 2]) -> Box<[u8]> {
    const DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let digit = |value: usize| DIGITS.iter().chain(&last).nth(value).copied().unwrap_or(b'=');
    let bits = |bit: usize| {
        let byte = |at: usize| at.checked_sub(place).and_then(|at| bytes.get(at)).copied().unwrap_or(0);
        let pair = usize::from(byte(bit / 8)) << 8 | usize::from(byte(bit / 8 + 1));
        pair >> (10 - bit % 8) & 63
    };
    let (from, to) = ((place * 8).div_ceil(6), (place + bytes.len()) * 8 / 6);
    (from..to).map(|character| digit(bits(character * 6))).collect()
}

#[cfg(test)]
mod tests;
