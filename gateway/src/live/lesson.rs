//! What a target has taught: a thing that it refuses, for as long as that is believed.
//!
//! A proof is a request that was refused with the thing and passed without it. Refusals may be chance, and chance may be
//! a caller's: so one proof counts for its own tenant, and for everybody it takes those of two tenants. Whatever was
//! proved, a request that passes with the thing disproves it. Servers are upgraded: a proof lapses after an hour and is
//! made again if it still holds, at the price of one attempt.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use weir_config::UnixSeconds;

/// How long a proof is believed.
const LASTS: u64 = 60 * 60;

/// One thing that a target may refuse; nothing is known at first.
#[derive(Debug, Default)]
pub(crate) struct Lesson {
    proofs: [Proof; 2],
}

/// That a request of a tenant has passed without it, and had not with it. Two threads may write one at a time: what
/// comes of that is one request that asks once too often or too rarely.
#[derive(Debug, Default)]
struct Proof {
    /// In seconds since 1970; 0: never.
    at: AtomicI64,
    /// A hash of whose request that was.
    of: AtomicU64,
}

impl Lesson {
    /// The target refused it: `now` the same request of `tenant` has passed without it.
    pub(crate) fn learn(&self, tenant: &str, now: UnixSeconds) {
        let of = hash(tenant);
        let [first, second] = &self.proofs;
        let own = [first, second].into_iter().find(|proof| proof.holds(now) && proof.is_of(of));
        let oldest = || if first.age(now) >= second.age(now) { first } else { second };
        own.unwrap_or_else(oldest).write(of, now);
    }

    /// The target has taken it: what was proved was chance, or is no longer so.
    pub(crate) fn unlearn(&self) {
        for proof in &self.proofs {
            if proof.at.load(Ordering::Relaxed) != 0 {
                proof.at.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Whether the target refuses it from `tenant`, as far as is known.
    pub(crate) fn holds(&self, tenant: &str, now: UnixSeconds) -> bool {
        let [first, second] = self.proofs.each_ref().map(|proof| proof.holds(now).then_some(proof));
        match (first, second) {
            (None, None) => false,
            (Some(first), Some(second)) if !second.is_of(first.of.load(Ordering::Relaxed)) => true,
            (Some(one), _) | (None, Some(one)) => one.is_of(hash(tenant)),
        }
    }
}

impl Proof {
    fn holds(&self, now: UnixSeconds) -> bool {
        self.age(now) < LASTS
    }

    /// In seconds; without end if there is none.
    fn age(&self, now: UnixSeconds) -> u64 {
        match self.at.load(Ordering::Relaxed) {
            0 => u64::MAX,
            at => now.0.abs_diff(at),
        }
    }

    fn is_of(&self, of: u64) -> bool {
        self.of.load(Ordering::Relaxed) == of
    }

    fn write(&self, of: u64, now: UnixSeconds) {
        self.of.store(of, Ordering::Relaxed);
        self.at.store(now.0, Ordering::Relaxed);
    }
}

fn hash(tenant: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    tenant.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_780_000_000;

    /// Whether it holds for three tenants, so many seconds after [`NOW`].
    fn holds(lesson: &Lesson, since: i64) -> [bool; 3] {
        ["a", "b", "c"].map(|tenant| lesson.holds(tenant, UnixSeconds(NOW + since)))
    }

    #[test]
    fn s2_9_a_lesson_lapses_after_an_hour() {
        let lesson = Lesson::default();
        assert_eq!(holds(&lesson, 0), [false; 3]);
        lesson.learn("a", UnixSeconds(NOW));
        for (since, expected) in
            [(0, true), (3_599, true), (3_600, false), (86_400, false), (-1, true), (-86_400, false)]
        {
            assert_eq!(holds(&lesson, since), [expected, false, false], "{since}");
        }
        lesson.learn("a", UnixSeconds(NOW + 3_600));
        assert!(lesson.holds("a", UnixSeconds(NOW + 7_199)));
    }

    #[test]
    fn s2_9_what_holds_for_everybody_is_proved_by_two_tenants() {
        let lesson = Lesson::default();
        for _ in 0..3 {
            lesson.learn("a", UnixSeconds(NOW));
            assert_eq!(holds(&lesson, 0), [true, false, false], "however often");
        }
        lesson.learn("b", UnixSeconds(NOW + 1_000));
        assert_eq!(holds(&lesson, 1_000), [true; 3]);
        assert_eq!(holds(&lesson, 3_599), [true; 3]);
        assert_eq!(holds(&lesson, 3_600), [false, true, false], "the first proof has lapsed");
        lesson.learn("c", UnixSeconds(NOW + 3_600));
        assert_eq!(holds(&lesson, 3_600), [true; 3], "in its place");
        lesson.learn("b", UnixSeconds(NOW + 4_000));
        assert_eq!(holds(&lesson, 7_199), [true; 3], "proved again");
    }

    #[test]
    fn s2_9_an_answer_to_a_request_with_it_disproves_it() {
        let lesson = Lesson::default();
        lesson.learn("a", UnixSeconds(NOW));
        lesson.learn("b", UnixSeconds(NOW));
        lesson.unlearn();
        assert_eq!(holds(&lesson, 0), [false; 3]);
        lesson.learn("c", UnixSeconds(NOW));
        assert_eq!(holds(&lesson, 0), [false, false, true]);
    }
}
