//! Somebody answers: every request gets there.

use super::simulation::{Arrivals, Target, World};
use super::*;
use Target::{Dead, Flaky, Flapping, Healthy, RecoversAt};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// From the quickest model to one that reasons for long, and both at once.
fn latencies() -> [(Duration, Duration); 4] {
    [(millis(1), millis(1)), (millis(300), secs(2)), (secs(30), secs(30)), (millis(1), secs(30))]
}

fn everybody_is_answered(targets: &[Target], latency: (Duration, Duration), arrivals: Arrivals) {
    let outcome = World::of(targets.to_vec(), arrivals, latency, 10_000).run();
    assert_eq!(outcome.committed(), 10_000, "{targets:?} {latency:?} {arrivals:?}: {:?}", outcome.refused);
}

#[test]
fn s1_2_a_preferred_target_that_fails_45_percent_at_random_refuses_nobody() {
    for latency in latencies() {
        for concurrency in [1, 50, 1_000, 2_000] {
            everybody_is_answered(&[Flaky(45), Healthy], latency, Arrivals::Concurrency(concurrency));
        }
        everybody_is_answered(&[Flaky(45), Healthy], latency, Arrivals::Rate(30));
        everybody_is_answered(&[Flaky(45), Healthy], latency, Arrivals::Rate(1_000));
    }
}

#[test]
fn s1_2_a_preferred_target_that_flaps_every_second_refuses_nobody() {
    for latency in latencies() {
        for arrivals in [Arrivals::Concurrency(2_000), Arrivals::Rate(100)] {
            everybody_is_answered(&[Flapping { odd: true }, Healthy], latency, arrivals);
            everybody_is_answered(&[Flapping { odd: true }, Flapping { odd: false }], latency, arrivals);
        }
    }
}

#[test]
fn s1_2_dead_targets_before_a_healthy_one_refuse_nobody() {
    for targets in [
        &[Dead(millis(1)), Healthy][..],
        &[Dead(secs(10)), Healthy],
        &[Dead(millis(1)), Dead(secs(10)), Healthy],
        &[Dead(secs(10)), Dead(secs(10)), Healthy],
        &[Flaky(45), Flaky(45), Healthy],
        &[Flapping { odd: true }, Flaky(45), Dead(secs(1)), Dead(millis(1)), Healthy],
    ] {
        for latency in [(millis(300), secs(2)), (millis(1), secs(30))] {
            for arrivals in [Arrivals::Concurrency(50), Arrivals::Concurrency(2_000), Arrivals::Rate(300)] {
                everybody_is_answered(targets, latency, arrivals);
            }
        }
    }
}

#[test]
fn s1_2_after_an_outage_the_first_that_recovers_is_noticed_in_seconds() {
    for (dead, rate, within) in [(1, 10, 2), (1, 100, 1), (1, 500, 1), (2, 100, 5), (4, 100, 6)] {
        for half_seconds in (60..84).step_by(3) {
            let recovers = millis(500 * half_seconds + 50);
            let mut targets = vec![Dead(millis(1)); dead];
            targets.push(RecoversAt(recovers));
            let latency = (millis(300), secs(2));
            let outcome = World::of(targets, Arrivals::Rate(rate), latency, rate * 50).run();
            let (last, _) = outcome.refused.last().unwrap();
            assert!(*last < recovers + secs(within), "{dead} {rate}: {last:?} after {recovers:?}");
        }
    }
}
