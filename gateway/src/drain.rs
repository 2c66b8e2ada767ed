//! The caller has left, but the vendor bills on: the rest of the answer is read, so that the true usage is booked
//! (semantics S2.4). Nobody is asked anew for a caller who left.

use crate::attempt::Committed;
use crate::call::Call;
use crate::fault::Fault;
use crate::flow::Flow;
use crate::observe::Caller;
use crate::relay::Attempts;
use crate::settle::{settle, settle_whole};
use crate::tasks;
use crate::walk;
use crate::worker::Worker;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

/// How long, and how much, is read at most.
const WITHIN: Duration = Duration::from_secs(30);
pub(crate) const BYTES: usize = 1 << 20;

/// What a caller and the attempts made for it know of each other.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    left: AtomicBool,
    billed_on: AtomicBool,
}

impl Presence {
    /// Whether the attempt under way is with a vendor that bills on.
    pub(crate) fn set_billed_on(&self, billed_on: bool) {
        self.billed_on.store(billed_on, Ordering::Relaxed);
    }

    /// Whether the caller has left.
    pub(crate) fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }
}

/// The attempts of a request some of whose targets bill on. Dropped during an attempt with one of these, the
/// attempt goes on without its caller: unless it is the gateway that ends.
pub(crate) struct Outliving {
    attempts: Option<Attempts>,
    presence: Arc<Presence>,
    worker: Arc<Worker>,
}

impl Outliving {
    /// Tries the targets of `call`.
    pub(crate) fn new(mut call: Box<Call>) -> Self {
        let (presence, worker) = (Arc::<Presence>::default(), Arc::clone(&call.recorder.worker));
        call.presence = Some(Arc::clone(&presence));
        Self { attempts: Some(Box::pin(walk::run(call))), presence, worker }
    }
}

impl Future for Outliving {
    type Output = (Box<Call>, Result<Committed, Fault>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(attempts) = &mut self.attempts else { return Poll::Pending };
        let done = ready!(attempts.as_mut().poll(cx));
        self.attempts = None;
        Poll::Ready(done)
    }
}

impl Drop for Outliving {
    fn drop(&mut self) {
        let Some(attempts) = self.attempts.take() else { return };
        let goes_on = !self.worker.shutdown.is_cut() && !thread::panicking();
        if goes_on && self.presence.billed_on.load(Ordering::Relaxed) {
            self.presence.left.store(true, Ordering::Relaxed);
            tasks::spawn("drain an attempt", Caller::HasLeft.scope(finish(attempts)));
        }
    }
}

/// Lets the attempt under way end, then settles.
async fn finish(attempts: Attempts) {
    let until = Instant::now() + WITHIN;
    match tokio::time::timeout_at(until.into(), attempts).await {
        Ok((mut call, Ok(Committed::Whole(whole)))) => settle_whole(&mut call, &whole),
        Ok((call, Ok(Committed::Flow(flow)))) => Draining::new(call, *flow).read_on(until).await,
        Ok((_, Err(_))) | Err(_) => {}
    }
}

/// Reads `flow` on until its end or the bounds, then settles.
pub(crate) fn for_usage(call: Box<Call>, flow: Flow) {
    // Made here: the task may be dropped before it has run at all.
    let draining = Draining::new(call, flow);
    tasks::spawn("drain for usage", draining.read_on(Instant::now() + WITHIN));
}

/// An answer that is read on without its caller. However that ends, with the process too: what was seen is settled.
struct Draining {
    call: Box<Call>,
    flow: Flow,
    /// Bytes read so far.
    read: usize,
}

impl Draining {
    fn new(mut call: Box<Call>, mut flow: Flow) -> Self {
        let read = std::mem::take(&mut flow.ready).len();
        call.go_on_with(&flow, 0);
        Self { call, flow, read }
    }

    async fn read_on(mut self, until: Instant) {
        let read = async {
            while self.read < BYTES {
                match poll_fn(|cx| self.flow.poll_more(cx)).await {
                    Ok(Some(piece)) => self.read += piece.len(),
                    Ok(None) | Err(_) => break,
                }
                if !self.call.count_flow(&self.flow, 0) {
                    break;
                }
            }
        };
        drop(tokio::time::timeout_at(until.into(), read).await);
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        settle(&mut self.call, &self.flow);
    }
}
