//! Waiting for a condition, never for a time: each wait has a deadline and says what it waited for.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// Asks `answer` until it gives something.
///
/// # Errors
/// `answer`'s own, at once; or `limit` has passed, and then `what` was waited for in vain.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut answer: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = answer().await? {
            return Ok(found);
        }
        if begun.elapsed() > limit {
            bail!("waited {limit:?} in vain: {what}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_what_it_found() {
        let mut left = 3;
        let found = until("three looks", Duration::from_secs(60), async || {
            left -= 1;
            Ok((left == 0).then_some("found"))
        });
        assert_eq!(found.await.unwrap(), "found");
    }

    #[tokio::test]
    async fn a_wait_in_vain_says_for_what() {
        let limit = Duration::from_millis(30);
        let error = until("the moon", limit, async || Ok(None::<()>)).await.unwrap_err();
        assert_eq!(error.to_string(), "waited 30ms in vain: the moon");
    }
}
