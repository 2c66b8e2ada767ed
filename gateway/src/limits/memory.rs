//! One byte budget for everything that requests hold (semantics S9.3): bodies as they arrive, answers until they are
//! taken, and what an open stream may have in our buffers.
//!
//! One number says what is free. Who takes from it must leave some of it to others: a large body six sixteenths of the
//! budget, a large answer three, a stream one, a small request nothing. So a small request always has room that nothing
//! large can take. And nobody who waits holds room for later: a waiting large body stands in no small one's way.
//!
//! What is given back is offered to those who wait: first to those who must leave least to others. Who finds too little
//! for itself passes it on, for a few steps, so that nobody sleeps out its second beside room that would do.

mod allowed;

use allowed::allowed_bytes;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A larger head counts in the memory budget. A smaller one is in what every request is counted with.
pub(crate) const LARGE_HEAD: usize = 8 << 10;
/// A request that holds no more than this is small.
pub(crate) const SMALL: u64 = 64 << 10;
/// What an open stream mostly holds in our buffers: two pieces on their way to the caller, of up to 12 KiB each, and what
/// has been read of the upstream. Larger pieces, and events that are held until they are complete, count beside it.
pub(crate) const STREAM: u64 = 32 << 10;
/// How long a share is waited for.
const WAIT: Duration = Duration::from_secs(1);
/// Shares are multiples of so many bytes: the least that a request holds is a connection's read buffer.
const PAGE: u64 = 8 << 10;
/// So many large bodies wait at most: what they hold meanwhile is not counted.
const MOST_WAITING: usize = 64;
/// So many of a class are offered the same room.
const MOST_OFFERS: usize = 8;

/// Who asks for a share: it decides what must be left to others. In the order of that: where the first find no room,
/// those behind may, because what they ask for beside it is less.
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
    /// One for each class, in their order.
    queues: [Queue; 4],
}

/// Those who wait for room.
#[derive(Debug, Default)]
struct Queue {
    waiting: AtomicUsize,
    freed: Notify,
    /// To so many more the room is offered that came last.
    offers: AtomicUsize,
}

/// A share of the budget; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
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
        Self(Arc::new(Shared { all, free: AtomicU64::new(all), queues: Default::default() }))
    }

    /// Half of what the machine and the control groups around this process allow.
    pub(crate) fn default_bytes() -> u64 {
        allowed_bytes() / 2
    }

    /// A share of nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { budget: Arc::clone(&self.0), bytes: 0 }
    }
}

impl Share {
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
        let _waiting = budget.join(class)?;
        let freed = &budget.queue(class).freed;
        let granted = tokio::time::timeout(WAIT, async {
            let mut is_offered = false;
            loop {
                let mut offer = pin!(freed.notified());
                is_offered |= offer.as_mut().enable(); // before the look: what is freed in between wakes it
                if self.try_grow(bytes, class).is_ok() {
                    return;
                }
                if is_offered {
                    budget.pass_on(class);
                }
                offer.await;
                is_offered = true;
            }
        });
        granted.await.map_err(|_| Exhausted)
    }

    /// Makes it a share of `bytes`, smaller or, where there is room, larger.
    pub(crate) fn resize(&mut self, bytes: u64, class: Class) -> Result<(), Exhausted> {
        self.shrink(bytes);
        self.try_grow(bytes, class)
    }

    /// Makes it a share of `bytes`, if it is larger.
    pub(crate) fn shrink(&mut self, bytes: u64) {
        let pages = bytes.div_ceil(PAGE) * PAGE;
        let excess = self.bytes.saturating_sub(pages);
        self.bytes -= excess;
        self.budget.give_back(excess);
    }
}

impl Drop for Share {
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
        let [small, stream, answer, body] = &self.queues;
        match class {
            Class::Small => small,
            Class::Stream => stream,
            Class::Answer => answer,
            Class::Body => body,
        }
    }

    /// Offers room to the one that has waited longest, of the first class of which anybody waits.
    fn wake_next(&self) {
        offer(&self.queues);
    }

    /// One of `class` has found too little for itself: perhaps it does for another one, but not for those before it.
    fn pass_on(&self, class: Class) {
        if !self.queue(class).offer_again() {
            offer(self.queues.get(class as usize + 1..).unwrap_or_default());
        }
    }

    fn join(&self, class: Class) -> Result<Waiting<'_>, Exhausted> {
        let waiting = Waiting { budget: self, class };
        let before = self.queue(class).waiting.fetch_add(1, Ordering::SeqCst);
        if class == Class::Body && before >= MOST_WAITING { Err(Exhausted) } else { Ok(waiting) }
    }
}

/// Offers room in the first of `queues` in which anybody waits.
fn offer(queues: &[Queue]) {
    if let Some(queue) = queues.iter().find(|queue| queue.waiting() > 0) {
        queue.offers.store(queue.waiting().min(MOST_OFFERS), Ordering::Relaxed);
        queue.offer_again();
    }
}

impl Queue {
    fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Offers the room that came last to one more, if not enough were asked already.
    fn offer_again(&self) -> bool {
        let fewer = |offers: usize| offers.checked_sub(1);
        let is_left = self.offers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok();
        if is_left {
            self.freed.notify_one();
        }
        is_left
    }
}

/// A place in a queue. Who leaves it, whatever for, lets the next look: there may be room for more than one.
struct Waiting<'a> {
    budget: &'a Shared,
    class: Class,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.budget.queue(self.class).waiting.fetch_sub(1, Ordering::SeqCst);
        self.budget.wake_next();
    }
}

#[cfg(test)]
mod tests;
