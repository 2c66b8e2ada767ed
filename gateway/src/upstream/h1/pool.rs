//! The idle connections of one worker: kept, handed out again, and closed in time.
//!
//! Nobody waits for the next request to close what has been idle for too long, or what the upstream has closed: a
//! sweep does, which runs while there is anything to sweep. Until it does, a closed connection holds a descriptor and
//! the server's side of it.

use super::idle::{Idle, Owner};
use super::link::Link;
use crate::clock;
use crate::tasks;
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

/// Idle connections of the process, if it has descriptors for so many; each worker has its share.
const MOST_IDLE: usize = 2048;
/// So many are closed where no descriptor is left: a name may have to be looked up, and several addresses tried.
const ROOM: usize = 8;
/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// The idle connections of one worker, which alone touches them, but for want of descriptors: its lock is always free.
#[derive(Debug)]
pub(crate) struct Pool(Mutex<State>);

#[derive(Debug)]
struct State {
    idle: Idle<Box<Pooled>>,
    sweeping: bool,
}

/// A connection, and where it goes when it is idle.
#[derive(Debug)]
pub(in crate::upstream) struct Pooled {
    pub(in crate::upstream) link: Link,
    pool: Weak<Pool>,
    owner: Weak<()>,
}

impl Pooled {
    /// A connection of `owner`, for `pool`.
    pub(in crate::upstream) fn new(link: Link, pool: &Arc<Pool>, owner: &Owner) -> Box<Self> {
        Box::new(Self { link, pool: Arc::downgrade(pool), owner: Arc::downgrade(owner) })
    }

    /// Keeps it for another exchange.
    pub(super) fn put(self: Box<Self>) {
        let Some(pool) = self.pool.upgrade() else { return };
        let (owner, retire) = (self.owner.clone(), self.link.retire);
        let mut state = pool.lock();
        drop(state.idle.put(&owner, self, clock::now(), retire));
        let begins = state.idle.len() > 0 && !mem::replace(&mut state.sweeping, true);
        drop(state);
        if begins {
            tasks::spawn("sweep of idle connections", sweep(Arc::downgrade(&pool)));
        }
    }
}

impl Pool {
    /// One of `workers` pools, which keep at most `idle` connections all together.
    pub(in crate::upstream) fn new(workers: usize, idle: usize) -> Arc<Self> {
        let idle = Idle::new(MOST_IDLE.min(idle) / workers.max(1));
        Arc::new(Self(Mutex::new(State { idle, sweeping: false })))
    }

    /// A living idle connection of `owner`, if there is one.
    pub(in crate::upstream) async fn take(&self, owner: &Owner, now: Instant) -> Option<Box<Pooled>> {
        poll_fn(|cx| {
            loop {
                let pooled = self.lock().idle.take(owner, now);
                let Some(mut pooled) = pooled else { return Poll::Ready(None) };
                if pooled.link.is_usable(cx) {
                    return Poll::Ready(Some(pooled));
                }
            }
        })
        .await
    }

    /// Closes those that have been idle longest, for their descriptors; whether there were any.
    pub(in crate::upstream) fn make_room(&self) -> bool {
        let mut state = self.lock();
        (0..ROOM).filter_map(|_| state.idle.pop_oldest()).count() > 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections as their time comes, until none is left.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        let ended = poll_fn(|cx| {
            let mut state = pool.lock();
            drop(state.idle.sweep(clock::now(), |pooled| pooled.link.is_usable(cx)));
            state.sweeping = state.idle.len() > 0;
            Poll::Ready(!state.sweeping)
        })
        .await;
        if ended {
            return;
        }
    }
}
