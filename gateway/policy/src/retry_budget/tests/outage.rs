//! Nobody answers: what a route adds to its upstreams' load.

use super::simulation::{Arrivals, Outcome, Target, World};
use super::*;

fn dead(targets: usize, millis: u64, arrivals: Arrivals, requests: u64) -> Outcome {
    let after = Duration::from_millis(millis);
    let outcome = World::of(vec![Target::Dead(after); targets], arrivals, (after, after), requests).run();
    assert_eq!(outcome.committed(), 0);
    assert_eq!(outcome.requests, requests);
    outcome
}

fn is_amplified_at_most_1_2_times(targets: usize, millis: u64, arrivals: Arrivals) {
    let requests = 100_000;
    let extra = dead(targets, millis, arrivals, requests).extra.len() as u64;
    assert!(extra <= requests / 5 + u64::from(FLOOR + NEWCOMERS_FLOOR), "{extra} more");
    assert!(extra > u64::from(FLOOR), "nobody was even tried");
}

#[test]
fn s1_3_a_total_outage_is_amplified_at_most_1_2_times_at_any_rate() {
    is_amplified_at_most_1_2_times(2, 1, Arrivals::Rate(30));
    is_amplified_at_most_1_2_times(1, 300, Arrivals::Rate(300));
    is_amplified_at_most_1_2_times(5, 5_000, Arrivals::Rate(3_000));
}

#[test]
fn s1_3_a_total_outage_is_amplified_at_most_1_2_times_at_any_concurrency() {
    is_amplified_at_most_1_2_times(2, 1, Arrivals::Concurrency(1));
    is_amplified_at_most_1_2_times(3, 300, Arrivals::Concurrency(100));
    is_amplified_at_most_1_2_times(5, 5_000, Arrivals::Concurrency(2_000));
}

#[test]
fn s1_3_where_little_happens_the_floor_of_fourteen_tokens_in_ten_seconds_holds() {
    for arrivals in
        [Arrivals::Rate(1), Arrivals::Rate(3), Arrivals::Concurrency(1), Arrivals::Concurrency(50)]
    {
        for millis in [1, 300, 5_000, 30_000] {
            for targets in [1, 2, 5] {
                let outcome = dead(targets, millis, arrivals, 1_000);
                let floor = u64::from(FLOOR + NEWCOMERS_FLOOR) * (outcome.lasted.as_secs() / 10 + 1);
                let extra = outcome.extra.len() as u64;
                assert!(extra <= 200 + floor, "{extra} more: {arrivals:?} {millis} {targets}");
            }
        }
    }
}

#[test]
fn s1_3_in_an_outage_nobody_waits_for_long() {
    for (rate, millis) in [(30, 300), (30, 5_000), (300, 300), (300, 5_000)] {
        let outcome = dead(1, millis, Arrivals::Rate(rate), 5_000);
        assert!(outcome.longest_wait < secs(15), "{:?}", outcome.longest_wait);
    }
}

#[test]
fn s1_3_rescue_that_worked_is_rationed_soon_after_it_stops() {
    let dies = secs(20);
    for rate in [30, 300, 1_000] {
        let targets = vec![Target::Dead(Duration::from_millis(1)), Target::DiesAt(dies)];
        let latency = (Duration::from_millis(300), secs(2));
        let outcome = World::of(targets, Arrivals::Rate(rate), latency, rate * 60).run();
        let after = outcome.extra.iter().filter(|at| **at >= dies).count() as u64;
        // Those on the way still commit for two seconds: so long it may seem to work.
        assert!(after <= rate * 40 / 5 + rate * 3, "{after} more at {rate}/s");
    }
}

#[test]
fn s1_3_two_of_a_hundred_that_commit_do_not_lift_the_ration() {
    for rate in [30, 300, 3_000] {
        let targets = vec![Target::Flaky(98); 2];
        let latency = (Duration::from_millis(1), secs(1));
        let extra = World::of(targets, Arrivals::Rate(rate), latency, 20_000).run().extra;
        assert!(extra.len() < 20_000 / 4, "{} more at {rate}/s", extra.len());
    }
}
