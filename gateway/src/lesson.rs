//! What an account has taught: a thing that it refuses, for as long as that is believed.
//!
//! Servers are upgraded, and a lesson may have been wrong: it lapses after an hour and is learned again if it still
//! holds, at the price of one attempt.

use std::sync::atomic::{AtomicI64, Ordering};
use weir_config::UnixSeconds;

/// How long a lesson is believed.
const LASTS: u64 = 60 * 60;

/// One thing that an account may refuse; nothing is known at first.
#[derive(Debug, Default)]
pub(crate) struct Lesson {
    /// When it was learned, in seconds since 1970; 0: never.
    learned: AtomicI64,
}

impl Lesson {
    /// The account refused it: `now` the same request has passed without it.
    pub(crate) fn learn(&self, now: UnixSeconds) {
        self.learned.store(now.0, Ordering::Relaxed);
    }

    /// Whether the account refuses it, as far as is known.
    pub(crate) fn holds(&self, now: UnixSeconds) -> bool {
        match self.learned.load(Ordering::Relaxed) {
            0 => false,
            learned => now.0.abs_diff(learned) < LASTS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s2_9_a_lesson_lapses_after_an_hour() {
        let (lesson, learned) = (Lesson::default(), 1_780_000_000);
        assert!(!lesson.holds(UnixSeconds(learned)));
        lesson.learn(UnixSeconds(learned));
        for (since, holds) in
            [(0, true), (3_599, true), (3_600, false), (86_400, false), (-1, true), (-86_400, false)]
        {
            assert_eq!(lesson.holds(UnixSeconds(learned + since)), holds, "{since}");
        }
        lesson.learn(UnixSeconds(learned + 3_600));
        assert!(lesson.holds(UnixSeconds(learned + 7_199)));
    }
}
