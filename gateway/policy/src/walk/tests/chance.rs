//! Random walks: whatever the targets do, the promises hold.

use super::*;

/// What a target does with a request: fails so often, each time after some milliseconds, then answers.
#[derive(Debug, Clone)]
struct Script {
    window: Option<u64>,
    failures: Vec<(FailureClass, Option<u64>, u64)>,
}

/// Tokens of every request here.
const LENGTH: u64 = 10_000;

/// All that moves on. ContextLength follows from the windows.
fn class() -> impl Strategy<Value = FailureClass> {
    prop::sample::select(vec![
        RateLimited,
        Overloaded,
        ServerError,
        Timeout,
        Credential,
        Billing,
        Forbidden,
        ModelMissing,
        TooLarge,
        Garbled,
    ])
}

fn script(failures: std::ops::Range<usize>) -> impl Strategy<Value = Script> {
    let window = prop::option::of(1_000u64..30_000);
    let failure = (class(), prop::option::of(0u64..40), 0u64..9_000);
    (window, prop::collection::vec(failure, failures))
        .prop_map(|(window, failures)| Script { window, failures })
}

struct Attempt {
    target: usize,
    started: Instant,
    failure: Option<Failure>,
    failed: Instant,
}

/// Walks until an answer or the end.
fn play(now: Instant, scripts: &[Script], max_attempts: Option<u32>, mut random: u64) -> Vec<Attempt> {
    let windows: Vec<_> = scripts.iter().map(|script| script.window).collect();
    let mut walk = Walk::new(order(&windows), Rules { max_attempts, ..rules(now) });
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut clock = now;
    let mut upcoming = walk.first(now);
    while let Some(target) = upcoming {
        let script = &scripts[target];
        let before = attempts.iter().filter(|attempt| attempt.target == target).count();
        let outcome = if script.window.is_some_and(|window| window < LENGTH) {
            Some((failure(ContextLength), 5))
        } else {
            script.failures.get(before).map(|(class, retry_after, millis)| {
                let retry_after = retry_after.filter(|_| *class == RateLimited).map(Duration::from_secs);
                (Failure { retry_after, ..failure(*class) }, *millis)
            })
        };
        let failed = clock + Duration::from_millis(outcome.as_ref().map_or(0, |(_, millis)| *millis));
        let failure = outcome.map(|(failure, _)| failure);
        attempts.push(Attempt { target, started: clock, failure: failure.clone(), failed });
        let Some(failure) = failure else { break };
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        upcoming = match walk.after(clock, failed, target, &failure, random) {
            Next::Try { target, wait } => {
                clock = failed + wait;
                Some(target)
            }
            Next::TryPlain { .. } | Next::TryFresh { .. } | Next::GiveUp => None,
        };
    }
    attempts
}

fn answered(attempts: &[Attempt]) -> bool {
    attempts.last().is_some_and(|attempt| attempt.failure.is_none())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn s1_2_a_healthy_permitted_target_is_always_reached(
        mut scripts in prop::collection::vec(script(1..4), 0..5),
        at in any::<prop::sample::Index>(),
        window in prop::option::of(LENGTH..30_000),
        explicit in any::<bool>(),
        random in any::<u64>(),
    ) {
        scripts.insert(at.index(scripts.len() + 1), Script { window, failures: Vec::new() });
        let max_attempts = explicit.then_some(scripts.len() as u32);
        prop_assert!(answered(&play(Instant::now(), &scripts, max_attempts, random)));
    }

    #[test]
    fn s1_2_a_target_whose_limit_passes_in_time_is_waited_for(
        mut scripts in prop::collection::vec(script(4..5), 0..5),
        at in any::<prop::sample::Index>(),
        seconds in 0u64..15,
        random in any::<u64>(),
    ) {
        // The others never recover by themselves and fail at once, so only the deadline could end it.
        for failure in scripts.iter_mut().flat_map(|script| &mut script.failures) {
            *failure = (Timeout, None, 0);
        }
        let limited = Script { window: None, failures: vec![(RateLimited, Some(seconds), 0); 2] };
        scripts.insert(at.index(scripts.len() + 1), limited);
        prop_assert!(answered(&play(Instant::now(), &scripts, None, random)));
    }

    #[test]
    fn s1_4_a_walk_ends_in_bounds_and_never_asks_in_vain(
        scripts in prop::collection::vec(script(0..12), 1..9),
        max_attempts in prop::option::of(1u32..12),
        random in any::<u64>(),
    ) {
        let now = Instant::now();
        let attempts = play(now, &scripts, max_attempts, random);
        let targets = scripts.len().min(5);
        prop_assert!(attempts.len() <= max_attempts.map_or(targets + 2, |max| max as usize));
        let mut ran = Duration::ZERO;
        for (at, attempt) in attempts.iter().enumerate() {
            prop_assert!(attempt.started <= rules(now).deadline + ran);
            ran += attempt.failed - attempt.started;
            let same = |other: &&Attempt| other.target == attempt.target;
            let Some(before) = attempts[..at].iter().rev().find(same) else { continue };
            let failure = before.failure.as_ref().unwrap();
            prop_assert!(matches!(failure.class, RateLimited | Overloaded | ServerError));
            let pause = attempt.started - before.failed;
            prop_assert!(failure.retry_after.is_none_or(|wait| pause >= wait));
        }
    }

    #[test]
    fn s1_4_who_runs_long_costs_no_other_target_its_attempt(
        slow in prop::collection::vec(1u64..2_000, 0..5),
        random in any::<u64>(),
    ) {
        // Each runs until its own total time is over, up to half an hour.
        let mut scripts: Vec<Script> = slow
            .iter()
            .map(|seconds| Script { window: None, failures: vec![(Timeout, None, seconds * 1_000)] })
            .collect();
        scripts.truncate(4);
        scripts.push(Script { window: None, failures: Vec::new() });
        prop_assert!(answered(&play(Instant::now(), &scripts, None, random)));
    }
}
