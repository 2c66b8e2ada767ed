//! What time it is. All of the gateway's time comes from here: from the runtime's clock, which a test may pause.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use weir_config::UnixSeconds;

/// For whatever is measured and waited for.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The wall clock, for what is told.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// The wall clock, for what is configured as a date.
pub(crate) fn today() -> UnixSeconds {
    seconds(wall())
}

/// `at` in whole seconds since 1970.
pub(crate) fn seconds(at: SystemTime) -> UnixSeconds {
    UnixSeconds(i64::try_from(since_1970(at).as_secs()).unwrap_or(i64::MAX))
}

/// How long after 1970 `at` is; zero before it.
pub(crate) fn since_1970(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How long it is since `at`.
pub(crate) fn since(at: Instant) -> Duration {
    now().saturating_duration_since(at)
}
