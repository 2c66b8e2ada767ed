//! Where a worker's requests wait while it has more to do than it can (semantics S9.3); `weir_policy::Overload` says
//! for how long and for how many.
//!
//! The gate is before everything that costs: before the key is looked up and the body is received. It stands open,
//! and then costs a request two loads and a store of the worker's own, and the first one since the last measurement a
//! wake, until the worker is late: a timer that fires late tells, or so many requests between two of them as no worker
//! can serve.

use crate::clock;
use crate::fault::Fault;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};
use weir_policy::{Overload, Turn};

/// How often the worker's lateness is measured while requests come.
const PROBE: Duration = Duration::from_millis(10);
/// So many requests between two measurements are more than any worker serves: it is late already.
const RUSH: u32 = 512;

/// The gate of one worker. Nobody else touches it; atomics and the lock only because its tasks might move.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Requests wait for their turn.
    closed: AtomicBool,
    /// Requests that came since the last measurement.
    came: AtomicU32,
    /// The first of them came: measure.
    begun: Notify,
    /// A request waits.
    waits: Notify,
    queue: Mutex<Queue>,
    /// Requests in flight, at most.
    bound: usize,
}

#[derive(Debug, Default)]
struct Queue {
    overload: Overload,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    turn: oneshot::Sender<Turn>,
}

impl Gate {
    /// A gate behind which at most `bound` requests are in flight, those that wait included.
    pub(crate) fn new(bound: usize) -> Self {
        let (closed, came, begun, waits, queue) = Default::default();
        Self { closed, came, begun, waits, queue, bound }
    }

    /// Lets a request through, at once unless the worker has too much to do. So many are `in_flight`, with this one;
    /// `random` spreads those who are told to come again.
    pub(crate) async fn enter(&self, in_flight: i64, random: impl FnOnce() -> u64) -> Result<(), Fault> {
        if usize::try_from(in_flight).is_ok_and(|in_flight| in_flight > self.bound) {
            return Err(Fault::overloaded("The gateway has as many requests in flight as it may.", random()));
        }
        let came = self.came.load(Ordering::Relaxed);
        self.came.store(came + 1, Ordering::Relaxed);
        if came == 0 {
            self.begun.notify_one();
        }
        if came < RUSH && !self.closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.closed.store(true, Ordering::Relaxed);
        match Box::pin(self.wait()).await {
            Turn::Admitted => Ok(()),
            Turn::Refused => {
                let text =
                    "The gateway has more to do than it can, and this request has waited for its turn.";
                Err(Fault::overloaded(text, random()))
            }
        }
    }

    async fn wait(&self) -> Turn {
        let (turn, told) = oneshot::channel();
        self.queue().waiting.push_back(Waiting { since: clock::now(), turn });
        self.waits.notify_one();
        told.await.unwrap_or(Turn::Refused) // the worker ends
    }

    /// Measures and lets requests in, for ever. A task of the worker: it must wait for its turn like all others.
    pub(crate) async fn keep(&self) {
        loop {
            self.begun.notified().await; // no timer runs while nobody asks
            self.measure().await;
        }
    }

    /// Measures until no request has come for a while.
    async fn measure(&self) {
        let mut due = clock::now() + PROBE;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(due.into()) => {
                    let late = Overload::is_late(clock::since(due));
                    self.closed.store(late, Ordering::Relaxed);
                    if self.came.swap(0, Ordering::Relaxed) == 0 && !late {
                        return;
                    }
                }
                () = self.waits.notified() => self.let_in().await,
            }
            due = clock::now() + PROBE;
        }
    }

    /// Goes round the worker's tasks and lets some requests in each time, until nobody waits.
    async fn let_in(&self) {
        let mut began = clock::now();
        loop {
            tokio::task::yield_now().await; // behind everything that is ready
            let now = clock::now();
            let took = now.saturating_duration_since(began);
            began = now;
            if self.pass(now, took) {
                self.came.store(1, Ordering::Relaxed);
                self.closed.store(Overload::is_late(took), Ordering::Relaxed);
                return;
            }
        }
    }

    /// One pass; whether nobody waits any more.
    fn pass(&self, now: Instant, took: Duration) -> bool {
        let Queue { overload, waiting } = &mut *self.queue();
        let mut pass = overload.pass(took);
        while let Some(first) = waiting.front() {
            let left = first.turn.is_closed(); // with its caller
            let turn = if left { None } else { pass.next(now.saturating_duration_since(first.since)) };
            if turn.is_none() && !left {
                return false;
            }
            if let (Some(first), Some(turn)) = (waiting.pop_front(), turn) {
                // An error means that the caller has left just now.
                let _ = first.turn.send(turn);
            }
        }
        true
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
