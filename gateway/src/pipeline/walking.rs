//! A request on its way through its targets, as one future. Its caller leaves by dropping it: that cancels the attempt
//! under way, unless the vendor keeps billing for it.

use super::call::Call;
use super::commit::Committed;
use super::drain;
use super::meter::Meter;
use super::plan::Plan;
use super::walk::{self, Walked};
use crate::worker::Worker;
use std::future::{Future, pending};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Attempt after attempt, until one commits or nobody is left.
pub(crate) type Walking = Pin<Box<dyn Future<Output = Walked> + Send>>;

/// The way of `call` through the targets of `plan`.
pub(super) fn walking(call: Box<Call>, plan: Plan) -> Walking {
    if call.route.keeps_billing() { Box::pin(billed(call, plan)) } else { Box::pin(walk::run(call, plan)) }
}

/// The same where some of the targets keep billing.
async fn billed(mut call: Box<Call>, plan: Plan) -> Walked {
    let (keeps_billing, worker) = (Arc::<AtomicBool>::default(), Arc::clone(&call.worker));
    call.keeps_billing = Some(Arc::clone(&keeps_billing));
    let mut billed = Billed { walking: Box::pin(walk::run(call, plan)), keeps_billing, worker };
    billed.walking.as_mut().await
}

/// Dropped during an attempt that its vendor bills in any case, the attempt goes on.
struct Billed {
    walking: Walking,
    /// As the call has it.
    keeps_billing: Arc<AtomicBool>,
    worker: Arc<Worker>,
}

impl Drop for Billed {
    fn drop(&mut self) {
        if self.keeps_billing.load(Ordering::Relaxed) && drain::may_go_on(&self.worker) {
            drain::read_on(answer(mem::replace(&mut self.walking, Box::pin(pending()))));
        }
    }
}

/// The answer of the attempt under way, if it is not there whole already.
async fn answer(walking: Walking) -> Option<Meter> {
    match walking.await {
        (call, Ok(Committed::Flow(flow))) => Some(Meter::new(call, *flow)),
        _ => None,
    }
}
