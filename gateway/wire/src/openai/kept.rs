//! Which bytes of a chunk go on to the caller: all of them, mostly, so that nothing is copied.

use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// Ranges of one buffer, in order.
#[derive(Default)]
pub(super) struct Kept {
    /// What came before a gap.
    earlier: BytesMut,
    run: Range<usize>,
}

impl Kept {
    /// Keeps `range` of `buffer`.
    pub(super) fn keep(&mut self, buffer: &Bytes, range: Range<usize>) {
        if self.run.end == range.start {
            self.run.end = range.end;
            return;
        }
        self.earlier.extend_from_slice(buffer.get(self.run.clone()).unwrap_or_default());
        self.run = range;
    }

    /// What was kept of `buffer`: a slice of it unless there was a gap.
    pub(super) fn of(mut self, buffer: &Bytes) -> Bytes {
        if self.earlier.is_empty() {
            return buffer.slice(self.run);
        }
        self.earlier.extend_from_slice(buffer.get(self.run).unwrap_or_default());
        self.earlier.freeze()
    }
}
