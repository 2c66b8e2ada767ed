//! What a worker does that has more to do than it can (semantics S9.3): new requests wait for a turn, so many at a
//! time that whatever runs already is late by some milliseconds only; who has waited long is turned away.
//!
//! Why waiting comes before refusing: to read a request and refuse it costs a third of serving it. Ten times the
//! capacity refused at once would leave nothing to serve with, and a caller who is refused comes again at once. A
//! request that waits costs nothing. So refusals are rationed to a share of those let in, until a wait is longer than
//! any caller should bear.
//!
//! How much is too much is measured, not configured: how long a ready task waits until it runs. A worker goes round
//! all that is ready; one such round is a *pass*, and its length is how late everybody in it is.

use std::time::Duration;

/// A worker that is later than this has too much to do. Timers alone are a millisecond or two late.
const LATE: Duration = Duration::from_millis(10);
/// How long a pass should take while requests wait: no stream is held up by more than about twice of it.
const PASS: Duration = Duration::from_millis(5);
/// Requests let in by one pass, at most.
const BATCH: u32 = 64;
/// One request is turned away for so many let in.
const RATION: u32 = 8;
/// From here on a waiting request may be turned away.
const PATIENCE: Duration = Duration::from_secs(1);
/// And from here on it is, whatever that costs.
const END: Duration = Duration::from_secs(5);

/// Decides for one worker.
#[derive(Debug)]
pub struct Overload {
    /// How many requests the next pass lets in.
    batch: u32,
    /// Requests let in for which nobody was turned away yet.
    credit: u32,
}

/// What becomes of the request that has waited longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is served.
    Admitted,
    /// It is told to come again.
    Refused,
}

/// One pass: asked request after request, the oldest first, until it says no more.
#[derive(Debug)]
pub struct Pass<'a> {
    overload: &'a mut Overload,
    left: u32,
}

impl Default for Overload {
    fn default() -> Self {
        Self { batch: 1, credit: 0 }
    }
}

impl Overload {
    /// Whether a worker whose tasks are `late` has too much to do: then new requests wait for their turn.
    pub fn is_late(late: Duration) -> bool {
        late > LATE
    }

    /// The next pass, after one that took `took`. Its batch grows while passes are short and is halved by a long one,
    /// so that it is near the most that fits, whatever else the worker does.
    pub fn pass(&mut self, took: Duration) -> Pass<'_> {
        self.batch = if took > PASS { (self.batch / 2).max(1) } else { (self.batch + 1).min(BATCH) };
        Pass { left: self.batch, overload: self }
    }
}

impl Pass<'_> {
    /// What becomes of a request that has waited for `waited`; `None`: it waits on, and so do all after it.
    pub fn next(&mut self, waited: Duration) -> Option<Turn> {
        if waited >= END {
            return Some(Turn::Refused);
        }
        if waited >= PATIENCE && self.overload.credit >= RATION {
            self.overload.credit -= RATION;
            return Some(Turn::Refused);
        }
        self.left = self.left.checked_sub(1)?;
        self.overload.credit = (self.overload.credit + 1).min(RATION * BATCH);
        Some(Turn::Admitted)
    }
}

#[cfg(test)]
mod tests;
