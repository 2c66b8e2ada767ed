//! What came of a stream before its first content: so much of it is held, that a failure can still be hidden (semantics
//! S2.1).

/// So many frames without content, and so many bytes of them, are held.
pub(crate) const MAX_SILENT: u32 = 64;
pub(crate) const MAX_SILENT_BYTES: usize = 256 << 10;

/// What came.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    frames: u32,
    bytes: usize,
}

impl Silence {
    /// Another frame, of so many bytes.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes;
    }

    /// Whether it is more than is held.
    pub(crate) fn is_broken(&self) -> bool {
        self.frames > MAX_SILENT || self.bytes > MAX_SILENT_BYTES
    }
}
