//! Answers that fail by chance or by the clock. Chance is a seeded sequence: a test that failed fails again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::Answer;

/// Fails so many percent of requests, and answers the others well.
#[derive(Debug, Clone)]
pub struct Flaky {
    /// How many of a hundred fail, in the long run.
    pub percent: u8,
    /// The failure.
    pub answer: Answer,
    /// Which sequence; the same seed fails the same requests.
    pub seed: u64,
}

impl Flaky {
    /// With this answer where it does not fail.
    pub fn or(self, good: impl Into<Answer>) -> Answer {
        let good = good.into();
        let drawn = AtomicU64::new(0);
        Answer::by(move |_| {
            let n = drawn.fetch_add(1, Ordering::Relaxed);
            let fails = mix(self.seed, n) % 100 < u64::from(self.percent);
            if fails { self.answer.clone() } else { good.clone() }
        })
    }
}

impl From<Flaky> for Answer {
    fn from(flaky: Flaky) -> Self {
        flaky.or(Answer::says("Hello from the upstream."))
    }
}

impl Answer {
    /// `good` for `requests` requests, then `bad` for as many, and so on.
    pub fn flap_by_count(requests: u64, good: impl Into<Self>, bad: impl Into<Self>) -> Self {
        let (good, bad) = (good.into(), bad.into());
        let served = AtomicU64::new(0);
        Self::by(move |_| {
            let turn = served.fetch_add(1, Ordering::Relaxed) / requests.max(1);
            if turn.is_multiple_of(2) { good.clone() } else { bad.clone() }
        })
    }

    /// `good` for a period from now, then `bad` for as long, and so on.
    pub fn flap_by_time(period: Duration, good: impl Into<Self>, bad: impl Into<Self>) -> Self {
        let (good, bad) = (good.into(), bad.into());
        let start = Instant::now().into_std();
        Self::by(move |seen| {
            let turn = (seen.at - start).as_nanos() / period.as_nanos().max(1);
            if turn.is_multiple_of(2) { good.clone() } else { bad.clone() }
        })
    }
}

/// SplitMix64 of a counter: no state to lock, and neighbours are unrelated.
pub(crate) fn mix(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
