//! One frame, read by the rules of the HTML standard (section 9.2.6), and one field that it doesn't know.

use std::borrow::Cow;

/// What a frame says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// The `event` field; empty if there is none.
    pub(crate) name: &'a [u8],
    /// The `data` lines, joined by LF; `None` if there is none, as in a comment.
    pub(crate) data: Option<Cow<'a, [u8]>>,
    /// The value of a line `error: …`, which is llama.cpp's way to fail and no field of the standard.
    pub(crate) error: Option<&'a [u8]>,
    /// It has a field other than data: SDKs make an event of it then, and fail if that has no data.
    pub(crate) has_fields: bool,
    /// The first line that is neither a comment nor a field anybody knows: a sign that this is no such stream.
    pub(crate) stray: Option<&'a [u8]>,
}

impl<'a> Event<'a> {
    /// Reads a frame, with its blank line or without.
    pub(crate) fn of(frame: &'a [u8]) -> Self {
        let mut event = Self::default();
        let mut rest = frame.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(frame);
        while !rest.is_empty() {
            let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            event.line(line);
            rest = after.strip_prefix(b"\r\n").or(after.get(1..)).unwrap_or_default();
        }
        event
    }

    fn line(&mut self, line: &'a [u8]) {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut self.data {
                None => self.data = Some(value.into()),
                Some(data) => {
                    let data = data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            },
            b"event" => {
                self.name = value;
                self.has_fields = true;
            }
            b"error" => self.error = Some(value),
            b"id" | b"retry" => self.has_fields = true,
            b"" => {}
            _ => {
                self.stray.get_or_insert(line);
            }
        }
    }
}
