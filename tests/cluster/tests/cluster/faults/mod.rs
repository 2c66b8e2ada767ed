//! Faults: what a cluster does to operators and gateways on a bad day, and that the end is the same as on a calm one.
//!
//! Each test takes one kind of harm and compares with [`story`] told calmly: statuses, what is published, keys. All
//! the while callers ask, and none of them may notice.

mod away;
mod calm;
mod end;
mod kill;
mod refused;
mod scene;
mod story;
mod taken;
mod torn;
mod traffic;
mod two;
mod watches;

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// How often is looked: seldom enough that many tests at once leave the API server some time for the operator.
const EVERY: Duration = Duration::from_millis(50);

/// Asks `answer` until it gives something; what fails meanwhile is asked again, and told if it comes to nothing.
async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut answer: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < limit {
        match answer().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => last = None,
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(EVERY).await;
    }
    let last = last.map(|error| format!("; {error:#}")).unwrap_or_default();
    bail!("waited {limit:?} in vain: {what}{last}")
}
