//! JSON that tells of an error, as it comes, its long strings cut short: a code behind a message that quotes a whole
//! request is seen all the same, and what is kept has a bound.
//!
//! What is no JSON stays as it is, up to the bound.

/// What has come, cut short.
#[derive(Debug)]
pub struct Brief {
    text: Vec<u8>,
    most: usize,
    /// Within a string, of which so much was kept.
    string: Option<usize>,
    /// The last byte was a backslash within a string, and was it kept.
    escaped: Option<bool>,
}

impl Default for Brief {
    fn default() -> Self {
        Self::within(Self::MOST)
    }
}

impl Brief {
    /// So much is kept, a quarter of it of one string: callers are told far less.
    pub(crate) const MOST: usize = 64 << 10;

    fn within(most: usize) -> Self {
        Self { text: Vec::new(), most, string: None, escaped: None }
    }

    /// What is kept.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// How many bytes of memory it takes.
    pub(crate) fn room(&self) -> usize {
        self.text.capacity()
    }

    /// Forgets what has come.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        (self.string, self.escaped) = (None, None);
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            let taken = match (self.string, self.escaped.take()) {
                (None, _) => {
                    let quote = memchr::memchr(b'"', rest);
                    self.string = quote.map(|_| 0);
                    self.keep(rest, quote.map_or(rest.len(), |at| at + 1), true)
                }
                // Half an escape would take the next quote.
                (Some(length), Some(is_kept)) => {
                    self.string = Some(length + usize::from(is_kept));
                    self.keep(rest, 1, is_kept)
                }
                (Some(_), None) if *first == b'"' => {
                    self.string = None;
                    self.keep(rest, 1, true)
                }
                (Some(length), None) => {
                    let room = (self.most / 4).saturating_sub(length);
                    let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                    if end == 0 {
                        self.escaped = Some(room > 0);
                    }
                    let taken = end.max(1);
                    self.string = Some(length + taken.min(room));
                    self.keep(rest, taken.min(room), true);
                    taken
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Keeps the first `length` bytes of `rest`, or not, as far as there is room; gives `length` back.
    fn keep(&mut self, rest: &[u8], length: usize, is_kept: bool) -> usize {
        let room = if is_kept { self.most - self.text.len() } else { 0 };
        self.text.extend_from_slice(rest.get(..length.min(room)).unwrap_or_default());
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn brief(text: &[u8], size: usize, most: usize) -> Vec<u8> {
        let mut brief = Brief::within(most);
        text.chunks(size).for_each(|piece| brief.feed(piece));
        brief.text().to_vec()
    }

    #[test]
    fn s2_16_only_what_is_too_long_of_a_string_is_left_out() {
        for (text, expected) in [
            (r#"{"a":"0123456789","b":[1,"x"]}"#, r#"{"a":"01234567","b":[1,"x"]}"#),
            (r#"{"a":"0123456\"9","b":1}"#, r#"{"a":"0123456\"","b":1}"#),
            (r#"{"a":"01234567\"9\\","b":1}"#, r#"{"a":"01234567","b":1}"#),
            (r#"{"a":"\\\\\\\\\\","b":1}"#, r#"{"a":"\\\\\\\\","b":1}"#),
            ("<html>no string</html> it's long", "<html>no string</html> it's long"),
            (r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}"#, r#"{"a":1,"b":2,"c":3,"d":4,"e":5,""#),
        ] {
            for size in [1, 2, 3, 100] {
                let kept = brief(text.as_bytes(), size, 32);
                assert_eq!(String::from_utf8(kept).unwrap(), expected, "{text} in pieces of {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn s2_16_what_is_json_stays_json(texts in prop::collection::vec("[a\"\\\\\n\u{e9}]{0,60}", 0..3), size in 1_usize..9) {
            let text = json!({"a": texts, "code": 7}).to_string();
            let kept = brief(text.as_bytes(), size, 160);
            prop_assert!(kept.len() <= 160);
            let value: Value = serde_json::from_str(&String::from_utf8_lossy(&kept)).unwrap();
            prop_assert_eq!(&value["code"], 7);
        }
    }
}
