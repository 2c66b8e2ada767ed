use super::*;
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

fn limit(limit: u32) -> NonZeroU32 {
    NonZeroU32::new(limit).unwrap()
}

/// Every admission, kept for ever: slow and plainly right.
#[derive(Default)]
struct Admissions(Vec<Instant>);

impl Admissions {
    /// How many in the `span` that ends at `now`, both ends included.
    fn within(&self, span: Duration, now: Instant) -> usize {
        self.0.iter().filter(|at| now.saturating_duration_since(**at) <= span).count()
    }
}

/// Steps of a clock in milliseconds: mostly small, sometimes right at a boundary, sometimes a long rest.
fn steps() -> impl Strategy<Value = Vec<u64>> {
    let step = prop_oneof![
        6 => 0u64..1_500,
        3 => 0u64..20,
        2 => prop::sample::select(vec![999, 1_000, 1_001, 59_999, 60_000, 60_001, 61_000]),
        1 => 20_000u64..200_000,
    ];
    prop::collection::vec(step, 1..300)
}

proptest! {
    #[test]
    fn s3_1_no_sixty_seconds_admit_more_than_the_limit(steps in steps(), max in 1u32..40) {
        let mut now = Instant::now();
        let mut window = MinuteWindow::new(now);
        let mut admissions = Admissions::default();
        for step in steps {
            now += Duration::from_millis(step);
            if window.admit(now, limit(max)).is_ok() {
                admissions.0.push(now);
                // The fullest 60 seconds that end here; those that end between admissions hold no more.
                prop_assert!(admissions.within(MINUTE, now) <= max as usize);
            }
        }
    }

    #[test]
    fn s3_1_nothing_is_refused_while_a_minute_and_a_second_hold_less(steps in steps(), max in 1u32..40) {
        let mut now = Instant::now();
        let mut window = MinuteWindow::new(now);
        let mut admissions = Admissions::default();
        for step in steps {
            now += Duration::from_millis(step);
            match window.admit(now, limit(max)) {
                Ok(_) => admissions.0.push(now),
                Err(_) => prop_assert!(admissions.within(MINUTE + SECOND, now) >= max as usize),
            }
        }
    }

    #[test]
    fn s3_5_a_refusal_names_the_moment_and_not_a_nanosecond_earlier(steps in steps(), max in 1u32..40) {
        let mut now = Instant::now();
        let mut window = MinuteWindow::new(now);
        for step in steps {
            now += Duration::from_millis(step);
            let Err(full) = window.admit(now, limit(max)) else { continue };
            prop_assert!(full.retry_after > Duration::ZERO && full.retry_after <= MINUTE + SECOND);
            prop_assert!(window.peek(now + full.retry_after - NANO, limit(max)).is_err());
            prop_assert!(window.clone().admit(now + full.retry_after - NANO, limit(max)).is_err());
            prop_assert!(window.clone().admit(now + full.retry_after, limit(max)).is_ok());
        }
    }

    #[test]
    fn s3_5_the_reset_is_when_the_whole_limit_is_there_again(steps in steps(), max in 1u32..40) {
        let mut now = Instant::now();
        let mut window = MinuteWindow::new(now);
        for step in steps {
            now += Duration::from_millis(step);
            let reset_after = match window.admit(now, limit(max)) {
                Ok(room) => room.reset_after,
                Err(full) => full.reset_after,
            };
            let before = window.peek(now + reset_after - NANO, limit(max));
            prop_assert!(before.is_err() || before.is_ok_and(|room| room.remaining < max));
            let at = window.peek(now + reset_after, limit(max)).unwrap();
            prop_assert_eq!(at, Room { remaining: max, reset_after: Duration::ZERO });
        }
    }

    #[test]
    fn s3_1_a_limit_that_changes_forgets_nothing(
        steps in prop::collection::vec((0u64..3_000, 1u32..40), 1..300),
    ) {
        let mut now = Instant::now();
        let mut window = MinuteWindow::new(now);
        let mut admissions = Admissions::default();
        for (step, max) in steps {
            now += Duration::from_millis(step);
            match window.admit(now, limit(max)) {
                Ok(room) => {
                    admissions.0.push(now);
                    prop_assert!(admissions.within(MINUTE, now) <= max as usize);
                    prop_assert!(room.remaining < max);
                }
                Err(full) => {
                    prop_assert!(admissions.within(MINUTE + SECOND, now) >= max as usize);
                    prop_assert!(window.clone().admit(now + full.retry_after - NANO, limit(max)).is_err());
                    prop_assert!(window.clone().admit(now + full.retry_after, limit(max)).is_ok());
                }
            }
        }
    }

    #[test]
    fn s3_1_time_that_steps_back_counts_as_the_latest_seen(
        steps in prop::collection::vec(-3_000i64..3_000, 1..300),
        max in 1u32..40,
    ) {
        let start = Instant::now();
        let mut window = MinuteWindow::new(start);
        let mut admissions = Admissions::default();
        let (mut clock, mut latest) = (0i64, 0i64);
        for step in steps {
            clock = (clock + step).max(0);
            latest = latest.max(clock);
            let seen = start + Duration::from_millis(latest as u64);
            if window.admit(start + Duration::from_millis(clock as u64), limit(max)).is_ok() {
                admissions.0.push(seen);
                prop_assert!(admissions.within(MINUTE, seen) <= max as usize);
            } else {
                prop_assert!(admissions.within(MINUTE + SECOND, seen) >= max as usize);
            }
        }
    }

    #[test]
    fn a_place_that_is_taken_is_an_admission_and_a_dropped_one_is_nothing(steps in steps(), max in 1u32..40) {
        let mut now = Instant::now();
        let (mut whole, mut phased) = (MinuteWindow::new(now), MinuteWindow::new(now));
        for step in steps {
            now += Duration::from_millis(step);
            let peeked = phased.peek(now, limit(max));
            let dropped = phased.check(now, limit(max)).map(drop);
            let taken = phased.check(now, limit(max)).map(Place::take);
            prop_assert_eq!(taken, whole.admit(now, limit(max)));
            prop_assert_eq!(dropped, taken.map(drop));
            prop_assert_eq!(peeked.map(|room| room.remaining - 1), taken.map(|room| room.remaining));
        }
    }
}

#[test]
fn s3_2_two_scopes_are_taken_together_or_not_at_all() {
    let now = Instant::now();
    let (mut key, mut tenant) = (MinuteWindow::new(now), MinuteWindow::new(now));
    tenant.admit(now, limit(1)).unwrap();
    {
        let places = [key.check(now, limit(5)), tenant.check(now, limit(1))];
        assert!(places[0].is_ok() && places[1].is_err());
    }
    assert_eq!(
        key.peek(now, limit(5)).unwrap().remaining,
        5,
        "the key has nothing to pay for the tenant's no"
    );
}

#[test]
fn s3_5_remaining_counts_down_to_zero_and_then_it_is_full() {
    let now = Instant::now();
    let mut window = MinuteWindow::new(now);
    let remaining: Vec<u32> = (0..3).map(|_| window.admit(now, limit(3)).unwrap().remaining).collect();
    assert_eq!(remaining, [2, 1, 0]);
    let full = window.admit(now + Duration::from_millis(500), limit(3)).unwrap_err();
    assert_eq!(full.retry_after, Duration::from_millis(60_500));
    assert_eq!(full.reset_after, Duration::from_millis(60_500));
}

#[test]
fn a_limit_of_the_largest_number_and_a_rest_of_years_are_nothing_special() {
    let now = Instant::now();
    let mut window = MinuteWindow::new(now);
    assert_eq!(window.admit(now, NonZeroU32::MAX).unwrap().remaining, u32::MAX - 1);
    let later = now + Duration::from_secs(20 * 365 * 86_400);
    assert_eq!(window.admit(later, limit(1)).unwrap().remaining, 0);
    assert!(window.admit(later, limit(1)).is_err());
}

#[test]
fn a_window_is_small() {
    assert!(size_of::<MinuteWindow>() <= 288);
}
