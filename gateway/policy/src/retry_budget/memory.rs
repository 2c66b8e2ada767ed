//! How long the past counts.

use std::time::Duration;

/// How long a request counts, and a burnt token, and a proof.
pub(super) const MEMORY: Duration = Duration::from_secs(10);
/// One more than `MEMORY`, so that a burnt token counts for at least so long.
pub(super) const BUCKETS: usize = 11;
