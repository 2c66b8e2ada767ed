//! How long to wait before trying again: doubling, bounded, jittered.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_millis(200);

/// The waits between attempts at one thing.
#[derive(Debug)]
pub(crate) struct Pause {
    longest: Duration,
    failures: u32,
}

impl Pause {
    /// Waits of at most `longest`.
    pub(crate) fn up_to(longest: Duration) -> Self {
        Self { longest, failures: 0 }
    }

    /// The wait after one more failure: at least half of what it is at most, so that many gateways that failed at
    /// once do not come back at once.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let mut random = [0; 4];
        // Without random numbers the wait is the longest.
        let share = getrandom::fill(&mut random).map_or(u32::MAX, |()| u32::from_le_bytes(random));
        doubled.mul_f64(0.5 + 0.5 * f64::from(share) / f64::from(u32::MAX))
    }

    /// Whether the next wait is a first one.
    pub(crate) fn is_first(&self) -> bool {
        self.failures == 0
    }

    /// It worked: the next wait is a first one.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s8_7_waits_double_and_stay_bounded() {
        let longest = Duration::from_secs(3);
        let mut pause = Pause::up_to(longest);
        for failure in 0..100 {
            let bound = FIRST.saturating_mul(1 << failure.min(20)).min(longest);
            let wait = pause.next();
            assert!(wait <= bound && wait >= bound / 2, "{failure}: {wait:?}");
        }
        pause.reset();
        assert!(pause.next() <= FIRST);
    }
}
