//! The caller has left, but the vendor keeps billing: the rest of the answer is read, so that the true usage is booked
//! (semantics S2.4). Nobody is asked anew for a caller who left.

use super::call::Call;
use super::commit::Committed;
use super::meter::Meter;
use super::plan::Plan;
use super::presence::{DRAINED, Presence};
use super::walk;
use crate::clock;
use crate::fault::Fault;
use crate::observe::Caller;
use crate::tasks;
use crate::worker::Worker;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

/// How long is read at most.
const WITHIN: Duration = Duration::from_secs(30);

/// The attempts of a request, until one commits or nobody is left.
pub(crate) type Attempts = Pin<Box<dyn Future<Output = (Box<Call>, Result<Committed, Fault>)> + Send>>;

/// The attempts of a request some of whose targets keep billing. Dropped during an attempt with one of these, the
/// attempt goes on without its caller: unless it is the gateway that ends.
pub(crate) struct Outliving {
    attempts: Option<Attempts>,
    presence: Arc<Presence>,
    worker: Arc<Worker>,
}

impl Outliving {
    /// Asks the targets of `plan` for `call`.
    pub(crate) fn new(mut call: Box<Call>, plan: Plan) -> Self {
        let (presence, worker) = (Arc::<Presence>::default(), Arc::clone(&call.worker));
        call.presence = Some(Arc::clone(&presence));
        Self { attempts: Some(Box::pin(walk::run(call, plan))), presence, worker }
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
        if may_go_on(&self.worker) && self.presence.outlives() {
            self.presence.leave();
            tasks::spawn("drain an attempt", Caller::HasLeft.scope(finish(attempts)));
        }
    }
}

/// Whether anything may go on without its caller: not in the end of the process, and not after a fault of ours.
fn may_go_on(worker: &Worker) -> bool {
    !worker.sinks.shutdown.is_cut() && !thread::panicking()
}

/// Lets the attempt under way end, then reads its answer on.
async fn finish(attempts: Attempts) {
    let until = clock::now() + WITHIN;
    if let Ok((call, Ok(Committed::Flow(flow)))) = tokio::time::timeout_at(until.into(), attempts).await {
        let mut meter = Meter::new(call, *flow);
        let read = meter.forget_ready();
        read_on(meter, read, until).await;
    }
}

/// The caller of `meter`'s answer has left. Where the vendor keeps billing it is read on, until its end or the bounds;
/// else it is cancelled. However that ends, with the process too: what was seen is settled.
pub(crate) fn leave(mut meter: Meter) {
    if meter.flow.rest.is_none() || !meter.flow.target.keeps_billing() || !may_go_on(&meter.call.worker) {
        meter.flow.let_go();
        return;
    }
    let read = meter.forget_ready();
    tasks::spawn("drain for usage", read_on(meter, read, clock::now() + WITHIN));
}

/// Reads on an answer of which so many bytes have been `read`, for as long as it would be read for its caller.
async fn read_on(mut meter: Meter, mut read: usize, end: Instant) {
    while read < DRAINED {
        let until = end.min(meter.flow.expires(clock::now()));
        let coming = poll_fn(|cx| meter.flow.poll_more(cx));
        match tokio::time::timeout_at(until.into(), coming).await {
            Ok(Ok(Some(piece))) => read += piece.len(),
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
        if !meter.count(0) {
            break;
        }
    }
}
