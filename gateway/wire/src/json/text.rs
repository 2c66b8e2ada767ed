//! Strings and values of a JSON text, kept as they are written there: whoever writes them on need neither unescape nor
//! escape them, and nothing of them is copied.

use super::scan;
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;

/// A JSON string, quotes included. It is valid, and so is what it says: half a pair of surrogates has become U+FFFD.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Text(Bytes);

/// Any JSON value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Json(Bytes);

impl Text {
    /// A string as it stands in a JSON text, quotes included.
    pub(crate) fn read(raw: Bytes) -> Self {
        match simdutf8::basic::from_utf8(&raw) {
            Ok(_) if !has_surrogates(&raw) => Self(raw),
            Ok(_) => Self(mended(&raw).into()),
            Err(_) => Self(mended(String::from_utf8_lossy(&raw).as_bytes()).into()),
        }
    }

    /// A string that says `text`.
    pub(crate) fn new(text: &str) -> Self {
        if scan::plain(text.as_bytes()) == text.len() {
            return Self([b"\"", text.as_bytes(), b"\""].concat().into());
        }
        Self(serde_json::Value::from(text).to_string().into())
    }

    /// The same in memory of its own: what is kept must not hold on to all that came with it.
    #[must_use]
    pub(crate) fn apart(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// As JSON, quotes included.
    pub(crate) fn json(&self) -> &Bytes {
        &self.0
    }

    /// As JSON, without the quotes.
    pub(crate) fn inside(&self) -> Bytes {
        self.0.slice(1..self.0.len().saturating_sub(1).max(1))
    }

    /// What it says.
    pub(crate) fn said(&self) -> Cow<'_, str> {
        let inside = self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default();
        match std::str::from_utf8(inside) {
            Ok(text) if memchr::memchr(b'\\', inside).is_none() => Cow::Borrowed(text),
            _ => serde_json::from_slice::<String>(&self.0).unwrap_or_default().into(),
        }
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() <= 2
    }

    /// Whether it says nothing but white space. A long text is not unescaped to see that it says something.
    pub(crate) fn is_blank(&self) -> bool {
        let mut rest = self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default();
        loop {
            rest = rest.trim_ascii_start();
            let first = match rest {
                [] => return true,
                [b'\\', b'n' | b't' | b'r' | b'f', ..] => 2,
                [b'\\', b'u', ..] => return self.said().trim().is_empty(),
                _ => match rest
                    .get(..rest.len().min(4))
                    .unwrap_or_default()
                    .utf8_chunks()
                    .next()
                    .and_then(|chunk| chunk.valid().chars().next())
                {
                    Some(letter) if letter.is_whitespace() => letter.len_utf8(),
                    _ => return false,
                },
            };
            rest = rest.get(first..).unwrap_or_default();
        }
    }

    /// How many bytes it has as it is written, without the quotes.
    pub(crate) fn len(&self) -> usize {
        self.0.len().saturating_sub(2)
    }
}

impl Json {
    /// A value as it stands in a JSON text. Half a pair of surrogates in it becomes U+FFFD; nothing else changes.
    pub(crate) fn read(raw: Bytes) -> Self {
        if has_surrogates(&raw) { Self(mended(&raw).into()) } else { Self(raw) }
    }

    /// As it is written.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for Text {
    /// Not what it says: that is a caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(test) { write!(f, "{}", String::from_utf8_lossy(&self.0)) } else { f.write_str("Text") }
    }
}

impl fmt::Debug for Json {
    /// Not what it says: that is a caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(test) { write!(f, "{}", String::from_utf8_lossy(&self.0)) } else { f.write_str("Json") }
    }
}

/// Whether there may be an escaped surrogate, half of a pair or in one.
fn has_surrogates(raw: &[u8]) -> bool {
    let mut rest = raw;
    while let Some(at) = memchr::memmem::find(rest, b"\\u") {
        rest = rest.get(at + 2..).unwrap_or_default();
        if matches!(rest.first(), Some(b'd' | b'D')) {
            return true;
        }
    }
    false
}

/// `raw` with an escaped U+FFFD in place of each escape that is half of a pair.
fn mended(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at(at);
        out.extend_from_slice(before);
        let len = match (unit(escape), unit(escape.get(6..).unwrap_or_default())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                out.extend_from_slice(b"\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        let (escape, after) = escape.split_at(len.min(escape.len()));
        out.extend_from_slice(escape);
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// The code unit that `escape` begins with, if it is `\uXXXX`.
fn unit(escape: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?.get(..4)?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_as_it_is_written() {
        for raw in [r#""""#, r#""a""#, r#""a\n\"b\" \u00e9 é \/""#, r#""\ud83d\ude00""#] {
            let text = Text::read(Bytes::from(raw));
            assert_eq!(text.said(), serde_json::from_str::<String>(raw).unwrap(), "{raw}");
            assert_eq!(serde_json::from_slice::<String>(text.json()).unwrap(), text.said(), "{raw}");
        }
        let raw = Bytes::from(r#""a\/b""#);
        assert_eq!(Text::read(raw.clone()).json(), &raw);
        assert_eq!(Text::new("a\"\u{1}é").json(), r#""a\"\u0001é""#);
        assert!(Text::new("").is_empty() && Text::new(" \n").is_blank() && !Text::new(" a").is_blank());
        assert_eq!(Text::new("").inside(), "");
        assert_eq!(Text::new("ab").inside(), "ab");
    }

    #[test]
    fn white_space_is_blank_however_it_is_written() {
        for (raw, is_blank) in [
            (r#"" \n\t\r\f \u00a0\u2003""#, true),
            ("\"\u{a0} \u{3000}\"", true),
            (r#""\n\u0061""#, false),
            (r#""\n é""#, false),
            (r#""\b""#, false),
            (r#"" \"""#, false),
            (r#""\\n""#, false),
            (r#""日本""#, false),
        ] {
            let text = Text::read(Bytes::from(raw));
            assert_eq!(text.is_blank(), is_blank, "{raw}");
            assert_eq!(text.said().trim().is_empty(), is_blank, "{raw}");
        }
    }

    #[test]
    fn half_a_pair_of_surrogates_becomes_a_replacement_character() {
        for (raw, said) in [
            (r#""a\ud800""#, "a\u{FFFD}"),
            (r#""\udc00\ud83d\ude00\uD800x""#, "\u{FFFD}😀\u{FFFD}x"),
            (r#""\\ud800""#, "\\ud800"),
        ] {
            let text = Text::read(Bytes::from(raw));
            assert_eq!(serde_json::from_slice::<String>(text.json()).unwrap(), said, "{raw}");
            let json = Json::read(Bytes::from(format!(r#"{{"k":[{raw}]}}"#)));
            let value: serde_json::Value = serde_json::from_slice(json.bytes()).unwrap();
            assert_eq!(value["k"][0], said, "{raw}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        let text = Text::read(Bytes::from_static(b"\"a\xff\""));
        assert_eq!(text.said(), "a\u{FFFD}");
        assert_eq!(serde_json::from_slice::<String>(text.json()).unwrap(), "a\u{FFFD}");
    }
}
