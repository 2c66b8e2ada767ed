//! The `error` in an answer that comes in pieces, written down in order to be classified.

use crate::failure::is_error;
use crate::json::Brief;

/// An `error`, written down as it comes.
#[derive(Default)]
pub(super) struct Error {
    pub(super) text: Brief,
    /// It is being read: it began on this level.
    level: Option<u32>,
    /// A bit for each of its open containers, the innermost lowest: is it an object.
    objects: u64,
    in_string: bool,
    /// It is one.
    pub(super) found: bool,
}

impl Error {
    /// A container under `error` begins.
    pub(super) fn begin(&mut self, level: u32) {
        if self.level.is_none() && !self.found {
            self.text.clear();
            self.level = Some(level);
        }
    }

    pub(super) fn open(&mut self, is_object: bool) {
        if self.level.is_some() {
            self.objects = self.objects << 1 | u64::from(is_object);
            self.write(if is_object { b"{" } else { b"[" });
        }
    }

    pub(super) fn key(&mut self, key: &[u8]) {
        if self.level.is_some() {
            self.write(b"\"");
            self.append(key);
            self.append(b"\":");
        }
    }

    /// A string begins. `is_value`: it stands where an error would.
    pub(super) fn quote(&mut self, is_value: bool) {
        let whole = is_value && self.level.is_none() && !self.found;
        if whole {
            self.text.clear();
        }
        self.in_string = whole || self.level.is_some();
        if self.in_string {
            self.write(b"\"");
        }
    }

    pub(super) fn string(&mut self, piece: &[u8], is_last: bool) {
        if self.in_string {
            self.append(piece);
            if is_last {
                self.append(b"\"");
                self.in_string = false;
                self.judge();
            }
        }
    }

    /// A number or a word, the same.
    pub(super) fn scalar(&mut self, is_value: bool, text: &[u8]) {
        let whole = is_value && self.level.is_none() && !self.found;
        if whole {
            self.text.clear();
        }
        if whole || self.level.is_some() {
            self.write(if matches!(text.last(), Some(b'N' | b'y')) { b"null" } else { text }); // NaN, Infinity
            self.judge();
        }
    }

    pub(super) fn close(&mut self, level: u32) {
        if let Some(began) = self.level {
            let is_object = self.objects & 1 == 1;
            self.objects >>= 1;
            self.append(if is_object { b"}" } else { b"]" });
            if began == level {
                self.level = None;
                self.judge();
            }
        }
    }

    /// All of it has come: is it an error?
    fn judge(&mut self) {
        self.found |= self.level.is_none() && is_error(self.text.text());
    }

    /// What begins an element or a member.
    fn write(&mut self, bytes: &[u8]) {
        if !matches!(self.text.text().last(), None | Some(b'{' | b'[' | b':')) {
            self.append(b",");
        }
        self.append(bytes);
    }

    fn append(&mut self, bytes: &[u8]) {
        self.text.feed(bytes);
    }
}
