//! Callers leave before the target that would have answered has.

use super::simulation::{Arrivals, Crowd, Outcome, Target, World};
use super::*;
use Target::{Dead, Flaky, Healthy};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn hasty(rate: u64, patience: Duration) -> Crowd {
    Crowd { patience: Some(patience), ..Crowd::of(Arrivals::Rate(rate), rate * 90) }
}

#[test]
fn s1_2_callers_who_leave_early_take_rescue_from_nobody_who_stays() {
    for preferred in [Dead(millis(1)), Flaky(45)] {
        for rate in [2, 10, 300] {
            for keys in [1, 20] {
                let latency = (millis(1_500), secs(2));
                let patient = Crowd::of(Arrivals::Rate(1), 60);
                let crowds = vec![Crowd { keys, ..hasty(rate, secs(1)) }, patient];
                let outcome = World { targets: vec![preferred, Healthy], latency, crowds }.run();
                assert_eq!(outcome.answered[1], 60, "{preferred:?} {rate} {keys}: {:?}", outcome.refused);
            }
        }
    }
}

#[test]
fn s1_2_nor_from_those_who_stay_and_have_the_same_key() {
    let start = Instant::now();
    let mut budget = calm(start);
    // Six at a time leave after a second, over and over, and one waits meanwhile.
    let mut waiting = tokens();
    let hasty = take(&mut budget, start, FLOOR);
    assert_eq!(budget.take(start, &mut waiting, 1), Take::Wait);
    for tokens in hasty {
        let _ = budget.abandoned(start + secs(1), tokens);
    }
    assert_eq!(budget.take(start + secs(1), &mut waiting, 1), Take::Granted);
}

/// Nobody answers, the last target after longer than callers stay. No count of attempts over time can bound this while
/// whoever leaves says nothing: one who would be answered by a slow target looks the same.
fn outage(rate: u64, patience: Duration, keys: u64) -> Outcome {
    let crowds = vec![Crowd { keys, ..hasty(rate, patience) }];
    let targets = vec![Dead(millis(1)), Dead(secs(60))];
    World { targets, latency: (millis(1), millis(1)), crowds }.run()
}

#[test]
fn s1_3_in_an_outage_with_callers_who_leave_early_a_fifth_of_ten_seconds_requests_is_under_way_at_a_time() {
    for rate in [1, 3, 30, 100] {
        for patience in [millis(100), secs(1), secs(5), secs(30)] {
            for keys in [1, 300] {
                let Outcome { most_held, extra, requests, .. } = outage(rate, patience, keys);
                let tokens = (rate as u32 * 10 / 5).max(FLOOR + NEWCOMERS_FLOOR);
                assert!(most_held <= tokens, "{most_held} of {tokens} at a time: {rate} {patience:?} {keys}");
                assert!(extra.len() as u64 <= requests, "one more attempt for each at most");
            }
        }
    }
}

#[test]
fn s1_4_a_target_slower_than_the_deadline_rescues_everybody() {
    let latency = (secs(125), secs(125));
    for (arrivals, requests) in
        [(Arrivals::Rate(50), 40), (Arrivals::Rate(1), 300), (Arrivals::Concurrency(40), 400)]
    {
        for targets in [&[Dead(millis(1)), Healthy][..], &[Dead(millis(1)), Dead(secs(1)), Healthy]] {
            let outcome = World::of(targets.to_vec(), arrivals, latency, requests).run();
            assert_eq!(outcome.committed(), requests, "{arrivals:?}: {:?}", outcome.refused);
            assert!(outcome.longest_wait <= secs(125 + 2), "{:?}", outcome.longest_wait);
        }
    }
}
