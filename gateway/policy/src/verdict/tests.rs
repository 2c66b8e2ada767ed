use super::*;
use proptest::prelude::*;
use weir_config::FailureClass::*;

/// The attempt on `target` that failed at `at`; its window is not known.
fn attempted(target: usize, class: FailureClass, at: Instant) -> Attempted {
    Attempted::new(target, None, &Failure::new(class, ""), at)
}

/// Each attempt on a target of its own with this window, all failing now.
fn of_windows(attempts: &[(FailureClass, Option<u64>)]) -> Verdict {
    let now = Instant::now();
    let attempt = |(target, (class, window)): (usize, &(FailureClass, Option<u64>))| Attempted {
        context_window: *window,
        ..attempted(target, *class, now)
    };
    verdict(now, &attempts.iter().enumerate().map(attempt).collect::<Vec<_>>())
}

/// The same where no window is known.
fn of(classes: &[FailureClass]) -> Verdict {
    of_windows(&classes.iter().map(|class| (*class, None)).collect::<Vec<_>>())
}

const NOT_KNOWN: Verdict = Verdict::Unavailable { retry_after: None };

#[test]
fn s1_5_each_class_alone_has_its_answer() {
    let expected = |class| match class {
        RateLimited | Overloaded | ServerError | Garbled => NOT_KNOWN,
        Timeout => Verdict::TimedOut,
        Credential | Billing | Forbidden | ModelMissing | Misdirected => Verdict::Broken,
        TooLarge => Verdict::RequestTooLarge,
        ContextLength | ContentPolicy | CallerFault => Verdict::Caller { attempt: 0 },
    };
    for class in FailureClass::ALL {
        assert_eq!(of(&[class]), expected(class), "{class:?}");
        let twice = match expected(class) {
            Verdict::Caller { .. } => Verdict::Caller { attempt: 1 },
            other => other,
        };
        assert_eq!(of(&[class, class]), twice, "{class:?} twice");
    }
}

#[test]
fn s1_5_nothing_is_final_while_targets_were_not_asked() {
    let now = Instant::now();
    for class in FailureClass::ALL {
        assert_eq!(verdict_of_some(now, &[attempted(0, class, now)]), NOT_KNOWN, "{class:?}");
    }
    let wait = Duration::from_secs(5);
    let recovers = Attempted { retry_after: Some(wait), ..attempted(0, RateLimited, now) };
    assert_eq!(verdict_of_some(now, &[recovers]), Verdict::Unavailable { retry_after: Some(wait) });
}

#[test]
fn s1_5_mixed_failures_are_judged_by_what_may_still_recover() {
    for (classes, expected) in [
        (&[Timeout, ServerError][..], NOT_KNOWN),
        (&[Timeout, Credential], NOT_KNOWN),
        (&[Credential, ModelMissing, Billing, Forbidden], Verdict::Broken),
        (&[Credential, Overloaded], NOT_KNOWN),
        (&[TooLarge, RateLimited], NOT_KNOWN),
        (&[TooLarge, Credential], Verdict::Broken),
        (&[ServerError, CallerFault], Verdict::Caller { attempt: 1 }),
        (&[RateLimited, ContentPolicy], NOT_KNOWN),
        (&[Credential, ContextLength], Verdict::Broken),
        (&[Timeout, ContextLength], NOT_KNOWN),
        (&[ContextLength, Overloaded], NOT_KNOWN),
        (&[ContentPolicy, Timeout], NOT_KNOWN),
        (&[ContextLength, ModelMissing], Verdict::Broken),
        (&[ContextLength, TooLarge], Verdict::RequestTooLarge),
        (&[ContextLength, ContentPolicy], Verdict::Caller { attempt: 1 }),
        (&[], Verdict::NoTargets),
    ] {
        assert_eq!(of(classes), expected, "{classes:?}");
    }
}

#[test]
fn s1_5_a_small_windows_refusal_hides_no_outage_of_a_larger_one() {
    let told = Verdict::Caller { attempt: 1 };
    for (failed, refused, expected) in [
        (Some(128_000), Some(8_000), NOT_KNOWN),
        (None, Some(8_000), NOT_KNOWN),
        (Some(8_000), None, NOT_KNOWN),
        (None, None, NOT_KNOWN),
        (Some(8_000), Some(8_000), told),
        (Some(4_000), Some(8_000), told),
    ] {
        for class in [RateLimited, Overloaded, ServerError, Timeout, Garbled] {
            let attempts = [(class, failed), (ContextLength, refused)];
            assert_eq!(of_windows(&attempts), expected, "{attempts:?}");
        }
    }
    let attempts = [(ServerError, Some(4_000)), (ContextLength, Some(8_000)), (Credential, Some(128_000))];
    assert_eq!(of_windows(&attempts), Verdict::Broken, "only who could take it counts");
}

#[test]
fn s1_5_a_target_that_judged_the_request_at_last_failed_no_other_way() {
    let now = Instant::now();
    let attempts = [attempted(0, ServerError, now), attempted(0, ContextLength, now)];
    assert_eq!(verdict(now, &attempts), Verdict::Caller { attempt: 1 });
    let attempts = [attempted(0, ServerError, now), attempted(0, Credential, now)];
    assert_eq!(verdict(now, &attempts), Verdict::Broken);
}

#[test]
fn s2_9_a_refusal_of_what_the_gateway_put_in_is_never_the_callers() {
    let now = Instant::now();
    for class in [CallerFault, Misdirected] {
        let refused = Attempted { refuses_addition: true, ..attempted(0, class, now) };
        assert_eq!(verdict(now, &[refused]), NOT_KNOWN, "{class:?}: it was not asked again");
        for (then, expected) in [
            (CallerFault, Verdict::Caller { attempt: 1 }),
            (Credential, Verdict::Broken),
            (TooLarge, Verdict::RequestTooLarge),
            (Timeout, NOT_KNOWN),
        ] {
            assert_eq!(verdict(now, &[refused, attempted(0, then, now)]), expected, "{class:?}, {then:?}");
        }
    }
}

fn limited(target: usize, at: Instant, retry_after: impl Into<Option<u64>>) -> Attempted {
    let retry_after = retry_after.into().map(Duration::from_millis);
    Attempted { retry_after, ..attempted(target, RateLimited, at) }
}

fn told(now: Instant, attempts: &[Attempted]) -> Option<Duration> {
    match verdict(now, attempts) {
        Verdict::Unavailable { retry_after } => retry_after,
        other => panic!("{other:?}"),
    }
}

#[test]
fn s1_5_the_first_recovery_counts_from_now() {
    let start = Instant::now();
    let now = start + Duration::from_millis(1_500);
    let attempts = [limited(0, start, 20_000), limited(1, start, 4_000), limited(2, now, None)];
    assert_eq!(told(now, &attempts), Some(Duration::from_millis(2_500)));
}

#[test]
fn s1_5_what_a_target_said_last_outdates_what_it_said_before() {
    let now = Instant::now();
    assert_eq!(told(now, &[limited(0, now, 2_000), limited(0, now, 9_000)]), Some(Duration::from_secs(9)));
    assert_eq!(told(now, &[limited(0, now, 2_000), limited(0, now, None)]), None);
    let timed_out = Attempted { class: Timeout, ..limited(0, now, None) };
    assert_eq!(told(now, &[limited(0, now, 2_000), timed_out]), None);
}

#[test]
fn s1_5_a_recovery_that_sdks_would_pass_over_is_not_told() {
    let now = Instant::now();
    assert_eq!(told(now, &[limited(0, now, 59_000)]), Some(Duration::from_secs(59)));
    assert_eq!(told(now, &[limited(0, now, 59_001)]), None);
    assert_eq!(told(now + Duration::from_millis(1), &[limited(0, now, 59_001)]), Some(LONGEST_WAIT));
    assert_eq!(told(now, &[Attempted { retry_after: Some(Duration::MAX), ..limited(0, now, None) }]), None);
}

#[test]
fn s1_5_a_recovery_that_has_come_meanwhile_is_now() {
    let start = Instant::now();
    assert_eq!(told(start + Duration::from_secs(5), &[limited(0, start, 1_000)]), Some(Duration::ZERO));
}

fn any_attempts() -> impl Strategy<Value = Vec<(usize, FailureClass, Option<u64>, Option<u64>)>> {
    let class = prop::sample::select(FailureClass::ALL.to_vec());
    let window = prop::option::of(prop::sample::select(vec![4_000u64, 8_000, 128_000]));
    prop::collection::vec((0usize..4, class, window, prop::option::of(0u64..90)), 1..8)
}

/// Attempts on four targets, each with one window, as a walk makes them: a CallerFault ends it.
fn made(now: Instant, attempts: &[(usize, FailureClass, Option<u64>, Option<u64>)]) -> Vec<Attempted> {
    let mut made: Vec<Attempted> = Vec::new();
    for &(target, class, window, wait) in attempts {
        let known = made.iter().find(|before| before.target == target);
        let context_window = known.map_or(window, |before| before.context_window);
        let retry_after = wait.map(Duration::from_secs);
        made.push(Attempted { context_window, retry_after, ..attempted(target, class, now) });
        if class == CallerFault {
            break;
        }
    }
    made
}

/// Whether a refusal for length says nothing of this attempt's window.
fn may_hold(attempt: &Attempted, attempts: &[Attempted]) -> bool {
    let too_small = |other: &&Attempted| other.class == ContextLength;
    let largest = attempts.iter().filter(too_small).filter_map(|other| other.context_window).max();
    attempt.context_window.is_none_or(|window| largest.is_none_or(|largest| window > largest))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn s1_5_the_callers_4xx_never_hides_what_failed_otherwise(attempts in any_attempts()) {
        let now = Instant::now();
        let attempts = made(now, &attempts);
        let judges = |attempt: &Attempted| matches!(attempt.class, CallerFault | ContentPolicy | ContextLength);
        let last_of = |target| attempts.iter().rfind(|attempt| attempt.target == target).unwrap();
        let hidden = (0..4).filter(|target| attempts.iter().any(|attempt| attempt.target == *target)).any(|target| {
            let last = last_of(target);
            !judges(last) && may_hold(last, &attempts)
        });
        let ends_with_a_fault = attempts.last().unwrap().class == CallerFault;
        match verdict(now, &attempts) {
            Verdict::Caller { attempt } => {
                prop_assert!(judges(&attempts[attempt]));
                prop_assert!(!hidden || ends_with_a_fault);
            }
            _ => prop_assert!(hidden && !ends_with_a_fault),
        }
    }

    #[test]
    fn s1_5_a_429_says_too_large_and_nothing_else(attempts in any_attempts()) {
        let now = Instant::now();
        let attempts = made(now, &attempts);
        if verdict(now, &attempts) == Verdict::RequestTooLarge {
            prop_assert!(attempts.iter().any(|attempt| attempt.class == TooLarge));
            let recovers = |attempt: &Attempted| matches!(attempt.class, RateLimited | Overloaded | ServerError | Timeout | Garbled);
            let last = |at: usize| attempts[at + 1..].iter().all(|later| later.target != attempts[at].target);
            let passing = (0..attempts.len()).any(|at| last(at) && recovers(&attempts[at]) && may_hold(&attempts[at], &attempts));
            prop_assert!(!passing);
        }
    }

    #[test]
    fn s1_5_only_what_passes_by_itself_or_is_unknown_is_a_503(attempts in any_attempts()) {
        let now = Instant::now();
        let attempts = made(now, &attempts);
        if let Verdict::Unavailable { retry_after } = verdict(now, &attempts) {
            let passing = |attempt: &Attempted| matches!(attempt.class, RateLimited | Overloaded | ServerError | Timeout | Garbled);
            prop_assert!(attempts.iter().any(passing));
            prop_assert!(attempts.iter().any(|attempt| attempt.class != Timeout));
            prop_assert!(retry_after.is_none_or(|wait| wait <= Duration::from_secs(59)));
        }
    }
}
