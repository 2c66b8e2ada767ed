//! Emits the end of a request exactly once: finished, failed or dropped.

use super::ending::{self, Caller};
use super::events::{RequestFinished, RequestId};
use super::sinks::Sinks;
use crate::clock;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Holds the event while the request lives and emits it when dropped, at the latest.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) event: Box<RequestFinished>,
    sinks: Arc<Sinks>,
}

impl Recorder {
    /// Begins a request.
    pub(crate) fn begin(sinks: &Arc<Sinks>, id: RequestId, began: Instant) -> Self {
        sinks.series.request_began();
        let event = Box::new(RequestFinished {
            id,
            client_request_id: None,
            began,
            began_at: clock::wall(),
            stream: false,
            key: None,
            route: None,
            attempts: SmallVec::new(),
            attempt: None,
            first_token: None,
            upload: Duration::ZERO,
            upstream: Duration::ZERO,
            outcome: None,
        });
        Self { event, sinks: Arc::clone(sinks) }
    }

    /// Says how the request of `caller` ended, which is dropped now; what was said before stays.
    pub(crate) fn end_as_seen_by(&mut self, caller: Option<Caller>) {
        let cut = || self.sinks.shutdown.is_cut();
        self.event.outcome.get_or_insert_with(|| ending::of_dropped(caller, cut()));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Nearly all have ended: they look for no caller.
        if self.event.outcome.is_none() {
            self.end_as_seen_by(Caller::current());
        }
        let now = clock::now();
        let code = self.event.outcome.map_or("", |outcome| outcome.code); // said above
        self.event.end_last_attempt(code, now);
        self.sinks.request_finished(&self.event, now.saturating_duration_since(self.event.began));
        self.sinks.series.request_ended();
    }
}
