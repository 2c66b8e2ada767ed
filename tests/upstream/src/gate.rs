//! `Gate`: holds answers at a place until a test lets them go, so that no test has to sleep.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

/// A gate that answers wait at. Clones are the same gate.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    passes: Semaphore,
    waiting: watch::Sender<usize>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Inner { passes: Semaphore::new(0), waiting: watch::Sender::new(0) }))
    }

    /// Lets everything through, from now on.
    pub fn open(&self) {
        self.0.passes.close();
    }

    /// Lets so many answers through, those that wait longest first.
    pub fn let_through(&self, answers: usize) {
        self.0.passes.add_permits(answers);
    }

    /// How many answers wait here now.
    pub fn waiting(&self) -> usize {
        *self.0.waiting.borrow()
    }

    /// Returns when at least so many answers wait here.
    pub async fn reached_by(&self, answers: usize) {
        // The sender lives in `self`, so the only error (sender gone) cannot happen.
        let _ = self.0.waiting.subscribe().wait_for(|waiting| *waiting >= answers).await;
    }

    pub(crate) async fn pass(&self) {
        let _waits = Waits::enter(&self.0.waiting);
        // An error means that the gate was opened for good.
        if let Ok(pass) = self.0.passes.acquire().await {
            pass.forget();
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({} waiting)", self.waiting())
    }
}

/// Counts on drop, because an answer that waits is dropped when its client leaves.
struct Waits<'a>(&'a watch::Sender<usize>);

impl<'a> Waits<'a> {
    fn enter(waiting: &'a watch::Sender<usize>) -> Self {
        waiting.send_modify(|n| *n += 1);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n = n.saturating_sub(1));
    }
}
