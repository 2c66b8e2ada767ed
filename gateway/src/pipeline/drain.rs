//! The caller has left, but the vendor keeps billing: the rest of the answer is read, so that the true usage is booked
//! (semantics S2.4).

use super::meter::Meter;
use crate::clock;
use crate::observe::Caller;
use crate::tasks;
use crate::worker::Worker;
use std::future::{Future, poll_fn, ready};
use std::thread;
use std::time::Duration;

/// So much of an answer is read at most.
pub(super) const DRAINED: usize = 1 << 20;
/// For so long at most.
const WITHIN: Duration = Duration::from_secs(30);

/// The caller of `meter`'s answer has left. Where the vendor keeps billing it is read on, until its end or the bounds;
/// else it is canceled. However that ends, with the process too: what was seen is settled.
pub(super) fn leave(mut meter: Meter) {
    let keeps_billing = meter.flow.rest.is_some() && meter.flow.target.keeps_billing();
    if keeps_billing && may_go_on(&meter.call.worker) {
        read_on(ready(Some(meter)));
    } else {
        meter.flow.let_go();
    }
}

/// Whether anything may go on without its caller: not in the end of the process, and not after a fault of ours.
pub(super) fn may_go_on(worker: &Worker) -> bool {
    !worker.sinks.shutdown.is_cut() && !thread::panicking()
}

/// Lets the answer of an attempt come whose caller has left, and reads it on.
pub(super) fn read_on(coming: impl Future<Output = Option<Meter>> + Send + 'static) {
    tasks::spawn("drain for usage", Caller::HasLeft.scope(drain(coming)));
}

/// Reads the answer that is `coming` for as long as it would be read for its caller, and within the bounds.
async fn drain(coming: impl Future<Output = Option<Meter>>) {
    let end = clock::now() + WITHIN;
    let Ok(Some(mut meter)) = tokio::time::timeout_at(end.into(), coming).await else { return };
    let mut read = meter.forget_ready();
    while read < DRAINED {
        let until = end.min(meter.flow.expires(clock::now()));
        let piece = poll_fn(|cx| meter.flow.poll_more(cx));
        match tokio::time::timeout_at(until.into(), piece).await {
            Ok(Ok(Some(piece))) => read += piece.len(),
            Ok(Ok(None) | Err(_)) | Err(_) => break,
        }
        if !meter.count(0) {
            break;
        }
    }
}
