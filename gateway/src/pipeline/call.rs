//! One admitted request: what it asks, who asks, what it may hold and what is recorded of it.

use super::flow::Flow;
use crate::app::Gateway;
use crate::clock;
use crate::fault::LimitState;
use crate::limits::{Class, SMALL, STREAM, Share};
use crate::live::{LiveKey, LiveRoute};
use crate::observe::Recorder;
use crate::timer::SharedTimer;
use crate::upstream::Lines;
use crate::worker::Worker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use weir_wire::{Asked, Dropped, Envelope};

/// Header lines, by name.
pub(crate) type Forwarded = Box<[(&'static str, String)]>;

/// An admitted request on its way. Boxed from its beginning: it is handed on often.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) worker: Arc<Worker>,
    pub(crate) settings: Arc<weir_config::Gateway>,
    pub(crate) key: Arc<LiveKey>,
    pub(crate) route: Arc<LiveRoute>,
    pub(crate) request: Asked,
    /// Header lines of the caller's that go on to those who speak the same.
    pub(crate) lines: Forwarded,
    /// The lines of the attempt under way, beside its site's.
    pub(crate) out: Lines,
    /// What of the request the target that is asked is not told.
    pub(crate) dropped: Dropped,
    pub(crate) recorder: Recorder,
    /// The share of the memory budget that its body holds, and later the answer's.
    pub(crate) share: Share,
    /// What its key has left of its minute, if it has a limit.
    pub(crate) limit: Option<LimitState>,
    /// For the end of an attempt's whole time.
    pub(crate) timer: SharedTimer,
    /// Whether what is under way goes on should the caller leave, as its vendor keeps billing. `None`: no target's does.
    pub(crate) keeps_billing: Option<Arc<AtomicBool>>,
}

impl Call {
    /// Whom the bill goes to.
    pub(crate) fn tenant(&self) -> &str {
        &self.key.names.tenant.text
    }

    /// What its answer is told under.
    pub(crate) fn envelope(&self) -> Envelope<'_> {
        let event = &self.recorder.event;
        Envelope { id: event.id.digits(), created: clock::seconds(event.began_at) }
    }

    /// Notes whether a request is on its way to a vendor that keeps billing after we hang up.
    pub(crate) fn set_keeps_billing(&self, keeps_billing: bool) {
        if let Some(noted) = &self.keeps_billing {
            noted.store(keeps_billing, Ordering::Relaxed);
        }
    }

    /// Makes sure that `bytes` of an answer may be held beside the request's body; false: there is no room.
    pub(crate) async fn make_room(&mut self, bytes: u64) -> bool {
        let all = self.request.facts().length as u64 + bytes;
        let class = if all <= SMALL { Class::Small } else { Class::Answer };
        self.share.grow(all, class).await.is_ok()
    }

    /// Counts `waiting` bytes of a stream that is held, beside the request's body; false: that is more than every
    /// stream may hold, and there is no room. Within its share it is refused nothing: how many streams there are is
    /// bounded.
    pub(crate) async fn count_stream(&mut self, waiting: usize) -> bool {
        let bytes = self.request.facts().length as u64 + stream_bytes(waiting);
        if is_within_share(waiting) {
            drop(self.share.try_grow(bytes, Class::Stream));
            return true;
        }
        self.share.grow(bytes, Class::Stream).await.is_ok()
    }

    /// Somebody answers, and the answer goes on as it comes: nobody needs the request's body again, and a stream may
    /// last for hours. What is counted from here on is the `flow`, `waiting` bytes that it has given out, and the body
    /// as long as the upstream takes it.
    pub(crate) fn go_on_with(&mut self, flow: &Flow, waiting: usize) {
        self.request.forget_body();
        self.count_flow(flow, waiting);
    }

    /// Counts anew, as [`Call::go_on_with`]; mostly that is nothing new. False: for what it holds of an event there is
    /// no room. What is on its way already is refused nothing: it leaves, and no more than two pieces of it are there.
    pub(crate) fn count_flow(&mut self, flow: &Flow, waiting: usize) -> bool {
        let body = if flow.is_sending() { self.request.facts().length as u64 } else { 0 };
        let held = flow.held_bytes();
        let bytes = body + stream_bytes(waiting + flow.ready.len() + held);
        self.share.resize(bytes, Class::Stream).is_ok() || is_within_share(held)
    }
}

/// Whether a stream that holds `held` bytes holds no more than every stream may.
fn is_within_share(held: usize) -> bool {
    stream_bytes(held) == STREAM
}

/// The memory that a stream takes of which `waiting` bytes are here beyond the two pieces on their way.
fn stream_bytes(waiting: usize) -> u64 {
    STREAM.max(waiting as u64 + STREAM / 2)
}
