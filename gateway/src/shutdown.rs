//! The end of a process in steps (semantics S9.1): readiness off, accept on for a while, finish what runs, cut
//! what still does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::sync::watch;

/// How far the end has come. Steps only go forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Serving.
    Serving,
    /// Not ready any more, still accepting: load balancers need time to notice.
    Leaving,
    /// Accepting no more; running answers finish, kept connections close after theirs.
    Draining,
    /// Running answers end now, with an error in their own format.
    Cut,
    /// Everything is dropped.
    Ended,
}

/// The phase, and who is to be told of the next.
#[derive(Debug)]
pub(crate) struct Shutdown {
    phase: watch::Sender<Phase>,
    /// The same, for those who look each time they are polled: cheaper than the channel.
    current: AtomicU8,
    connections: Mutex<HashMap<u64, Waker>>,
    next_connection: AtomicU64,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Serving),
            current: AtomicU8::new(Phase::Serving as u8),
            connections: Mutex::default(),
            next_connection: AtomicU64::new(0),
        }
    }
}

/// A connection's task, woken at each phase until this is dropped.
#[derive(Debug)]
pub(crate) struct Woken<'a> {
    shutdown: &'a Shutdown,
    id: u64,
}

impl Drop for Woken<'_> {
    fn drop(&mut self) {
        self.shutdown.connections().remove(&self.id);
    }
}

impl Shutdown {
    /// Goes on to `phase`, unless that has passed already.
    pub(crate) fn advance(&self, phase: Phase) {
        self.current.fetch_max(phase as u8, Ordering::AcqRel);
        self.phase.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
        self.connections().values().for_each(Waker::wake_by_ref);
    }

    /// Whether `phase` has come.
    pub(crate) fn is(&self, phase: Phase) -> bool {
        self.current.load(Ordering::Acquire) >= phase as u8
    }

    /// Whether the end has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.is(Phase::Leaving)
    }

    /// Whether running answers must end now.
    pub(crate) fn is_cut(&self) -> bool {
        self.is(Phase::Cut)
    }

    /// To be told of the phases.
    pub(crate) fn watch(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Has `waker` woken at each phase from now on.
    pub(crate) fn wake(&self, waker: Waker) -> Woken<'_> {
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        self.connections().insert(id, waker);
        Woken { shutdown: self, id }
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Waker>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until `phase` has come.
pub(crate) async fn reached(watch: &mut watch::Receiver<Phase>, phase: Phase) {
    // An error means that the gateway is gone: every phase has passed.
    drop(watch.wait_for(|current| *current >= phase).await);
}
