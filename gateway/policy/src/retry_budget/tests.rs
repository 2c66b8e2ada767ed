use super::*;
use std::time::Duration;
use weir_config::ObjectName;

mod keys;
mod leaving;
mod outage;
mod rescue;
mod simulation;

const PERCENT: u32 = 20;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn key(crowd: u64, number: u64) -> ObjectName {
    ObjectName::new(format!("crowd-{crowd}"), format!("key-{number}"))
}

/// Of the one key of most tests.
fn tokens() -> Tokens {
    Tokens::new(key(0, 0))
}

fn held(budget: &RetryBudget) -> u32 {
    budget.common.held + budget.newcomers.held
}

fn calm(now: Instant) -> RetryBudget {
    RetryBudget::new(now)
}

fn requests(budget: &mut RetryBudget, now: Instant, count: u32) {
    (0..count).for_each(|_| budget.request(now, PERCENT));
}

/// Takes one token for each of `count` requests.
fn take(budget: &mut RetryBudget, now: Instant, count: u32) -> Vec<Tokens> {
    let one = |_| {
        let mut taken = tokens();
        assert_eq!(budget.take(now, &mut taken, 1), Take::Granted);
        taken
    };
    (0..count).map(one).collect()
}

fn take_one(budget: &mut RetryBudget, now: Instant) -> Take {
    let mut one = tokens();
    let taken = budget.take(now, &mut one, 1);
    let _ = budget.committed(now, one);
    taken
}

#[test]
fn s1_3_ten_tokens_are_always_there_and_a_fifth_of_the_requests() {
    let now = Instant::now();
    for (count, common, newcomers) in [(0, 10, 4), (50, 10, 4), (75, 11, 4), (1_000, 160, 40)] {
        let mut budget = calm(now);
        requests(&mut budget, now, count);
        let mut taken = take(&mut budget, now, common);
        let mut more = tokens();
        assert_eq!(budget.take(now, &mut more, 1), Take::Wait, "{count} requests, {} taken", taken.len());
        for number in 1..=newcomers {
            let mut of_another = Tokens::new(key(0, number));
            assert_eq!(budget.take(now, &mut of_another, 1), Take::Granted, "{count} requests, key {number}");
            taken.push(of_another);
        }
        let mut of_one_more = Tokens::new(key(1, 0));
        assert_eq!(budget.take(now, &mut of_one_more, 1), Take::Wait, "{count} requests");
    }
}

#[test]
fn s1_3_burnt_tokens_count_for_ten_seconds() {
    let now = Instant::now();
    let mut budget = calm(now);
    for tokens in take(&mut budget, now, FLOOR) {
        let _ = budget.failed(now, tokens);
    }
    let mut more = tokens();
    assert_eq!(budget.take(now, &mut more, 1), Take::Refused);
    assert_eq!(budget.take(now + secs(10), &mut more, 1), Take::Refused);
    assert_eq!(budget.take(now + secs(11), &mut more, 1), Take::Granted);
}

#[test]
fn s1_3_a_request_that_commits_gives_its_tokens_back() {
    let now = Instant::now();
    let mut budget = calm(now);
    for _ in 0..1_000 {
        assert_eq!(take_one(&mut budget, now), Take::Granted);
    }
    // The proof of these is forgotten, and no token with it.
    let later = now + secs(11);
    assert_eq!(take(&mut budget, later, FLOOR).len(), 10);
    let mut more = tokens();
    assert_eq!(budget.take(later, &mut more, 1), Take::Wait);
}

#[test]
fn s1_3_who_waits_learns_that_rescue_works() {
    let now = Instant::now();
    let mut budget = calm(now);
    let mut taken = take(&mut budget, now, FLOOR);
    let mut waiting = tokens();
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Wait);
    assert_eq!(budget.committed(now, taken.remove(0)), Wake::All);
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Granted);
}

#[test]
fn s1_3_who_waits_is_refused_once_nobody_is_on_the_way() {
    let now = Instant::now();
    let mut budget = calm(now);
    let mut others = take(&mut budget, now, FLOOR);
    for tokens in others.drain(..4) {
        let _ = budget.failed(now, tokens); // its key is no newcomer any more
    }
    let mut waiting = tokens();
    let last = others.pop().unwrap();
    for tokens in others {
        assert_eq!(budget.take(now, &mut waiting, 1), Take::Wait);
        let _ = budget.failed(now, tokens);
    }
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Wait);
    assert_eq!(budget.failed(now, last), Wake::All);
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Refused);
}

#[test]
fn s1_3_who_waited_through_eight_failures_in_a_row_is_refused() {
    let now = Instant::now();
    let mut budget = calm(now);
    requests(&mut budget, now, 150);
    let mut taken = take(&mut budget, now, 24);
    for tokens in taken.drain(..8) {
        let _ = budget.failed(now, tokens);
    }
    let mut taken = taken.into_iter();
    let (mut early, mut late) = (tokens(), tokens());
    assert_eq!(budget.take(now, &mut early, 1), Take::Wait);
    for failures in 1..8 {
        assert_eq!(budget.failed(now, taken.next().unwrap()), Wake::Some(0));
        assert_eq!(budget.take(now, &mut early, 1), Take::Wait, "{failures} failures");
    }
    assert_eq!(budget.take(now, &mut late, 1), Take::Wait);
    assert_eq!(budget.failed(now, taken.next().unwrap()), Wake::All);
    assert_eq!(budget.take(now, &mut early, 1), Take::Refused);
    assert_eq!(budget.take(now, &mut late, 1), Take::Wait);
}

#[test]
fn s1_3_in_an_outage_tokens_are_spread_over_time() {
    let now = Instant::now();
    let mut budget = calm(now);
    requests(&mut budget, now, 150);
    for tokens in take(&mut budget, now, 8) {
        let _ = budget.failed(now, tokens);
    }
    let mut granted = Vec::new();
    for tenths in 10..40 {
        let then = now + Duration::from_millis(100 * tenths);
        let mut tokens = tokens();
        if budget.take(then, &mut tokens, 1) == Take::Granted {
            granted.push(tenths);
        }
        let _ = budget.failed(then, tokens);
    }
    assert_eq!(granted, [10, 11, 20, 21, 30, 31], "of the 16 that are left two in each second");
}

#[test]
fn s1_3_rescue_that_works_needs_no_room_for_ten_seconds() {
    let now = Instant::now();
    let mut budget = calm(now);
    assert_eq!(take_one(&mut budget, now), Take::Granted);
    assert_eq!(take(&mut budget, now + secs(10), 500).len(), 500);
    let later = now + secs(10) + Duration::from_nanos(1);
    let (mut newcomer, mut more) = (tokens(), tokens());
    assert_eq!(budget.take(later, &mut newcomer, 1), Take::Granted);
    assert_eq!(budget.take(later, &mut more, 1), Take::Wait);
}

#[test]
fn s1_3_rescue_that_fails_more_often_than_not_is_rationed_again() {
    let now = Instant::now();
    let mut budget = calm(now);
    let mut taken = take(&mut budget, now, FLOOR);
    let _ = budget.committed(now, taken.remove(0));
    taken.extend(take(&mut budget, now, 100));
    let _ = budget.failed(now, taken.remove(0));
    assert!(budget.proof.holds(now), "one of two committed");
    let _ = budget.failed(now, taken.remove(0));
    assert!(!budget.proof.holds(now), "one of three");
    let mut more = tokens();
    assert_eq!(budget.take(now, &mut more, 1), Take::Wait);
}

#[test]
fn s1_3_a_caller_who_leaves_proves_nothing_and_gives_its_tokens_back() {
    let now = Instant::now();
    let mut budget = calm(now);
    for _ in 0..100 {
        let mut taken = take(&mut budget, now, FLOOR);
        let mut waiting = tokens();
        assert_eq!(budget.take(now, &mut waiting, 1), Take::Wait);
        let last = taken.pop().unwrap();
        for tokens in taken {
            assert!(matches!(budget.abandoned(now, tokens), Wake::Some(1..)), "one that waits may go on");
        }
        assert_eq!(budget.abandoned(now, last), Wake::All);
    }
    assert!(!budget.proof.holds(now) && budget.proof.total == 0);
}

#[test]
fn s1_3_a_caller_who_leaves_when_all_targets_have_failed_takes_nothing_of_that_back() {
    let now = Instant::now();
    let mut budget = calm(now);
    for mut tokens in take(&mut budget, now, 2) {
        let _ = budget.take(now, &mut tokens, 0);
        let _ = budget.abandoned(now, tokens);
    }
    assert_eq!((budget.proof.total, held(&budget)), (2, 0));
    assert_eq!(budget.common.room(u64::from(FLOOR)), 6, "two repeats and what they repeat");
}

#[test]
fn s1_3_the_pilot_reserves_its_way_and_returns_what_it_did_not_use() {
    let now = Instant::now();
    let mut budget = calm(now);
    let mut pilot = tokens();
    assert_eq!(budget.take(now, &mut pilot, 4), Take::Granted);
    let mut others: Vec<Tokens> = (0..6).map(|_| tokens()).collect();
    for tokens in &mut others {
        assert_eq!(budget.take(now, tokens, 4), Take::Granted);
    }
    for tokens in &mut others {
        assert_eq!(budget.take(now, tokens, 3), Take::Wait, "a pilot is on the way");
    }
    assert_eq!(budget.take(now, &mut pilot, 3), Take::Granted);
    assert_eq!(budget.failed(now, pilot), Wake::All, "nobody else is under way");
    assert_eq!(budget.common.room(u64::from(FLOOR)), 2);
    assert_eq!(budget.take(now, &mut others[0], 2), Take::Granted, "it is the next pilot");
    assert_eq!(budget.take(now, &mut others[1], 2), Take::Wait);
}

#[test]
fn s1_3_a_request_without_tokens_leaves_no_trace() {
    let now = Instant::now();
    let mut budget = calm(now);
    let _ = budget.committed(now, tokens());
    assert!(!budget.proof.holds(now));
    assert_eq!(take_one(&mut budget, now), Take::Granted);
    assert_eq!(budget.failed(now, tokens()), Wake::Some(0));
    assert!(budget.proof.holds(now));
}

#[test]
fn a_budget_is_small() {
    assert!(size_of::<RetryBudget>() <= 400, "{}", size_of::<RetryBudget>());
}
