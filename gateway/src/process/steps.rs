//! The steps of the end, in order (semantics S9.1).

use super::accept::open_connections;
use crate::app::Gateway;
use crate::clock;
use crate::shutdown::Phase;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Between the cut and the end: running answers say their last words.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often it is looked whether a step is over.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// A phase, and how long it lasts unless it is done with earlier.
pub(super) struct Step {
    phase: Phase,
    at_most: Duration,
    is_done: fn(&Gateway) -> bool,
}

/// Not ready at once, accepting for `removal_delay` more, then finishing what runs for at most `drain_timeout`.
pub(super) fn steps(gateway: &Gateway) -> [Step; 3] {
    let listener = gateway.live.load_full().map(|live| live.gateway.listener.clone());
    let (delay, timeout) = listener.map_or((Duration::ZERO, Duration::ZERO), |listener| {
        (listener.removal_delay, listener.drain_timeout)
    });
    let is_idle = |gateway: &Gateway| open_connections(gateway) == 0;
    let is_drained =
        |gateway: &Gateway| !gateway.accepting.load(Ordering::Acquire) && open_connections(gateway) == 0;
    [
        Step { phase: Phase::Leaving, at_most: delay, is_done: |_| false },
        Step { phase: Phase::Draining, at_most: timeout, is_done: is_drained },
        Step { phase: Phase::Cut, at_most: LAST_WORDS, is_done: is_idle },
    ]
}

/// A step that has begun.
pub(super) struct Begun {
    until: Instant,
    is_done: fn(&Gateway) -> bool,
}

impl Step {
    pub(super) fn begin(self, gateway: &Gateway) -> Begun {
        gateway.shutdown.advance(self.phase);
        Begun { until: clock::now() + self.at_most, is_done: self.is_done }
    }
}

impl Begun {
    pub(super) fn is_over(&self, gateway: &Gateway) -> bool {
        (self.is_done)(gateway) || clock::now() >= self.until
    }
}
