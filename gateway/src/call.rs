//! One admitted request: what it asks, who asks, and where it may go. Built in the order of `pipeline`.

use crate::app::Gateway;
use crate::drain::Presence;
use crate::fault::LimitState;
use crate::flow::Flow;
use crate::live::{Chosen, LiveKey, LiveRoute, LiveTarget};
use crate::memory::{Class, Held, SMALL, STREAM};
use crate::observe::Recorder;
use crate::timer::SharedTimer;
use crate::upstream::Client;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use weir_config::{Model, OnAbort, UnixSeconds};
use weir_policy::{Planned, TargetFacts, decide};
use weir_wire::Asked;

/// An admitted request on its way. Boxed from its beginning: it is handed on often.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) settings: Arc<weir_config::Gateway>,
    pub(crate) route: Arc<LiveRoute>,
    pub(crate) request: Asked,
    pub(crate) recorder: Recorder,
    /// The share of the memory budget that its body holds, and later the answer's.
    pub(crate) held: Held,
    /// What its key has left of its minute, if it has a limit.
    pub(crate) limit: Option<LimitState>,
    /// For the end of an attempt's whole time.
    pub(crate) timer: SharedTimer,
    /// Whether the caller is still there; only known where an attempt may outlive it.
    pub(crate) presence: Option<Arc<Presence>>,
    /// The attempt under way uses no kept connection: one has just been closed on the attempt before it.
    pub(crate) fresh: bool,
    /// This process had no descriptor left for an upstream: the request ends here, and no upstream is to blame.
    pub(crate) starved: AtomicBool,
    /// The same for want of room in the memory budget.
    pub(crate) crowded: bool,
}

/// A target and the model that this request would use there.
pub(crate) struct Offer<'a> {
    pub(crate) target: &'a LiveTarget,
    pub(crate) model: Arc<Model>,
    pub(crate) chosen: Chosen,
}

impl Call {
    /// The order in which targets are tried.
    pub(crate) fn decide(&self) -> Vec<Planned> {
        let facts: SmallVec<[TargetFacts; 4]> = self
            .route
            .targets
            .iter()
            .map(|target| {
                let model = target.model(&self.request.facts().model);
                TargetFacts {
                    priority: target.priority,
                    suspended: target.account.provider.suspended,
                    offered: model.is_some(),
                    context_window: model.and_then(|(model, _)| model.context_window),
                }
            })
            .collect();
        decide(&facts)
    }

    /// The target at position `at` of the route, with this request's model.
    pub(crate) fn offer(&self, at: usize) -> Option<Offer<'_>> {
        let target = self.route.targets.get(at)?;
        let (model, chosen) = target.model(&self.request.facts().model)?;
        Some(Offer { target, model, chosen })
    }

    /// Makes sure that `bytes` of an answer may be held beside the request's body; false: there is no room.
    pub(crate) async fn hold(&mut self, bytes: u64) -> bool {
        let all = self.request.facts().length as u64 + bytes;
        let class = if all <= SMALL { Class::Small } else { Class::Answer };
        self.held.grow(all, class).await.is_ok()
    }

    /// Counts `waiting` bytes of a stream that is held, beside the request's body; false: that is more than every
    /// stream may hold, and there is no room. Within its share it is refused nothing: how many streams there are is
    /// bounded.
    pub(crate) async fn count_stream(&mut self, waiting: usize) -> bool {
        let bytes = self.request.facts().length as u64 + stream_share(waiting);
        if is_within_share(waiting) {
            drop(self.held.try_grow(bytes, Class::Stream));
            return true;
        }
        self.held.grow(bytes, Class::Stream).await.is_ok()
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
        let share = stream_share(waiting + flow.ready.len() + held);
        self.held.resize(body + share, Class::Stream).is_ok() || is_within_share(held)
    }

    /// Whether the caller is known to have left: then nobody new is asked.
    pub(crate) fn caller_has_left(&self) -> bool {
        self.presence.as_ref().is_some_and(|presence| presence.has_left())
    }

    /// Whether this process had no descriptor left for an upstream.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved.load(Ordering::Relaxed)
    }

    /// Whom the bill goes to.
    pub(crate) fn tenant(&self) -> &str {
        self.recorder.event.key.as_ref().map_or("", |key| &key.tenant.text)
    }

    /// What this process had too little of to go on; whoever was asked is not to blame.
    pub(crate) fn lack(&self) -> Option<&'static str> {
        let starved = || self.is_starved().then_some("The gateway has no socket left to ask an upstream on.");
        self.crowded.then_some(NO_ROOM).or_else(starved)
    }

    /// Notes whether the target asked now is with a vendor that bills on after we hang up; `None`: nobody is asked.
    pub(crate) fn set_billed_on(&self, target: Option<usize>) {
        let Some(presence) = &self.presence else { return };
        let target = target.and_then(|at| self.route.targets.get(at));
        let continues = |target: &LiveTarget| target.account.provider.on_abort == OnAbort::Continues;
        presence.set_billed_on(target.is_some_and(continues));
    }

    /// What the next attempt needs of the worker.
    pub(crate) fn client(&self) -> Client<'_> {
        let worker = &self.recorder.worker;
        Client {
            dialer: &self.gateway.dialer,
            allow_private: &self.settings.egress.allow_private,
            worker: worker.index,
            random: worker.random(),
            fresh: self.fresh,
            starved: &self.starved,
        }
    }
}

/// What a caller is told whose stream has no room.
pub(crate) const NO_ROOM: &str = "The gateway has no memory left for what this stream holds.";

/// Whether a stream that holds `held` bytes holds no more than every stream may.
fn is_within_share(held: usize) -> bool {
    stream_share(held) == STREAM
}

/// The memory that a stream takes of which `waiting` bytes are here beyond the two pieces on their way.
fn stream_share(waiting: usize) -> u64 {
    STREAM.max(waiting as u64 + STREAM / 2)
}

/// The wall clock, for what is configured as a date.
pub(crate) fn now_unix() -> UnixSeconds {
    unix(SystemTime::now())
}

/// `at` in seconds since 1970.
pub(crate) fn unix(at: SystemTime) -> UnixSeconds {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The key is in the event already; this is what admission asks of it.
pub(crate) fn allows(key: &LiveKey, model: &str) -> bool {
    key.config.allowed_models.allows(model)
}
