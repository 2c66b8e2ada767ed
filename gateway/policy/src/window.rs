//! The window of a limit per minute (semantics S3.1): a minute is any 60 seconds.
//!
//! Exact counts in 61 buckets of a second rather than GCRA, whose burst plus refill admits up to twice the limit
//! in some minute, or two interpolated slots, which only guess. Sixty seconds, wherever they start, touch at most
//! 61 buckets, so what the ring holds is never less than any such interval; and it is never more than the
//! trailing 61 seconds, so nothing is refused that the promise doesn't ask for. It decides; it never waits.

use crate::seconds::Seconds;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

const BUCKETS: usize = 61;

/// The requests of the last minute. About 280 bytes; O(1) per request but for a refusal, which looks at 61
/// buckets to name the moment.
///
/// The limit is an argument, so that it may change at a reload: what was admitted stays counted.
#[derive(Debug, Clone)]
pub struct MinuteWindow {
    ring: Seconds<u32, BUCKETS>,
    total: u32,
    /// The second of the newest admission; means nothing while `total` is 0.
    last: u64,
}

/// There is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Requests that would still be admitted now.
    pub remaining: u32,
    /// From the caller's `now` until the window is empty, if no request comes.
    pub reset_after: Duration,
}

/// The limit is reached. Both durations are exact, from the caller's `now`: who rounds must round up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// Until a request is admitted; any earlier it is refused.
    pub retry_after: Duration,
    /// Until the window is empty, if no request comes.
    pub reset_after: Duration,
}

/// Room for one request, not yet taken. With several scopes, have a place in each and then take them all;
/// dropping one consumes nothing.
#[derive(Debug)]
#[must_use = "a place that is not taken counts nothing"]
pub struct Place<'a> {
    window: &'a mut MinuteWindow,
    room: Room,
}

impl Place<'_> {
    /// Counts the request. The room is what is left after it.
    pub fn take(self) -> Room {
        let Self { window, room } = self;
        window.ring.record(|bucket| *bucket += 1);
        window.total += 1;
        window.last = window.ring.newest();
        room
    }
}

impl MinuteWindow {
    /// An empty window; its seconds begin at `now`.
    pub fn new(now: Instant) -> Self {
        Self { ring: Seconds::new(now), total: 0, last: 0 }
    }

    /// Counts a request if there is room. A refusal consumes nothing.
    ///
    /// # Errors
    /// [`Full`] while the window holds `limit` requests or more.
    pub fn admit(&mut self, now: Instant, limit: NonZeroU32) -> Result<Room, Full> {
        self.check(now, limit).map(Place::take)
    }

    /// Finds a place for a request without counting it.
    ///
    /// # Errors
    /// [`Full`] while the window holds `limit` requests or more.
    pub fn check(&mut self, now: Instant, limit: NonZeroU32) -> Result<Place<'_>, Full> {
        self.advance(now);
        if self.total >= limit.get() {
            return Err(self.full(now, limit));
        }
        let reset_after = self.empty_after(self.ring.newest(), now);
        let room = Room { remaining: limit.get() - self.total - 1, reset_after };
        Ok(Place { window: self, room })
    }

    /// How things stand, changing nothing.
    ///
    /// # Errors
    /// [`Full`] if a request would be refused now.
    pub fn peek(&self, now: Instant, limit: NonZeroU32) -> Result<Room, Full> {
        let mut then = self.clone();
        then.advance(now);
        if then.total >= limit.get() {
            return Err(then.full(now, limit));
        }
        Ok(Room { remaining: limit.get() - then.total, reset_after: then.reset_after(now) })
    }

    fn advance(&mut self, now: Instant) {
        let total = &mut self.total;
        self.ring.advance(now, |expired| *total -= expired);
    }

    fn full(&self, now: Instant, limit: NonZeroU32) -> Full {
        let mut left = self.total;
        let still_full = |bucket: &u32| {
            left -= bucket;
            left >= limit.get()
        };
        // With the next second the oldest bucket falls out, with each further one the next.
        let seconds = 1 + self.ring.oldest_first().take_while(still_full).count() as u64;
        let free = self.ring.begins(self.ring.newest() + seconds);
        Full { retry_after: free.saturating_duration_since(now), reset_after: self.reset_after(now) }
    }

    fn reset_after(&self, now: Instant) -> Duration {
        if self.total == 0 { Duration::ZERO } else { self.empty_after(self.last, now) }
    }

    fn empty_after(&self, last: u64, now: Instant) -> Duration {
        self.ring.begins(last + BUCKETS as u64).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests;
