//! Many keys use a route: what one causes is not the others' trouble, and all together cause no more than one would.

use super::simulation::{Arrivals, Crowd, Target, World};
use super::*;
use Target::{Dead, Flaky, Healthy};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn poisoned(rate: u64, requests: u64) -> Crowd {
    Crowd { poisoned: true, ..Crowd::of(Arrivals::Rate(rate), requests) }
}

/// The second crowd's requests are answered, all of them, while the first's fail wherever they go.
fn others_are_answered(targets: &[Target], latency: (Duration, Duration), failing: Crowd, others: Crowd) {
    let outcome = World { targets: targets.to_vec(), latency, crowds: vec![failing, others] }.run();
    let refused = outcome.refused.iter().filter(|(_, crowd)| *crowd == 1).collect::<Vec<_>>();
    assert_eq!(
        outcome.answered,
        [0, others.requests],
        "{targets:?} {latency:?} {failing:?} {others:?}: {refused:?}"
    );
}

#[test]
fn s1_2_a_key_whose_requests_fail_everywhere_takes_rescue_from_no_other() {
    for targets in [
        &[Dead(millis(1)), Healthy][..],
        &[Flaky(45), Healthy],
        &[Dead(millis(1)), Dead(millis(1)), Healthy],
        &[Dead(millis(1)), Dead(secs(2)), Dead(millis(1)), Dead(millis(1)), Healthy],
    ] {
        for latency in [(millis(1), millis(1)), (millis(300), secs(2)), (secs(30), secs(30))] {
            for (failing, other) in [(10, 3), (3, 10), (10, 10), (100, 3), (100, 100)] {
                let others = Crowd::of(Arrivals::Rate(other), other * 20);
                others_are_answered(targets, latency, poisoned(failing, failing * 40), others);
            }
        }
    }
}

#[test]
fn s1_2_nor_does_it_from_one_that_calls_every_eleven_seconds() {
    let mut budget = calm(Instant::now());
    let start = Instant::now();
    for tenths in 0..1_200 {
        let now = start + millis(100 * tenths);
        budget.request(now, PERCENT);
        let mut of_x = tokens();
        let _ = budget.take(now, &mut of_x, 1);
        let _ = budget.failed(now, of_x);
        if tenths % 110 == 50 {
            let mut of_y = Tokens::new(key(1, 0));
            assert_eq!(budget.take(now, &mut of_y, 1), Take::Granted, "{tenths}");
            let _ = budget.committed(now, of_y);
        }
    }
}

#[test]
fn s1_2_a_key_that_fails_at_first_has_a_second_try() {
    let now = Instant::now();
    let mut budget = calm(now);
    for tokens in take(&mut budget, now, FLOOR) {
        let _ = budget.failed(now, tokens);
    }
    let mut granted = Vec::new();
    for _ in 0..3 {
        let mut of_y = Tokens::new(key(1, 0));
        granted.push(budget.take(now, &mut of_y, 1));
        let _ = budget.failed(now, of_y);
    }
    assert_eq!(granted, [Take::Granted, Take::Granted, Take::Refused]);
}

#[test]
fn s1_3_of_the_newcomers_share_a_key_has_one_request_at_a_time() {
    let now = Instant::now();
    let mut budget = calm(now);
    let _others = take(&mut budget, now, FLOOR);
    let (mut first, mut second) = (Tokens::new(key(1, 0)), Tokens::new(key(1, 0)));
    assert_eq!(budget.take(now, &mut first, 2), Take::Granted);
    assert_eq!(budget.take(now, &mut second, 2), Take::Wait);
    assert_eq!(budget.take(now, &mut first, 1), Take::Granted, "its whole way is its own");
    assert_eq!(budget.committed(now, first), Wake::All);
    assert_eq!(budget.take(now, &mut second, 2), Take::Granted, "proven for this key");
    let mut of_another = tokens();
    assert!(!budget.proof.holds(now) || budget.take(now, &mut of_another, 1) == Take::Granted);
    let _ = (budget.committed(now, second), budget.abandoned(now, of_another));
}

#[test]
fn s1_3_who_waits_for_its_own_keys_pilot_hears_it_out() {
    let now = Instant::now();
    let mut budget = calm(now);
    requests(&mut budget, now, 100);
    let mut failing = take(&mut budget, now, 16).into_iter(); // all that one key may have
    let (mut pilot, mut waiting) = (Tokens::new(key(1, 0)), Tokens::new(key(1, 0)));
    assert_eq!(budget.take(now, &mut pilot, 1), Take::Granted);
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Wait);
    let mut others = tokens();
    for tokens in failing.by_ref().take(4) {
        let _ = budget.failed(now, tokens);
    }
    assert_eq!(budget.take(now, &mut others, 1), Take::Wait);
    for tokens in failing.by_ref().take(10) {
        let _ = budget.failed(now, tokens);
    }
    assert_eq!(budget.take(now, &mut others, 1), Take::Refused);
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Wait);
    assert_eq!(budget.committed(now, pilot), Wake::All);
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Granted);
}

#[test]
fn s1_3_a_total_outage_is_amplified_at_most_1_2_times_however_many_keys_there_are() {
    for keys in [2, 5, 100, 2_000] {
        for (targets, millis, arrivals) in [
            (2, 1, Arrivals::Rate(30)),
            (1, 300, Arrivals::Rate(300)),
            (5, 5_000, Arrivals::Rate(3_000)),
            (3, 300, Arrivals::Concurrency(100)),
            (5, 5_000, Arrivals::Concurrency(2_000)),
        ] {
            let after = Duration::from_millis(millis);
            let crowds = vec![Crowd { keys, ..Crowd::of(arrivals, 20_000) }];
            let outcome =
                World { targets: vec![Dead(after); targets], latency: (after, after), crowds }.run();
            let extra = outcome.extra.len();
            assert_eq!(outcome.committed(), 0);
            assert!(
                extra <= 4_000 + (FLOOR + NEWCOMERS_FLOOR) as usize,
                "{extra} more: {keys} {targets} {millis} {arrivals:?}"
            );
            // It may hear its own key's pilot out, then another.
            let longest = secs(15) + after * targets as u32 * 2;
            assert!(outcome.longest_wait < longest, "{:?}", outcome.longest_wait);
        }
    }
}

#[test]
fn s1_3_two_of_a_hundred_that_commit_do_not_lift_the_ration_of_many_keys() {
    for keys in [10, 1_000] {
        let crowds = vec![Crowd { keys, ..Crowd::of(Arrivals::Rate(300), 20_000) }];
        let latency = (Duration::from_millis(1), secs(1));
        let extra = World { targets: vec![Flaky(98); 2], latency, crowds }.run().extra.len();
        assert!(extra < 20_000 / 4, "{extra} more of {keys} keys");
    }
}

#[test]
fn what_is_known_of_keys_is_forgotten() {
    let start = Instant::now();
    let mut budget = calm(start);
    for number in 0..10_000 {
        let now = start + Duration::from_millis(10 * number);
        budget.request(now, PERCENT);
        let mut tokens = Tokens::new(key(0, number));
        let _ = budget.take(now, &mut tokens, 1);
        let _ = budget.committed(now, tokens);
        assert!(budget.keys.len() <= 2_001, "those of 20 s: {}", budget.keys.len());
    }
    budget.request(start + secs(200), PERCENT);
    assert_eq!(budget.keys.len(), 0);
}

/// The newcomers' tokens go to one request of a key at a time, also while another of its was the route's pilot.
#[test]
fn s1_3_a_key_has_one_request_on_its_own_way_whatever_else_it_has() {
    let now = Instant::now();
    let mut budget = calm(now);
    let [x, k] = [key(1, 0), key(2, 0)];
    let mut pilot = Tokens::new(x.clone());
    assert_eq!(budget.take(now, &mut pilot, 2), Take::Granted);
    let mut first = Tokens::new(k.clone());
    assert_eq!(budget.take(now, &mut first, 2), Take::Granted);
    assert_eq!(first.pilot, Pilot::OfKey);
    for _ in 0..4 {
        let _ = budget.abandoned(now, pilot);
        let mut second = Tokens::new(k.clone());
        assert_eq!(budget.take(now, &mut second, 2), Take::Granted);
        assert_eq!(second.pilot, Pilot::OfRoute);
        let _ = budget.abandoned(now, second);
        pilot = Tokens::new(x.clone());
        assert_eq!(budget.take(now, &mut pilot, 2), Take::Granted);
        let mut third = Tokens::new(k.clone());
        let _ = budget.take(now, &mut third, 2);
        assert_ne!(third.pilot, Pilot::OfKey);
        let _ = budget.abandoned(now, third);
    }
    for tokens in [pilot, first] {
        let _ = budget.abandoned(now, tokens);
    }
}
