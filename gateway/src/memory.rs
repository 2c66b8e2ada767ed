//! One byte budget for all bodies that are held (semantics S9.3). A body takes its share as it comes; whoever
//! finds the budget spent waits a second for others to finish, then is turned away.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a body waits for its share.
const WAIT: Duration = Duration::from_secs(1);
/// The budget is counted in pages of this many bytes.
const PAGE: u64 = 4096;

/// The budget.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget(Arc<Semaphore>);

/// A share of the budget; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Held(OwnedSemaphorePermit);

/// The budget stayed spent.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl MemoryBudget {
    /// A budget of `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        let pages = usize::try_from(bytes / PAGE).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(pages)))
    }

    /// Half of what the machine or the control group allows.
    pub(crate) fn default_bytes() -> u64 {
        let limit = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
            .into_iter()
            .find_map(|path| read_number(Path::new(path)));
        let machine = machine_bytes().unwrap_or(1 << 30);
        limit.unwrap_or(machine).min(machine) / 2
    }

    /// Takes a share of `bytes`, waiting at most a second. A share larger than the whole budget is refused.
    pub(crate) async fn hold(&self, bytes: u64) -> Result<Held, Exhausted> {
        let pages = u32::try_from(bytes.div_ceil(PAGE)).map_err(|_| Exhausted)?;
        if let Ok(permit) = Arc::clone(&self.0).try_acquire_many_owned(pages) {
            return Ok(Held(permit));
        }
        match tokio::time::timeout(WAIT, Arc::clone(&self.0).acquire_many_owned(pages)).await {
            Ok(Ok(permit)) => Ok(Held(permit)),
            _ => Err(Exhausted),
        }
    }
}

impl Held {
    /// Makes one share of two.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Gives the share back before its holder ends.
    pub(crate) fn give_back(&mut self) {
        drop(self.0.split(self.0.num_permits()));
    }

    /// How many bytes the share covers.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.num_permits() as u64 * PAGE
    }
}

fn read_number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn machine_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn s9_3_a_spent_budget_turns_away_after_a_second() {
        let budget = MemoryBudget::new(64 * 1024);
        let held = budget.hold(60 * 1024).await.unwrap();
        let began = tokio::time::Instant::now();
        assert!(budget.hold(8 * 1024).await.is_err());
        assert_eq!(began.elapsed(), WAIT);
        let waits = budget.hold(8 * 1024);
        let gives_back = async {
            tokio::task::yield_now().await;
            drop(held);
        };
        let (given, ()) = tokio::join!(waits, gives_back);
        assert!(given.is_ok(), "what others give back goes to who waits");
    }
}
