//! What of a chunk goes out to the caller: all of it, mostly, so that nothing is copied.

use bytes::{Bytes, BytesMut};
use std::ops::Range;

/// Bytes to forward, in order: ranges of one buffer, and others that came before.
#[derive(Default)]
pub(super) struct Output {
    /// What comes before `run`.
    earlier: BytesMut,
    run: Range<usize>,
}

impl Output {
    /// Keeps `range` of `buffer`.
    pub(super) fn keep(&mut self, buffer: &Bytes, range: Range<usize>) {
        if self.run.end != range.start {
            self.flush(buffer);
            self.run.start = range.start;
        }
        self.run.end = range.end;
    }

    /// Keeps bytes that stand in no buffer.
    pub(super) fn append(&mut self, buffer: &Bytes, bytes: BytesMut) {
        self.flush(buffer);
        self.earlier.unsplit(bytes);
    }

    /// All of it: a slice of `buffer`, unless there was a gap or something came before.
    pub(super) fn of(mut self, buffer: &Bytes) -> Bytes {
        if self.earlier.is_empty() {
            return buffer.slice(self.run);
        }
        self.flush(buffer);
        self.earlier.freeze()
    }

    fn flush(&mut self, buffer: &Bytes) {
        let run = std::mem::take(&mut self.run);
        self.earlier.extend_from_slice(buffer.get(run).unwrap_or_default());
    }
}
