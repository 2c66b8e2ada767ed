//! What a caller and the attempts made for it know of each other, where an attempt may outlive its caller.

use std::sync::atomic::{AtomicBool, Ordering};

/// So much of an answer is read at most once its caller has left.
pub(super) const DRAINED: usize = 1 << 20;

/// Whether the caller is there, and whether the attempt under way goes on without it.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    left: AtomicBool,
    outlives: AtomicBool,
}

impl Presence {
    /// Notes whether a request is on its way to a vendor that keeps billing after we hang up.
    pub(crate) fn set_outlives(&self, outlives: bool) {
        self.outlives.store(outlives, Ordering::Relaxed);
    }

    /// Whether the attempt under way goes on should the caller leave.
    pub(crate) fn outlives(&self) -> bool {
        self.outlives.load(Ordering::Relaxed)
    }

    /// The caller has left.
    pub(crate) fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// Whether the caller has left.
    pub(crate) fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }
}
