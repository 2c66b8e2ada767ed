//! The choices of an answer, and which of them have ended.

/// Choices by their index, a bit each; those from 63 on share one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::through) struct Choices {
    seen: u64,
    finished: u64,
}

impl Choices {
    /// There is one with `index`.
    pub(in crate::through) fn see(&mut self, index: u64) {
        self.seen |= 1 << index.min(63);
    }

    /// The one with `index` has a finish reason.
    pub(in crate::through) fn finish(&mut self, index: u64) {
        self.finished |= 1 << index.min(63);
    }

    /// What a later chunk says as well.
    pub(in crate::through) fn merge(&mut self, later: Self) {
        self.seen |= later.seen;
        self.finished |= later.finished;
    }

    /// Whether every choice that was seen has finished, and `expected` have or as many as can be told apart: an
    /// answer may break off before a choice begins.
    pub(in crate::through) fn all_finished(self, expected: u32) -> bool {
        let all_seen = self.seen != 0 && self.seen & !self.finished == 0;
        all_seen && self.finished.count_ones() >= expected.min(u64::BITS)
    }

    /// Whether one has.
    pub(in crate::through) fn any_finished(self) -> bool {
        self.finished != 0
    }
}
