use super::*;

mod outage;
mod rescue;
mod simulation;

const PERCENT: u32 = 20;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
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
        let mut tokens = Tokens::default();
        assert_eq!(budget.take(now, &mut tokens, 1), Take::Granted);
        tokens
    };
    (0..count).map(one).collect()
}

fn take_one(budget: &mut RetryBudget, now: Instant) -> Take {
    let mut tokens = Tokens::default();
    let taken = budget.take(now, &mut tokens, 1);
    let _ = budget.committed(now, tokens);
    taken
}

#[test]
fn s1_3_ten_tokens_are_always_there_and_a_fifth_of_the_requests() {
    let now = Instant::now();
    for (count, capacity) in [(0, 10), (50, 10), (55, 11), (1_000, 200)] {
        let mut budget = calm(now);
        requests(&mut budget, now, count);
        let taken = take(&mut budget, now, capacity);
        let mut more = Tokens::default();
        assert_eq!(budget.take(now, &mut more, 1), Take::Wait, "{count} requests, {} taken", taken.len());
    }
}

#[test]
fn s1_3_burnt_tokens_count_for_ten_seconds() {
    let now = Instant::now();
    let mut budget = calm(now);
    for tokens in take(&mut budget, now, 10) {
        let _ = budget.abandoned(now, tokens);
    }
    let mut tokens = Tokens::default();
    assert_eq!(budget.take(now, &mut tokens, 1), Take::Refused);
    assert_eq!(budget.take(now + secs(10), &mut tokens, 1), Take::Refused);
    assert_eq!(budget.take(now + secs(11), &mut tokens, 1), Take::Granted);
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
    assert_eq!(take(&mut budget, later, 10).len(), 10);
    let mut more = Tokens::default();
    assert_eq!(budget.take(later, &mut more, 1), Take::Wait);
}

#[test]
fn s1_3_who_waits_learns_that_rescue_works() {
    let now = Instant::now();
    let mut budget = calm(now);
    let mut taken = take(&mut budget, now, 10);
    let mut waiting = Tokens::default();
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Wait);
    assert_eq!(budget.committed(now, taken.remove(0)), Wake::All);
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Granted);
}

#[test]
fn s1_3_who_waits_is_refused_once_nobody_is_on_the_way() {
    let now = Instant::now();
    let mut budget = calm(now);
    let mut taken = take(&mut budget, now, 10);
    let last = taken.remove(0);
    let mut waiting = Tokens::default();
    for tokens in taken {
        assert_eq!(budget.take(now, &mut waiting, 1), Take::Wait);
        assert_eq!(budget.abandoned(now, tokens), Wake::Some(0));
    }
    assert_eq!(budget.abandoned(now, last), Wake::All);
    assert_eq!(budget.take(now, &mut waiting, 1), Take::Refused);
}

#[test]
fn s1_3_who_waited_through_eight_failures_in_a_row_is_refused() {
    let now = Instant::now();
    let mut budget = calm(now);
    requests(&mut budget, now, 100);
    let mut taken = take(&mut budget, now, 20).into_iter();
    let (mut early, mut late) = (Tokens::default(), Tokens::default());
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
    for tokens in take(&mut budget, now, 8) {
        let _ = budget.failed(now, tokens);
    }
    let mut granted = Vec::new();
    for tenths in 10..40 {
        let then = now + Duration::from_millis(100 * tenths);
        let mut tokens = Tokens::default();
        if budget.take(then, &mut tokens, 1) == Take::Granted {
            granted.push(tenths);
        }
        let _ = budget.failed(then, tokens);
    }
    assert_eq!(granted, [10, 20], "one of the two that are left in each second");
}

#[test]
fn s1_3_rescue_that_works_needs_no_room_for_ten_seconds() {
    let now = Instant::now();
    let mut budget = calm(now);
    assert_eq!(take_one(&mut budget, now), Take::Granted);
    assert_eq!(take(&mut budget, now + secs(10), 500).len(), 500);
    let mut more = Tokens::default();
    assert_eq!(budget.take(now + secs(10) + Duration::from_nanos(1), &mut more, 1), Take::Wait);
}

#[test]
fn s1_3_rescue_that_fails_more_often_than_not_is_rationed_again() {
    let now = Instant::now();
    let mut budget = calm(now);
    let mut taken = take(&mut budget, now, 8);
    let _ = budget.committed(now, taken.remove(0));
    taken.extend(take(&mut budget, now, 100));
    let _ = budget.failed(now, taken.remove(0));
    assert!(budget.proof.holds(now), "one of two committed");
    let _ = budget.failed(now, taken.remove(0));
    assert!(!budget.proof.holds(now), "one of three");
    let mut more = Tokens::default();
    assert_eq!(budget.take(now, &mut more, 1), Take::Wait);
}

#[test]
fn s1_3_a_caller_who_leaves_proves_nothing_and_burns_what_was_used() {
    let now = Instant::now();
    let mut budget = calm(now);
    assert_eq!(take_one(&mut budget, now), Take::Granted);
    for tokens in take(&mut budget, now, 10) {
        let _ = budget.abandoned(now, tokens);
    }
    assert!(budget.proof.holds(now));
    assert_eq!(budget.room(), 0);
}

#[test]
fn s1_3_the_pilot_reserves_its_way_and_returns_what_it_did_not_use() {
    let now = Instant::now();
    let mut budget = calm(now);
    let mut pilot = Tokens::default();
    assert_eq!(budget.take(now, &mut pilot, 4), Take::Granted);
    let mut others: Vec<Tokens> = (0..6).map(|_| Tokens::default()).collect();
    for tokens in &mut others {
        assert_eq!(budget.take(now, tokens, 4), Take::Granted);
    }
    for tokens in &mut others {
        assert_eq!(budget.take(now, tokens, 3), Take::Wait, "a pilot is on the way");
    }
    assert_eq!(budget.take(now, &mut pilot, 3), Take::Granted);
    assert_eq!(budget.failed(now, pilot), Wake::All, "nobody else is under way");
    assert_eq!(budget.room(), 2);
    assert_eq!(budget.take(now, &mut others[0], 2), Take::Granted, "it is the next pilot");
    assert_eq!(budget.take(now, &mut others[1], 2), Take::Wait);
}

#[test]
fn s1_3_a_request_without_tokens_leaves_no_trace() {
    let now = Instant::now();
    let mut budget = calm(now);
    let _ = budget.committed(now, Tokens::default());
    assert!(!budget.proof.holds(now));
    assert_eq!(take_one(&mut budget, now), Take::Granted);
    assert_eq!(budget.failed(now, Tokens::default()), Wake::Some(0));
    assert!(budget.proof.holds(now));
}

#[test]
fn a_budget_is_small() {
    assert!(size_of::<RetryBudget>() <= 288, "{}", size_of::<RetryBudget>());
}
