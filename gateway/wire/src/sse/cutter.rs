//! Where frames end: at a blank line, whatever its line ends are.

/// Finds the ends of frames. Every byte is shown to it once, in pieces of any size.
#[derive(Debug, Clone)]
pub(crate) struct Cutter {
    /// The current line has no byte yet.
    blank: bool,
    /// The last byte was a CR: an LF that comes next belongs to it.
    cr: bool,
    /// Lines with something in them, of the frame being read or, right after its end, of that frame.
    lines: u32,
    /// A frame has just ended, or nothing came yet.
    between: bool,
}

impl Default for Cutter {
    fn default() -> Self {
        Self { blank: true, cr: false, lines: 0, between: true }
    }
}

impl Cutter {
    /// How many of `bytes`, which follow those shown before, belong to the frame being read; `None` if it does
    /// not end within them. A blank line is not held back for an LF that may follow its CR: should one come
    /// with the next bytes, it is a frame of its own with nothing in it.
    pub(crate) fn cut(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.between {
            self.lines = 0;
        }
        let mut at = 0;
        if self.cr && !bytes.is_empty() {
            self.cr = false;
            if bytes.first() == Some(&b'\n') {
                if self.between {
                    return Some(1);
                }
                at = 1;
            }
        }
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
                if !rest.is_empty() {
                    self.blank = false;
                    self.between = false;
                }
                return None;
            };
            let ended = self.blank && length == 0;
            at += length + 1;
            if bytes.get(at - 1) == Some(&b'\r') {
                match bytes.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.cr = true,
                }
            }
            self.blank = true;
            self.between = ended;
            if ended {
                return Some(at);
            }
            self.lines += 1;
        }
    }

    /// How many lines the frame has that ended last, the blank one not counted.
    pub(crate) fn lines(&self) -> u32 {
        self.lines
    }
}
