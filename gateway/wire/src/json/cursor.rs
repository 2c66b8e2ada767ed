//! A walk through JSON that has been validated: one pass, nothing is built, values are slices of the text.
//!
//! Of text that is not valid it says something, never the same as another reader would: validate first
//! ([`super::scan`]). It does not recurse; who descends bounds the depth (semantics S10.6 does).

use super::lenient::unescaped;
use bytes::Bytes;
use std::borrow::Cow;

/// What kind of value comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl Kind {
    /// The kind in words, as a message to a caller names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        }
    }
}

/// A place in a JSON text, in front of a value.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a Bytes,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// In front of the value that `text` is.
    pub(crate) fn new(text: &'a Bytes) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.blank();
        cursor
    }

    /// What kind the next value is of.
    pub(crate) fn kind(&self) -> Kind {
        match self.byte() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    /// The next value as it is written; the cursor goes past it.
    pub(crate) fn value(&mut self) -> &'a [u8] {
        let from = self.at;
        self.pass_over();
        self.text.get(from..self.at).unwrap_or_default()
    }

    /// The same, shared with the text.
    pub(crate) fn shared(&mut self) -> Bytes {
        let from = self.at;
        self.pass_over();
        self.text.slice(from..self.at)
    }

    /// Goes through the next value, an object: `each` is given a key and the cursor in front of its value. What it does
    /// not go past is passed over. Another kind of value is passed over whole.
    ///
    /// # Errors
    /// The first of `each`.
    pub(crate) fn members<E>(
        &mut self,
        mut each: impl FnMut(Cow<'a, str>, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.within(b'{', |cursor| {
            let key = key(cursor.value());
            cursor.blank();
            cursor.at += usize::from(cursor.byte() == Some(b':'));
            cursor.blank();
            cursor.one(|cursor| each(key, cursor))
        })
    }

    /// Goes through the next value, an array: `each` is given a position and the cursor in front of the item, as in
    /// [`Cursor::members`].
    ///
    /// # Errors
    /// The first of `each`.
    pub(crate) fn items<E>(
        &mut self,
        mut each: impl FnMut(usize, &mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut position = 0;
        self.within(b'[', |cursor| {
            cursor.one(|cursor| each(position, cursor))?;
            position += 1;
            Ok(())
        })
    }

    /// Through a container that `open` begins: `each` goes past a member.
    fn within<E>(&mut self, open: u8, mut each: impl FnMut(&mut Self) -> Result<(), E>) -> Result<(), E> {
        if self.byte() != Some(open) {
            self.pass_over();
            return Ok(());
        }
        self.at += 1;
        loop {
            self.blank();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}' | b']') => {
                    self.at += 1;
                    return Ok(());
                }
                None => return Ok(()),
                Some(_) => each(self)?,
            }
        }
    }

    /// Lets `each` go past a value, and passes over it if it did not.
    fn one<E>(&mut self, each: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        let before = self.at;
        each(self)?;
        if self.at == before {
            self.pass_over();
        }
        Ok(())
    }

    fn byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blank(&mut self) {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.rest().iter().take_while(|byte| blank(byte)).count();
    }

    /// Past the next value.
    fn pass_over(&mut self) {
        let mut open = 0_u32;
        loop {
            match self.byte() {
                None => return,
                Some(b'"') => self.at += string(self.rest()),
                Some(b'{' | b'[') => {
                    open += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') => {
                    open = open.saturating_sub(1);
                    self.at += 1;
                }
                Some(b',' | b':' | b' ' | b'\t' | b'\n' | b'\r') if open > 0 => {
                    self.at += 1;
                    continue;
                }
                Some(_) => self.at += scalar(self.rest()),
            }
            if open == 0 {
                return;
            }
        }
    }
}

/// How long the string is that `text` begins with, with its quotes. Only quotes are looked for: texts have far more
/// escaped line ends.
fn string(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = memchr::memchr(b'"', text.get(at..).unwrap_or_default()) {
        let quote = at + found;
        let before = text.get(1..quote).unwrap_or_default().iter().rev();
        if before.take_while(|byte| **byte == b'\\').count() % 2 == 0 {
            return quote + 1;
        }
        at = quote + 1;
    }
    text.len()
}

/// How long the number or the word is that `text` begins with; at least one byte.
fn scalar(text: &[u8]) -> usize {
    let within = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
    text.iter().take_while(within).count().max(1)
}

/// A key without its quotes.
fn key(raw: &[u8]) -> Cow<'_, str> {
    let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    match std::str::from_utf8(inside) {
        Ok(text) if !text.contains('\\') => Cow::Borrowed(text),
        _ => unescaped(&String::from_utf8_lossy(inside)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};
    use std::convert::Infallible;

    /// What a walk says of the next value, put together again.
    fn rebuilt(cursor: &mut Cursor<'_>) -> Value {
        match cursor.kind() {
            Kind::Object => {
                let mut fields = Map::new();
                let Ok(()) = cursor.members(|key, value| {
                    fields.insert(key.into_owned(), rebuilt(value));
                    Ok::<_, Infallible>(())
                });
                Value::Object(fields)
            }
            Kind::Array => {
                let mut items = Vec::new();
                let Ok(()) = cursor.items(|position, value| {
                    assert_eq!(position, items.len());
                    items.push(rebuilt(value));
                    Ok::<_, Infallible>(())
                });
                Value::Array(items)
            }
            _ => serde_json::from_slice(cursor.value()).unwrap(),
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~é\"\\\\\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map("[a-c\"\\\\\n]{0,3}", inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_walk_finds_what_is_there(value in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = Bytes::from(text.unwrap());
            prop_assert_eq!(rebuilt(&mut Cursor::new(&text)), value);
            prop_assert_eq!(Cursor::new(&text).value(), &text[..]);
        }

        #[test]
        fn text_that_is_not_valid_ends_the_walk(text in "[\\[\\]{}\",:\\\\a1 ]{0,30}") {
            let text = Bytes::from(text);
            let mut cursor = Cursor::new(&text);
            while cursor.at < text.len() {
                let before = cursor.at;
                let Ok(()) = cursor.members(|_, _| Ok::<_, Infallible>(()));
                prop_assert!(cursor.at > before);
            }
        }
    }

    #[test]
    fn what_is_not_gone_past_is_passed_over() {
        let text = Bytes::from(r#" {"a":{"b":[1,"}"]},"c" : 2 , "d":null}"#);
        let mut seen = Vec::new();
        let Ok(()) = Cursor::new(&text).members(|key, value| {
            if key == "c" {
                seen.push(value.shared());
            }
            Ok::<_, Infallible>(())
        });
        assert_eq!(seen, ["2"]);
        assert_eq!(rebuilt(&mut Cursor::new(&text)), json!({"a": {"b": [1, "}"]}, "c": 2, "d": null}));
    }
}
