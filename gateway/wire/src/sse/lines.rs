//! The lines of a frame that is too long to be held, as they come.

/// Names of fields, and of the event that matters, are no longer.
const MAX_WORD: usize = 8;

/// What a line's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Other,
}

/// What the bytes are that come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Name,
    /// A value, but for one space.
    Space(Field),
    Value(Field),
}

/// Takes a frame's lines apart and gives its data out, and what llama.cpp writes after `error: `.
#[derive(Debug)]
pub(crate) struct Lines {
    next: Next,
    /// The beginning of a field's name, or of the event's.
    word: [u8; MAX_WORD],
    length: usize,
    /// There was a line of data.
    pub(crate) has_data: bool,
    /// There was a line that is neither a comment nor a field anybody knows.
    pub(crate) has_stray: bool,
    /// It has a field other than data.
    pub(crate) has_fields: bool,
    /// It has a name, and that is `error`.
    pub(crate) has_name: bool,
    names_error: bool,
    /// It has a line `error: …`.
    has_error: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            next: Next::Name,
            word: [0; MAX_WORD],
            length: 0,
            has_data: false,
            has_stray: false,
            has_fields: false,
            has_name: false,
            names_error: false,
            has_error: false,
        }
    }
}

impl Lines {
    /// Whether it tells of an error, so far: by its name, or by a line `error: …`.
    pub(crate) fn is_error(&self) -> bool {
        self.has_error || self.names_error && self.has_data
    }

    /// Takes the frame's next bytes and gives `to` what of them is data, with a line end between two lines of it.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut to: impl FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(byte) = rest.first() {
            let taken = match (self.next, byte) {
                (Next::Name, b':' | b'\n' | b'\r') => {
                    self.named(*byte == b':', &mut to);
                    1
                }
                (_, b'\n' | b'\r') => {
                    self.line_ends();
                    1
                }
                (Next::Space(field), _) => {
                    self.next = Next::Value(field);
                    usize::from(*byte == b' ')
                }
                (Next::Name, _) if self.length == MAX_WORD => {
                    self.has_stray = true;
                    self.next = Next::Value(Field::Other);
                    0
                }
                (Next::Name | Next::Value(Field::Event), _) => {
                    self.keep(*byte);
                    1
                }
                (Next::Value(field), _) => {
                    let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                    if field == Field::Data {
                        to(rest.get(..end).unwrap_or_default());
                    }
                    end
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// A field's name has ended, with its line or before a value.
    fn named(&mut self, has_value: bool, to: &mut impl FnMut(&[u8])) {
        let name = self.word.get(..self.length).unwrap_or_default();
        let name = name.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(name);
        let field = match name {
            b"data" => Field::Data,
            b"event" => {
                (self.has_fields, self.has_name, self.names_error) = (true, false, false);
                Field::Event
            }
            b"id" | b"retry" => {
                self.has_fields = true;
                Field::Other
            }
            b"" => Field::Other,
            b"error" => {
                self.has_error = true;
                Field::Data
            }
            _ => {
                self.has_stray = true;
                Field::Other
            }
        };
        if field == Field::Data {
            to(if self.has_data { b"\n" } else { b"" });
            self.has_data = true;
        }
        self.length = 0;
        self.next = if has_value { Next::Space(field) } else { Next::Name };
    }

    fn line_ends(&mut self) {
        if self.next == Next::Value(Field::Event) {
            self.has_name = self.length > 0;
            self.names_error = self.word.get(..self.length) == Some(b"error");
        }
        self.length = 0;
        self.next = Next::Name;
    }

    fn keep(&mut self, byte: u8) {
        if let Some(to) = self.word.get_mut(self.length) {
            *to = byte;
            self.length += 1;
        }
    }
}
