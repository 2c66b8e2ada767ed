//! A ring of one-second buckets: what the last N seconds held, without a list of instants and without a timer.
//!
//! Seconds are counted from the ring's own start. The ring moves on when somebody looks, and never back: an
//! earlier `now` (two threads raced for the lock) counts as the latest second seen.

use std::time::{Duration, Instant};

#[derive(Debug, Clone)]
pub(crate) struct Seconds<T, const N: usize> {
    start: Instant,
    newest: u64,
    buckets: [T; N],
}

impl<T: Copy + Default, const N: usize> Seconds<T, N> {
    pub(crate) fn new(now: Instant) -> Self {
        Self { start: now, newest: 0, buckets: [T::default(); N] }
    }

    /// Moves on to the second of `now` and hands what falls out, at most N buckets, to `expired`.
    pub(crate) fn advance(&mut self, now: Instant, mut expired: impl FnMut(T)) {
        let second = now.saturating_duration_since(self.start).as_secs();
        let passed = second.saturating_sub(self.newest);
        for step in 1..=passed.min(N as u64) {
            if let Some(bucket) = self.buckets.get_mut(Self::slot(self.newest + step)) {
                expired(std::mem::take(bucket));
            }
        }
        self.newest += passed;
    }

    /// The newest second's number, counted from the start.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// When second `number` begins.
    pub(crate) fn begins(&self, number: u64) -> Instant {
        self.start + Duration::from_secs(number)
    }

    /// Changes the newest bucket.
    pub(crate) fn record(&mut self, change: impl FnOnce(&mut T)) {
        if let Some(bucket) = self.buckets.get_mut(Self::slot(self.newest)) {
            change(bucket);
        }
    }

    /// All N buckets, the oldest first.
    pub(crate) fn oldest_first(&self) -> impl Iterator<Item = T> {
        self.buckets.iter().copied().cycle().skip(Self::slot(self.newest + 1)).take(N)
    }

    fn slot(second: u64) -> usize {
        (second % N as u64) as usize // below N
    }
}
