//! One byte budget for everything that requests hold (semantics S9.3): bodies as they arrive, answers until they are
//! taken, and what an open stream may have in our buffers.
//!
//! One number says what is free. Who takes from it must leave some of it to others: a large body six sixteenths of the
//! budget, a large answer three, a stream one, a small request nothing. So a small request always has room that nothing
//! large can take. And nobody who waits holds room for later: a waiting large body stands in no small one's way.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A request that holds no more than this is small.
pub(crate) const SMALL: u64 = 64 << 10;
/// What an open stream may hold in our buffers: two pieces on their way to the caller, of up to 12 KiB each, and what
/// has been read of the upstream.
pub(crate) const STREAM: u64 = 32 << 10;
/// How long a share is waited for.
const WAIT: Duration = Duration::from_secs(1);
/// Shares are multiples of so many bytes: the least that a request holds is a connection's read buffer.
const PAGE: u64 = 8 << 10;
/// So many large bodies wait at most: what they hold meanwhile is not counted.
const MOST_WAITING: usize = 64;

/// Who asks for a share: it decides what must be left to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// All that the request holds is small.
    Small,
    /// A stream under way.
    Stream,
    /// A large answer: an upstream was paid for it.
    Answer,
    /// A large body.
    Body,
}

/// The budget.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    all: u64,
    free: AtomicU64,
    small: Queue,
    large: Queue,
}

/// Those who wait for room.
#[derive(Debug, Default)]
struct Queue {
    waiting: AtomicUsize,
    freed: Notify,
}

/// A share of the budget; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Shared>,
    bytes: u64,
}

/// The budget stayed spent.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl MemoryBudget {
    /// A budget of `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        let all = bytes.max(PAGE);
        let (small, large) = Default::default();
        Self(Arc::new(Shared { all, free: AtomicU64::new(all), small, large }))
    }

    /// Half of what the machine or the control group allows.
    pub(crate) fn default_bytes() -> u64 {
        let limit = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
            .into_iter()
            .find_map(|path| read_number(Path::new(path)));
        let machine = machine_bytes().unwrap_or(1 << 30);
        limit.unwrap_or(machine).min(machine) / 2
    }

    /// A share of nothing yet.
    pub(crate) fn share(&self) -> Held {
        Held { budget: Arc::clone(&self.0), bytes: 0 }
    }
}

impl Held {
    /// Makes it a share of `bytes`, if it is smaller, and waits at most a second for room. What it covers already it
    /// keeps in any case.
    pub(crate) async fn grow(&mut self, bytes: u64, class: Class) -> Result<(), Exhausted> {
        match self.try_grow(bytes, class) {
            Ok(()) => Ok(()),
            // Boxed: nearly nobody waits.
            Err(Exhausted) => Box::pin(self.wait_to_grow(bytes, class)).await,
        }
    }

    /// The same without waiting.
    pub(crate) fn try_grow(&mut self, bytes: u64, class: Class) -> Result<(), Exhausted> {
        let pages = bytes.div_ceil(PAGE) * PAGE;
        self.budget.take(pages.saturating_sub(self.bytes), class)?;
        self.bytes = self.bytes.max(pages);
        Ok(())
    }

    async fn wait_to_grow(&mut self, bytes: u64, class: Class) -> Result<(), Exhausted> {
        let budget = Arc::clone(&self.budget);
        let queue = budget.queue(class);
        let waiting = queue.join(class)?;
        let granted = tokio::time::timeout(WAIT, async {
            loop {
                let freed = queue.freed.notified(); // before the look: what is freed in between wakes it
                if self.try_grow(bytes, class).is_ok() {
                    return;
                }
                freed.await;
            }
        })
        .await;
        drop(waiting);
        if granted.is_ok() {
            budget.wake_next(); // there may be room for more than one
        }
        granted.map_err(|_| Exhausted)
    }

    /// Makes it a share of `bytes`, if it is larger.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        let pages = bytes.div_ceil(PAGE) * PAGE;
        let excess = self.bytes.saturating_sub(pages);
        self.bytes -= excess;
        self.budget.give_back(excess);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

impl Shared {
    /// What `class` must leave to others.
    fn left_to_others(&self, class: Class) -> u64 {
        match class {
            Class::Small => 0,
            Class::Stream => self.all / 16,
            Class::Answer => self.all / 16 * 3,
            Class::Body => self.all / 16 * 6,
        }
    }

    fn take(&self, bytes: u64, class: Class) -> Result<(), Exhausted> {
        if bytes == 0 {
            return Ok(());
        }
        let least = self.left_to_others(class);
        let taken = |free: u64| free.checked_sub(bytes).filter(|left| *left >= least);
        // Sequentially consistent, as in `give_back`: either who waits sees the room, or who gives sees who waits.
        let taken = self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken);
        taken.map(drop).map_err(|_| Exhausted)
    }

    fn give_back(&self, bytes: u64) {
        if bytes > 0 {
            self.free.fetch_add(bytes, Ordering::SeqCst);
            self.wake_next();
        }
    }

    fn queue(&self, class: Class) -> &Queue {
        match class {
            Class::Small | Class::Stream => &self.small,
            Class::Answer | Class::Body => &self.large,
        }
    }

    /// Wakes the one that has waited longest, small ones first. It wakes the next if it finds room.
    fn wake_next(&self) {
        let someone = [&self.small, &self.large].into_iter().find(|queue| queue.waiting() > 0);
        if let Some(queue) = someone {
            queue.freed.notify_one();
        }
    }
}

impl Queue {
    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    fn join(&self, class: Class) -> Result<Waiting<'_>, Exhausted> {
        let waiting = Waiting(self);
        let before = self.waiting.fetch_add(1, Ordering::SeqCst);
        if class == Class::Body && before >= MOST_WAITING { Err(Exhausted) } else { Ok(waiting) }
    }
}

/// A place in a queue.
struct Waiting<'a>(&'a Queue);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
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
mod tests;
