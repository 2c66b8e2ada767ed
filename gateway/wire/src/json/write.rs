//! JSON as it is written: in pieces, where a long text of somebody else's is shared and not copied.

use crate::asked::pieces::Pieces;
use crate::json::text::{Json, Text};
use bytes::{BufMut, Bytes, BytesMut};

/// A text of at least so many bytes is shared: one more piece of a vectored write costs more than to copy fewer.
const SHARED: usize = 4 << 10;

/// JSON that is being written. It knows where a comma belongs; that what is opened is closed is for who writes.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pieces: Pieces,
    buffer: BytesMut,
    /// The last byte that was written.
    last: Option<u8>,
}

impl Writer {
    /// With room for so many bytes at first.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(bytes), ..Self::default() }
    }

    /// Bytes as they are: no value, so no comma.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
        self.last = bytes.last().copied().or(self.last);
    }

    /// What stands in front of a JSON text: the text behind it begins anew.
    pub(crate) fn begin(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
        self.last = None;
    }

    /// `{` or `[`, as a value.
    pub(crate) fn open(&mut self, bracket: char) {
        self.value(if bracket == '{' { b"{" } else { b"[" });
    }

    /// `}` or `]`.
    pub(crate) fn close(&mut self, bracket: char) {
        self.raw(if bracket == '}' { b"}" } else { b"]" });
    }

    /// A key, which is plain: it needs no escape.
    pub(crate) fn key(&mut self, key: &str) {
        self.separate();
        self.raw(b"\"");
        self.raw(key.as_bytes());
        self.raw(b"\":");
    }

    /// A value that is JSON already: a word, a number.
    pub(crate) fn value(&mut self, json: &[u8]) {
        self.separate();
        self.raw(json);
    }

    /// A string of ours.
    pub(crate) fn string(&mut self, text: &str) {
        self.text(&Text::new(text));
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.value(number.to_string().as_bytes());
    }

    pub(crate) fn boolean(&mut self, is: bool) {
        self.value(if is { b"true" } else { b"false" });
    }

    /// A string.
    pub(crate) fn text(&mut self, text: &Text) {
        self.shared(text.json());
    }

    /// Any value.
    pub(crate) fn json(&mut self, json: &Json) {
        self.shared(json.bytes());
    }

    /// The strings of `texts`, one behind the other, as one.
    pub(crate) fn joined<'a>(&mut self, texts: impl IntoIterator<Item = &'a Text>) {
        self.value(b"\"");
        for text in texts {
            self.put(&text.inside());
        }
        self.raw(b"\"");
    }

    fn shared(&mut self, json: &Bytes) {
        self.separate();
        self.put(json);
    }

    fn put(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED {
            self.raw(bytes);
            return;
        }
        self.flush();
        self.last = bytes.last().copied();
        self.pieces.push(bytes.clone());
    }

    /// Behind a value goes a comma; the first in a container or behind a key has none.
    fn separate(&mut self) {
        if !matches!(self.last, None | Some(b'{' | b'[' | b':')) {
            self.raw(b",");
        }
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.pieces.push(self.buffer.split().freeze());
        }
    }

    /// All of it, in pieces.
    pub(crate) fn pieces(mut self) -> Pieces {
        self.flush();
        self.pieces
    }

    /// All of it, in one.
    pub(crate) fn bytes(self) -> Bytes {
        if self.pieces.is_empty() {
            return self.buffer.freeze();
        }
        self.pieces().concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_values_and_nowhere_else() {
        let mut writer = Writer::default();
        writer.open('{');
        writer.key("a");
        writer.open('[');
        writer.number(1);
        writer.string(":");
        writer.open('{');
        writer.close('}');
        writer.close(']');
        writer.key("b");
        writer.joined([&Text::new("x\""), &Text::new("y")]);
        writer.key("c");
        writer.boolean(true);
        writer.close('}');
        assert_eq!(writer.bytes(), r#"{"a":[1,":",{}],"b":"x\"y","c":true}"#);
    }

    #[test]
    fn a_long_text_is_shared() {
        let long = Text::read(format!("\"{}\"", "x".repeat(SHARED)).into());
        let mut writer = Writer::default();
        writer.open('[');
        writer.text(&long);
        writer.text(&long);
        writer.close(']');
        let pieces = writer.pieces();
        assert_eq!(pieces.len(), 5, "bracket, text, comma, text, bracket");
        assert_eq!(pieces[1].as_ptr(), long.json().as_ptr());
        let all: Vec<String> = serde_json::from_slice(&pieces.concat()).unwrap();
        assert_eq!(all, vec!["x".repeat(SHARED); 2]);
    }
}
