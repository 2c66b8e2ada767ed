//! Whether rescue works: all that the retry budget knows of the targets. There is one of all requests of a route, and
//! one of each key's.
//!
//! Judged by how the last eight rescued requests ended, not by a rate over some seconds: that is known after as many
//! ends at any latency. Not by the last end alone either, or each failure of a target that mostly answers would
//! ration the others' rescue, and each lucky commit in an outage would lift the ration for everybody.

use super::memory::MEMORY;
use std::time::Instant;

/// Ends that prove something: as many as `Proof::committed` has bits.
const SAMPLE: u32 = u8::BITS;

/// How the last rescued requests ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Proof {
    /// Of the last eight, the newest in the lowest bit: 1 committed.
    committed: u8,
    /// How many `committed` tells of.
    known: u32,
    /// How many have ever ended.
    pub(super) total: u64,
    last_end: Option<Instant>,
    last_commit: Option<Instant>,
}

impl Proof {
    /// One more ended.
    pub(super) fn add(&mut self, now: Instant, committed: bool) {
        if !self.is_recent(now) {
            (self.committed, self.known) = (0, 0); // too long ago to say anything of today's targets
        }
        self.committed = self.committed << 1 | u8::from(committed);
        self.known = (self.known + 1).min(SAMPLE);
        self.total += 1;
        self.last_end = Some(now);
        if committed {
            self.last_commit = Some(now);
        }
    }

    /// Whether at least half of them committed, and one of these just now.
    pub(super) fn holds(&self, now: Instant) -> bool {
        let recent = self.last_commit.is_some_and(|commit| now.saturating_duration_since(commit) <= MEMORY);
        recent && self.committed.count_ones() * 2 >= self.known
    }

    /// Whether eight or more have ended since the `since`th, and the last eight of them without a commit.
    pub(super) fn all_failed(&self, since: u64) -> bool {
        self.total - since >= u64::from(SAMPLE) && self.known == SAMPLE && self.committed == 0
    }

    /// Whether the last eight failed, just now.
    pub(super) fn is_outage(&self, now: Instant) -> bool {
        self.is_recent(now) && self.all_failed(0)
    }

    /// Whether anything has ended just now.
    pub(super) fn is_recent(&self, now: Instant) -> bool {
        self.last_end.is_some_and(|end| now.saturating_duration_since(end) <= MEMORY)
    }

    /// How many of the last eight are known to have ended, if the last of them just now.
    pub(super) fn ends(&self, now: Instant) -> u32 {
        if self.is_recent(now) { self.known } else { 0 }
    }

    /// Every eighth failure is soon enough to tell those that wait.
    pub(super) fn is_time_to_despair(&self) -> bool {
        self.all_failed(0) && self.total.is_multiple_of(u64::from(SAMPLE))
    }
}
