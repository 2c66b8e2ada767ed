//! A share of a route's tokens: how many of them are in use or burnt.

use super::memory::BUCKETS;
use crate::seconds::Seconds;
use std::time::Instant;

/// What is taken of one share.
#[derive(Debug)]
pub(super) struct Share {
    burnt: Seconds<u32, BUCKETS>,
    /// Of requests that still run.
    pub(super) held: u32,
}

impl Share {
    pub(super) fn new(now: Instant) -> Self {
        Self { burnt: Seconds::new(now), held: 0 }
    }

    pub(super) fn advance(&mut self, now: Instant) {
        self.burnt.advance(now, |_| ());
    }

    pub(super) fn hold(&mut self, amount: u32) {
        self.held = self.held.saturating_add(amount);
    }

    /// So many are held no more, and so many of them are burnt.
    pub(super) fn give_back(&mut self, amount: u32, burnt: u32) {
        self.held = self.held.saturating_sub(amount);
        self.burnt.record(|second| *second = second.saturating_add(burnt));
    }

    /// How many of `size` tokens are free.
    pub(super) fn room(&self, size: u64) -> u32 {
        let burnt: u64 = self.burnt.oldest_first().map(u64::from).sum();
        u32::try_from(size.saturating_sub(burnt + u64::from(self.held))).unwrap_or(u32::MAX)
    }

    /// How many of `size` tokens this second may use if they are spread over time, `way` at least.
    pub(super) fn left_this_second(&self, size: u64, way: u32) -> u32 {
        let burnt = self.burnt.oldest_first().last().unwrap_or(0);
        let second = u32::try_from(size / BUCKETS as u64).unwrap_or(u32::MAX);
        second.max(way).saturating_sub(burnt.saturating_add(self.held))
    }
}
