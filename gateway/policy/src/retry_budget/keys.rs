//! What the retry budget knows of each key: whether rescue works for its requests, and whether one of them is on its
//! way to find out.
//!
//! Kept for keys that have asked for rescue lately, so it is as large as the trouble and never larger than the
//! configuration, and empty on a route that is well.

use super::memory::MEMORY;
use super::proof::Proof;
use std::collections::BTreeMap;
use std::time::Instant;
use weir_config::ObjectName;

/// The keys that have asked for rescue.
#[derive(Debug)]
pub(super) struct Keys {
    known: BTreeMap<ObjectName, Record>,
    tidied: Instant,
}

/// What is known of one key.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Record {
    pub(super) proof: Proof,
    /// Requests of its are on their way with all the tokens that they may need.
    pilots: u32,
}

impl Record {
    /// Whether a request of its is on its way with all the tokens that it may need.
    pub(super) fn has_pilot(&self) -> bool {
        self.pilots > 0
    }

    /// Whether a request of its may have `way` of the `room` that the newcomers' share has. The next may after one that
    /// failed, which is little to give a key up for, if that leaves as much for others; and none after two.
    pub(super) fn may_be_piloted(&self, now: Instant, way: u32, room: u32) -> bool {
        !self.has_pilot()
            && match self.proof.ends(now) {
                0 => room >= way,
                1 => room >= way * 2,
                _ => false,
            }
    }
}

impl Keys {
    pub(super) fn new(now: Instant) -> Self {
        Self { known: BTreeMap::new(), tidied: now }
    }

    /// What is known of `key`.
    pub(super) fn of(&self, key: &ObjectName) -> Record {
        self.known.get(key).copied().unwrap_or_default()
    }

    /// Notes how a request of `key` has ended.
    pub(super) fn note(&mut self, now: Instant, key: &ObjectName, committed: bool) {
        self.record(key).proof.add(now, committed);
    }

    /// A request of `key` sets out with all the tokens that it may need.
    pub(super) fn pilot_begins(&mut self, key: &ObjectName) {
        self.record(key).pilots += 1;
    }

    /// It has ended, or can't go on.
    pub(super) fn pilot_ends(&mut self, key: &ObjectName) {
        let record = self.record(key);
        record.pilots = record.pilots.saturating_sub(1);
    }

    fn record(&mut self, key: &ObjectName) -> &mut Record {
        self.known.entry(key.clone()).or_default()
    }

    /// Forgets what says nothing any more.
    pub(super) fn tidy(&mut self, now: Instant) {
        if !self.known.is_empty() && now.saturating_duration_since(self.tidied) > MEMORY {
            self.known.retain(|_, record| record.has_pilot() || record.proof.is_recent(now));
            self.tidied = now;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
