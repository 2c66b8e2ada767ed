use super::*;
use proptest::prelude::*;
use weir_config::FailureClass::{self, *};

mod chance;

const BASE: Duration = Duration::from_millis(200);
const MAX: Duration = Duration::from_secs(5);

fn rules(now: Instant) -> Rules {
    Rules {
        on: FailureSet::default(),
        max_attempts: None,
        deadline: now + Duration::from_secs(120),
        backoff_base: BASE,
        backoff_max: MAX,
    }
}

fn order(windows: &[Option<u64>]) -> Vec<Planned> {
    windows
        .iter()
        .enumerate()
        .map(|(target, context_window)| Planned { target, context_window: *context_window })
        .collect()
}

fn walk(targets: usize, rules: Rules) -> Walk {
    Walk::new(order(&vec![None; targets]), rules)
}

fn failure(class: FailureClass) -> Failure {
    Failure::new(class, "")
}

fn limited(retry_after: u64) -> Failure {
    Failure { retry_after: Some(Duration::from_secs(retry_after)), ..failure(RateLimited) }
}

/// The table of semantics S1, row by row: moves on if another is left; asked again if none is.
fn row(class: FailureClass) -> (bool, bool) {
    match class {
        RateLimited | Overloaded | ServerError => (true, true),
        Timeout | Credential | Billing | Forbidden | ModelMissing | TooLarge | ContextLength
        | ContentPolicy | Misdirected | Garbled => (true, false),
        CallerFault => (false, false),
    }
}

#[test]
fn s1_1_each_class_has_its_consequence() {
    let now = Instant::now();
    for class in FailureClass::ALL {
        let rules = Rules { on: FailureClass::ALL.into_iter().collect(), ..rules(now) };
        let (moves_on, again) = row(class);

        let mut others_left = walk(2, rules);
        assert_eq!(others_left.first(now), Some(0));
        let next = others_left.after(now, now, 0, &failure(class), 7);
        let second = Next::Try { target: 1, wait: Duration::ZERO };
        assert_eq!(next, if moves_on { second } else { Next::GiveUp }, "{class:?}, another left");

        let mut none_left = walk(1, rules);
        assert_eq!(none_left.first(now), Some(0));
        match none_left.after(now, now, 0, &failure(class), 7) {
            Next::Try { target, wait } => {
                assert!(again && target == 0, "{class:?}, none left");
                assert!(wait >= BASE / 2 && wait <= BASE, "{wait:?}");
            }
            other => assert!(other == Next::GiveUp && !again, "{class:?}, none left"),
        }
    }
}

#[test]
fn s1_1_a_class_that_is_not_opted_in_ends_the_walk() {
    let now = Instant::now();
    for class in FailureClass::ALL {
        for targets in 1..3 {
            let on = FailureClass::ALL.into_iter().filter(|other| *other != class).collect();
            let mut walk = walk(targets, Rules { on, ..rules(now) });
            walk.first(now);
            assert_eq!(walk.after(now, now, 0, &failure(class), 7), Next::GiveUp, "{class:?}");
        }
    }
}

#[test]
fn s1_1_by_default_only_content_policy_and_a_callers_fault_stay() {
    let now = Instant::now();
    for class in FailureClass::ALL {
        let mut walk = walk(2, rules(now));
        walk.first(now);
        let stays = walk.after(now, now, 0, &failure(class), 7) == Next::GiveUp;
        assert_eq!(stays, matches!(class, ContentPolicy | CallerFault), "{class:?}");
    }
}

#[test]
fn s1_1_a_rate_limited_target_is_asked_again_only_when_no_other_is_left() {
    let now = Instant::now();
    let mut walk = walk(2, rules(now));
    walk.first(now);
    assert_eq!(walk.after(now, now, 0, &limited(2), 0), Next::Try { target: 1, wait: Duration::ZERO });
    let later = now + Duration::from_millis(500);
    let next = walk.after(later, later, 1, &failure(Timeout), 0);
    assert_eq!(next, Next::Try { target: 0, wait: Duration::from_millis(1_500) });
}

#[test]
fn s1_1_the_target_that_recovers_first_is_asked_again_first() {
    let now = Instant::now();
    let mut walk = walk(3, rules(now));
    walk.first(now);
    walk.after(now, now, 0, &limited(30), 0);
    walk.after(now, now, 1, &limited(3), 0);
    let next = walk.after(now, now, 2, &limited(9), 0);
    assert_eq!(next, Next::Try { target: 1, wait: Duration::from_secs(3) });
    let then = now + Duration::from_secs(3);
    let next = walk.after(then, then, 1, &failure(Credential), 0);
    assert_eq!(next, Next::Try { target: 2, wait: Duration::from_secs(6) });
}

#[test]
fn s1_1_a_wait_that_does_not_fit_the_deadline_is_not_begun() {
    let now = Instant::now();
    let mut fits = walk(1, rules(now));
    fits.first(now);
    let next = fits.after(now, now, 0, &limited(120), u64::MAX);
    assert_eq!(next, Next::Try { target: 0, wait: Duration::from_secs(120) }, "the spread gives way");
    let mut too_long = walk(1, rules(now));
    too_long.first(now);
    assert_eq!(too_long.after(now, now, 0, &limited(121), 0), Next::GiveUp);
}

#[test]
fn s1_1_waits_double_up_to_the_longest_and_are_spread() {
    let now = Instant::now();
    for (random, part) in [(0, 50), (u64::MAX, 100)] {
        let mut walk = walk(1, Rules { max_attempts: Some(9), ..rules(now) });
        walk.first(now);
        for millis in [200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
            let Next::Try { wait, .. } = walk.after(now, now, 0, &failure(RateLimited), random) else {
                panic!("eight repeats are allowed")
            };
            let expected = Duration::from_millis(millis * part / 100);
            assert!(expected - wait <= Duration::from_micros(1), "{wait:?} instead of {expected:?}");
        }
    }
}

#[test]
fn s1_1_a_longer_request_goes_to_larger_windows_only() {
    let now = Instant::now();
    let windows = [Some(8_000), Some(8_000), Some(4_000), None, Some(16_000)];
    let mut walk = Walk::new(order(&windows), rules(now));
    assert_eq!(walk.first(now), Some(0));
    let tried = |target| Next::Try { target, wait: Duration::ZERO };
    assert_eq!(
        walk.after(now, now, 0, &failure(ContextLength), 0),
        tried(3),
        "an unknown window may be larger"
    );
    assert_eq!(
        walk.after(now, now, 3, &failure(ContextLength), 0),
        tried(4),
        "and says nothing of the others"
    );
    assert_eq!(walk.after(now, now, 4, &failure(ContextLength), 0), Next::GiveUp);
}

#[test]
fn s1_1_a_smaller_window_is_not_asked_again_for_a_longer_request() {
    let now = Instant::now();
    for (window, asked_again) in [(Some(4_000), false), (Some(32_000), true), (None, true)] {
        let mut walk = Walk::new(order(&[window, Some(16_000)]), rules(now));
        walk.first(now);
        walk.after(now, now, 0, &failure(ServerError), 0);
        let next = walk.after(now, now, 1, &failure(ContextLength), 0);
        assert_eq!(next != Next::GiveUp, asked_again, "{window:?}");
    }
}

#[test]
fn s1_4_by_default_five_targets_are_asked() {
    let now = Instant::now();
    let mut walk = walk(7, rules(now));
    walk.first(now);
    for target in 0..4 {
        let next = walk.after(now, now, target, &failure(Timeout), 0);
        assert_eq!(next, Next::Try { target: target + 1, wait: Duration::ZERO });
    }
    assert_eq!(walk.after(now, now, 4, &failure(Timeout), 0), Next::GiveUp);
}

#[test]
fn s1_4_by_default_there_are_two_repeats_in_all() {
    let now = Instant::now();
    for class in [RateLimited, Overloaded, ServerError] {
        for targets in 1..4 {
            let mut walk = walk(targets, rules(now));
            let mut asked = vec![walk.first(now).unwrap()];
            while let Next::Try { target, .. } =
                walk.after(now, now, *asked.last().unwrap(), &failure(class), 0)
            {
                asked.push(target);
            }
            assert_eq!(asked.len(), targets + 2, "{class:?}: {asked:?}");
            assert_eq!(
                asked[..targets],
                (0..targets).collect::<Vec<_>>(),
                "each target once before any twice"
            );
        }
    }
}

#[test]
fn s1_4_a_number_that_was_set_counts_every_attempt() {
    let now = Instant::now();
    for max in 1..6 {
        let mut walk = walk(2, Rules { max_attempts: Some(max), ..rules(now) });
        let mut target = walk.first(now).unwrap();
        let mut attempts = 1;
        while let Next::Try { target: next, .. } = walk.after(now, now, target, &failure(RateLimited), 0) {
            target = next;
            attempts += 1;
        }
        assert_eq!(attempts, max);
    }
}

#[test]
fn s1_4_no_attempt_starts_after_the_deadline() {
    let now = Instant::now();
    let deadline = rules(now).deadline;
    assert_eq!(walk(1, rules(now)).first(deadline), Some(0));
    let late = deadline + Duration::from_nanos(1);
    assert_eq!(walk(1, rules(now)).first(late), None);
    let mut walk = walk(2, rules(now));
    walk.first(now);
    assert_eq!(walk.after(late, late, 0, &failure(ServerError), 0), Next::GiveUp);
}

#[test]
fn s1_4_the_time_that_attempts_ran_does_not_count_for_the_deadline() {
    let now = Instant::now();
    let (hour, deadline) = (Duration::from_secs(3_600), rules(now).deadline);
    let mut walk = walk(3, rules(now));
    walk.first(now);
    let second = Next::Try { target: 1, wait: Duration::ZERO };
    assert_eq!(walk.after(now, now + hour, 0, &failure(Timeout), 0), second);
    assert_eq!(walk.deadline(), deadline + hour);
    // What lies between the attempts does: here the last second that is left, and a little more.
    let began = walk.deadline() + Duration::from_nanos(1);
    assert_eq!(walk.after(began, began + hour, 1, &failure(Timeout), 0), Next::GiveUp);
}

#[test]
fn s1_4_the_time_in_which_a_request_waits_for_others_attempts_does_not_count_either() {
    let now = Instant::now();
    let hour = Duration::from_secs(3_600);
    let mut walk = walk(2, rules(now));
    walk.first(now);
    assert_eq!(
        walk.after(now, now, 0, &failure(ServerError), 0),
        Next::Try { target: 1, wait: Duration::ZERO }
    );
    walk.does_not_count(hour);
    let began = now + hour;
    assert!(matches!(walk.after(began, began, 1, &failure(ServerError), 0), Next::Try { .. }));
    assert_eq!(walk.deadline(), rules(now).deadline + hour);
}

#[test]
fn s2_9_who_refuses_what_the_gateway_put_in_is_asked_once_more_without_it() {
    let now = Instant::now();
    let refusal = Failure { refuses_addition: true, ..failure(CallerFault) };
    for max_attempts in [None, Some(1), Some(2)] {
        let mut walk = walk(2, Rules { max_attempts, ..rules(now) });
        walk.first(now);
        assert_eq!(walk.refused_addition(), None);
        assert_eq!(walk.after(now, now, 0, &refusal, 0), Next::TryPlain { target: 0 }, "{max_attempts:?}");
        assert_eq!(walk.refused_addition(), Some(0));
        let next = walk.after(now, now, 0, &failure(Timeout), 0);
        let moves_on = max_attempts != Some(1);
        assert_eq!(next != Next::GiveUp, moves_on, "the number that was set counts all others");
        assert_eq!(walk.after(now, now, 0, &refusal, 0), Next::GiveUp, "once in a request");
    }
    let mut late = walk(1, rules(now));
    late.first(now);
    let then = rules(now).deadline + Duration::from_nanos(1);
    assert_eq!(late.after(then, then, 0, &refusal, 0), Next::GiveUp);
}

#[test]
fn s1_3_a_walk_knows_how_many_attempts_lie_ahead() {
    let now = Instant::now();
    let mut walk = Walk::new(order(&[None, Some(8_000), Some(8_000), Some(16_000)]), rules(now));
    walk.first(now);
    walk.after(now, now, 0, &failure(ServerError), 0);
    assert_eq!(walk.ahead(), 3);
    walk.after(now, now, 1, &failure(ContextLength), 0);
    assert_eq!(walk.ahead(), 1, "8,000 tokens are too few, so 16,000 is the last");
    let mut few = Walk::new(order(&[None; 4]), Rules { max_attempts: Some(3), ..rules(now) });
    few.first(now);
    few.after(now, now, 0, &failure(ServerError), 0);
    assert_eq!(few.ahead(), 2);
    let mut one = Walk::new(order(&[None]), rules(now));
    one.first(now);
    one.after(now, now, 0, &failure(ServerError), 0);
    assert_eq!(one.ahead(), 0, "a repeat");
}

/// A kept connection was closed on the request.
fn stale() -> Failure {
    Failure { stale: true, ..failure(ServerError) }
}

#[test]
fn s1_7_a_target_is_asked_once_more_on_a_fresh_connection_and_that_is_no_repeat() {
    let now = Instant::now();
    let mut walk = walk(2, rules(now));
    assert_eq!(walk.first(now), Some(0));
    assert_eq!(walk.after(now, now, 0, &stale(), 7), Next::TryFresh { target: 0 });
    assert_eq!(walk.ahead(), 2, "this attempt and the other target");
    let second = Next::Try { target: 1, wait: Duration::ZERO };
    assert_eq!(walk.after(now, now, 0, &stale(), 7), second, "never twice");
    let fresh = Next::TryFresh { target: 1 };
    assert_eq!(walk.after(now, now, 1, &stale(), 7), fresh, "each target has its own connections");
    let next = walk.after(now, now, 1, &failure(Timeout), 7);
    assert!(matches!(next, Next::Try { target: 0, .. }), "its repeat is still to come: {next:?}");
}

#[test]
fn s1_7_a_fresh_connection_counts_as_an_attempt_where_attempts_are_counted() {
    let now = Instant::now();
    let counted = |max| walk(1, Rules { max_attempts: Some(max), ..rules(now) });
    let mut one = counted(1);
    one.first(now);
    assert_eq!(one.after(now, now, 0, &stale(), 7), Next::GiveUp);
    let mut two = counted(2);
    two.first(now);
    assert_eq!(two.after(now, now, 0, &stale(), 7), Next::TryFresh { target: 0 });
    assert_eq!(two.after(now, now, 0, &failure(ServerError), 7), Next::GiveUp, "both are made");
    let mut late = walk(1, rules(now));
    late.first(now);
    let then = now + Duration::from_secs(121);
    assert_eq!(late.after(then, then, 0, &stale(), 7), Next::GiveUp, "none starts after the deadline");
}

#[test]
fn s1_4_a_target_that_is_passed_over_is_no_attempt() {
    let now = Instant::now();
    let mut walk = walk(3, Rules { max_attempts: Some(1), ..rules(now) });
    assert_eq!(walk.first(now), Some(0));
    assert_eq!(walk.pass_over(), Some(1));
    assert_eq!(walk.pass_over(), Some(2));
    assert_eq!(walk.after(now, now, 2, &failure(Overloaded), 7), Next::GiveUp);
    assert_eq!(walk.pass_over(), None);
}
