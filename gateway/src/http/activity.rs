//! What a caller's connection is doing, known to its socket and its requests: which timer rules (semantics S9.4).

use crate::clock;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What a connection is doing. A request's body is read while the connection is busy, so that it is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// A request's head is to come, or more of it; on HTTP/2 the first request of all.
    Head { since: Instant },
    /// Requests are being received or answered.
    Busy { requests: NonZeroUsize },
    /// Its requests have been answered, and no other has begun.
    Kept { since: Instant },
}

/// What a connection is doing. All that touches it runs on one worker; the lock is never waited for.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    doing: Mutex<Doing>,
    /// The status that hyper wanted to refuse a head with; 0: none.
    refused: AtomicU16,
    /// An answer that ends with its connection broke off: an end in order would make it look whole.
    broke_off: AtomicBool,
}

/// A request is being received or answered; dropped with the last piece of its answer.
#[derive(Debug)]
pub(super) struct Busy(Activity);

impl Activity {
    /// That of a connection accepted at `since`.
    pub(super) fn new(since: Instant) -> Self {
        let doing = Mutex::new(Doing::Head { since });
        Self(Arc::new(Shared { doing, refused: AtomicU16::new(0), broke_off: AtomicBool::new(false) }))
    }

    pub(super) fn doing(&self) -> Doing {
        *self.lock()
    }

    /// A request has begun.
    pub(super) fn busy(&self) -> Busy {
        let mut doing = self.lock();
        let requests = match *doing {
            Doing::Busy { requests } => requests.saturating_add(1),
            Doing::Head { .. } | Doing::Kept { .. } => NonZeroUsize::MIN,
        };
        *doing = Doing::Busy { requests };
        Busy(self.clone())
    }

    /// Bytes have come that belong to requests. Whether they may be of a head.
    pub(super) fn read(&self) -> bool {
        let mut doing = self.lock();
        if let Doing::Kept { .. } = *doing {
            *doing = Doing::Head { since: clock::now() };
        }
        matches!(*doing, Doing::Head { .. })
    }

    /// hyper refuses a request's head with `status`.
    pub(super) fn refuse_head(&self, status: u16) {
        self.0.refused.store(status, Ordering::Relaxed);
    }

    /// Whether hyper has refused a head.
    pub(super) fn has_refused(&self) -> bool {
        self.0.refused.load(Ordering::Relaxed) != 0
    }

    /// The status with which hyper has refused a head since this was last asked.
    pub(super) fn take_refusal(&self) -> Option<u16> {
        Some(self.0.refused.swap(0, Ordering::Relaxed)).filter(|status| *status != 0)
    }

    /// Whether an answer broke off that ends with its connection.
    pub(super) fn has_broken_off(&self) -> bool {
        self.0.broke_off.load(Ordering::Relaxed)
    }

    fn ended(&self) {
        let mut doing = self.lock();
        if let Doing::Busy { requests } = *doing {
            *doing = match NonZeroUsize::new(requests.get() - 1) {
                Some(requests) => Doing::Busy { requests },
                None => Doing::Kept { since: clock::now() },
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Doing> {
        self.0.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Busy {
    /// The answer broke off, and only the end of its connection would say where it ends.
    pub(super) fn broke_off(&self) {
        self.0.0.broke_off.store(true, Ordering::Relaxed);
    }

    /// For what goes on behind the answer.
    pub(super) fn another(&self) -> Self {
        self.0.busy()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_4_only_what_comes_between_requests_is_a_head() {
        let activity = Activity::new(Instant::now());
        let Doing::Head { since } = activity.doing() else { panic!("{:?}", activity.doing()) };
        assert!(activity.read());
        assert_eq!(activity.doing(), Doing::Head { since }, "more of a head does not begin it anew");
        let busy = activity.busy();
        assert!(!activity.read());
        assert!(matches!(activity.doing(), Doing::Busy { .. }), "a body");
        let another = busy.another();
        drop(busy);
        assert!(matches!(activity.doing(), Doing::Busy { requests: NonZeroUsize::MIN }));
        drop(another);
        let Doing::Kept { since } = activity.doing() else { panic!("{:?}", activity.doing()) };
        assert!(activity.read());
        assert!(matches!(activity.doing(), Doing::Head { since: next } if next >= since));
    }

    #[test]
    fn a_refusal_is_told_once() {
        let activity = Activity::new(Instant::now());
        assert_eq!(activity.take_refusal(), None);
        activity.refuse_head(431);
        assert_eq!((activity.take_refusal(), activity.take_refusal()), (Some(431), None));
    }
}
