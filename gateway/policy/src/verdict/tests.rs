use super::*;
use proptest::prelude::*;
use weir_config::FailureClass::*;

/// Each attempt on a target of its own, all failing at `now`.
fn attempts(now: Instant, classes: &[FailureClass]) -> Vec<Attempted> {
    let attempt = |(target, class): (usize, &FailureClass)| Attempted {
        target,
        class: *class,
        retry_after: None,
        at: now,
    };
    classes.iter().enumerate().map(attempt).collect()
}

fn of(classes: &[FailureClass]) -> Verdict {
    let now = Instant::now();
    verdict(now, &attempts(now, classes))
}

const NOT_KNOWN: Verdict = Verdict::Unavailable { retry_after: None };

#[test]
fn s1_5_each_class_alone_has_its_answer() {
    let expected = |class| match class {
        RateLimited | Overloaded | ServerError | Garbled => NOT_KNOWN,
        Timeout => Verdict::TimedOut,
        Credential | Billing | Forbidden | ModelMissing | Misdirected => Verdict::Broken,
        TooLarge => Verdict::RequestTooLarge,
        ContextLength | ContentPolicy | CallerFault => Verdict::Caller,
    };
    for class in FailureClass::ALL {
        assert_eq!(of(&[class]), expected(class), "{class:?}");
        assert_eq!(of(&[class, class]), expected(class), "{class:?} twice");
    }
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
        (&[ServerError, CallerFault], Verdict::Caller),
        (&[RateLimited, ContentPolicy], Verdict::Caller),
        (&[Credential, ContextLength], Verdict::Caller),
        (&[ContextLength, Overloaded], NOT_KNOWN),
        (&[ContentPolicy, Timeout], NOT_KNOWN),
        (&[ContextLength, ModelMissing], Verdict::Broken),
        (&[], Verdict::NoTargets),
    ] {
        assert_eq!(of(classes), expected, "{classes:?}");
    }
}

fn limited(target: usize, at: Instant, retry_after: impl Into<Option<u64>>) -> Attempted {
    let retry_after = retry_after.into().map(Duration::from_millis);
    Attempted { target, class: RateLimited, retry_after, at }
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
fn s1_5_a_recovery_beyond_sixty_seconds_is_not_told() {
    let now = Instant::now();
    assert_eq!(told(now, &[limited(0, now, 60_000)]), Some(Duration::from_secs(60)));
    assert_eq!(told(now, &[limited(0, now, 60_001)]), None);
    assert_eq!(told(now + Duration::from_millis(1), &[limited(0, now, 60_001)]), Some(FORESEEABLE));
    assert_eq!(told(now, &[Attempted { retry_after: Some(Duration::MAX), ..limited(0, now, None) }]), None);
}

#[test]
fn s1_5_a_recovery_that_has_come_meanwhile_is_now() {
    let start = Instant::now();
    assert_eq!(told(start + Duration::from_secs(5), &[limited(0, start, 1_000)]), Some(Duration::ZERO));
}

proptest! {
    #[test]
    fn s1_5_a_429_says_too_large_and_nothing_else(
        classes in prop::collection::vec(prop::sample::select(FailureClass::ALL.to_vec()), 1..6),
    ) {
        let too_large = of(&classes) == Verdict::RequestTooLarge;
        let others_moved_on = classes.iter().all(|class| matches!(class, TooLarge | ContextLength | ContentPolicy | CallerFault));
        prop_assert_eq!(too_large, others_moved_on && classes.last() == Some(&TooLarge));
    }

    #[test]
    fn s1_5_only_what_passes_by_itself_or_is_unknown_is_a_503(
        classes in prop::collection::vec(prop::sample::select(FailureClass::ALL.to_vec()), 1..6),
    ) {
        if of(&classes) == NOT_KNOWN {
            let passing = |class: &FailureClass| matches!(class, RateLimited | Overloaded | ServerError | Timeout | Garbled);
            prop_assert!(classes.iter().any(passing));
            prop_assert!(classes.iter().any(|class| *class != Timeout));
        }
    }
}
