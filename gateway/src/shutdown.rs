//! The end of a process in steps (semantics S9.1): readiness off, accept on for a while, finish what runs, cut
//! what still does.

use std::sync::atomic::{AtomicBool, Ordering};
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

/// The phase, and who waits for the next.
#[derive(Debug)]
pub(crate) struct Shutdown {
    phase: watch::Sender<Phase>,
    /// Read by every answer: cheaper than the phase itself.
    leaving: AtomicBool,
    /// Read by every answer each time it is polled.
    cut: AtomicBool,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            phase: watch::Sender::new(Phase::Serving),
            leaving: AtomicBool::new(false),
            cut: AtomicBool::new(false),
        }
    }
}

impl Shutdown {
    /// Goes on to `phase`, unless that has passed already.
    pub(crate) fn advance(&self, phase: Phase) {
        if phase >= Phase::Leaving {
            self.leaving.store(true, Ordering::Release);
        }
        if phase >= Phase::Cut {
            self.cut.store(true, Ordering::Release);
        }
        self.phase.send_if_modified(|current| {
            let later = phase > *current;
            *current = phase.max(*current);
            later
        });
    }

    /// Whether the end has begun.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Whether running answers must end now.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// To be told of the phases.
    pub(crate) fn watch(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

/// Waits until `phase` has come.
pub(crate) async fn reached(watch: &mut watch::Receiver<Phase>, phase: Phase) {
    // An error means that the gateway is gone: every phase has passed.
    drop(watch.wait_for(|current| *current >= phase).await);
}
