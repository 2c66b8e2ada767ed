//! The events, and the recorder that emits the end of a request exactly once: finished, failed or dropped.

use super::ending::{self, Caller};
use crate::http::X_REQUEST_ID;
use crate::live::{Chosen, LiveKey, LiveRoute};
use crate::worker::Worker;
use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use weir_config::{NanoUsd, Usage};

/// Characters of a caller's own id.
const CLIENT_REQUEST_ID: usize = 128;

/// A request's identity: 96 random bits in hexadecimal, after `req_`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestId([u8; 28]);

impl RequestId {
    pub(crate) fn new(high: u64, low: u64) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let number = u128::from(high) << 64 | u128::from(low);
        let mut text = *b"req_000000000000000000000000";
        for (i, digit) in text.iter_mut().skip(4).enumerate() {
            *digit = HEX.get((number >> (i * 4)) as usize & 15).copied().unwrap_or(b'0');
        }
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or_else(|_| HeaderValue::from_static("req"))
    }
}

/// How an attempt ended that was given up because the memory budget had no room for what it held.
pub(crate) const NO_ROOM: &str = "no_room";

/// One try at one target.
#[derive(Debug, Clone)]
pub(crate) struct AttemptFinished {
    pub(crate) chosen: Chosen,
    /// `ok`, the name of the failure's class, [`NO_ROOM`], or the code of its request where that ended before it.
    pub(crate) outcome: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) took: Duration,
}

/// How a request ended: `code` of the fault, `ok`, or `canceled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The status sent, 499 where the caller left; where none was sent, that of the fault which kept it from being sent.
    pub(crate) status: u16,
    pub(crate) code: &'static str,
}

impl Outcome {
    pub(crate) const OK: Self = Self { status: 200, code: "ok" };
    /// The caller left. 499 as nginx logs it; nobody is sent it.
    pub(crate) const CANCELED: Self = Self { status: 499, code: "canceled" };
    /// Nobody has said yet.
    const UNTOLD: Self = Self { status: 0, code: "" };
}

/// The end of a request, whatever it was.
#[derive(Debug)]
pub(crate) struct RequestFinished {
    pub(crate) id: RequestId,
    /// The caller's own `x-request-id`, as JSON.
    pub(crate) client_request_id: Option<String>,
    pub(crate) began: Instant,
    pub(crate) began_at: SystemTime,
    pub(crate) stream: bool,
    pub(crate) key: Option<Arc<LiveKey>>,
    pub(crate) route: Option<Arc<LiveRoute>>,
    pub(crate) chosen: Option<Chosen>,
    /// Since when the one chosen last is asked, while it is.
    pub(crate) asking: Option<Instant>,
    /// Mostly one.
    pub(crate) attempts: SmallVec<[AttemptFinished; 1]>,
    pub(crate) usage: Option<Usage>,
    /// The usage is our estimate: the upstream told none.
    pub(crate) assumed: bool,
    /// `None`: no price is known.
    pub(crate) cost: Option<NanoUsd>,
    /// From the request's arrival to the first content sent on.
    pub(crate) first_token: Option<Duration>,
    /// Time spent waiting for the caller's body.
    pub(crate) upload: Duration,
    /// Time spent waiting for upstreams until the answer's headers, pauses between attempts included.
    pub(crate) upstream: Duration,
    pub(crate) outcome: Outcome,
}

impl RequestFinished {
    /// Keeps the id that the caller gave the request, if it is one that a line can hold: printable ASCII, at most 128
    /// characters.
    pub(crate) fn named_by_caller(&mut self, headers: &HeaderMap) {
        let Some(id) = headers.get(X_REQUEST_ID) else { return };
        let id = id.to_str().ok().filter(|id| (1..=CLIENT_REQUEST_ID).contains(&id.len()));
        self.client_request_id = id.map(|id| serde_json::Value::from(id).to_string());
    }

    /// The answer of the attempt that was committed last broke off, as `outcome` says: that one has not answered after
    /// all.
    pub(crate) fn broke_off(&mut self, outcome: &'static str) {
        if let Some(last) = self.attempts.last_mut() {
            last.outcome = outcome;
        }
    }

    /// The request is over: an attempt under way ends as it did. It was asked, and bills most likely.
    fn stop_asking(&mut self) {
        if let (Some(began), Some(chosen)) = (self.asking.take(), &self.chosen) {
            let (chosen, took) = (chosen.clone(), began.elapsed());
            self.attempts.push(AttemptFinished { chosen, outcome: self.outcome.code, status: None, took });
        }
    }

    /// Whether its one attempt answered.
    pub(super) fn is_direct(&self) -> bool {
        matches!(self.attempts.as_slice(), [only] if only.outcome == "ok")
    }

    /// What of the time that has passed was ours: neither the caller's nor an upstream's.
    pub(crate) fn overhead(&self, passed: Duration) -> Duration {
        passed.saturating_sub(self.upload + self.upstream)
    }

    fn emit(&self, worker: &Worker) {
        let took = self.began.elapsed();
        worker.series.request_finished(self, took);
        worker.usage_log.request_finished(self, took);
    }
}

/// Holds the event while the request lives and emits it when dropped, at the latest.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) event: Box<RequestFinished>,
    pub(crate) worker: Arc<Worker>,
}

impl Recorder {
    /// Begins a request.
    pub(crate) fn begin(worker: &Arc<Worker>, id: RequestId, began: Instant) -> Self {
        worker.series.request_began();
        let event = Box::new(RequestFinished {
            id,
            client_request_id: None,
            began,
            began_at: SystemTime::now(),
            stream: false,
            key: None,
            route: None,
            chosen: None,
            asking: None,
            attempts: SmallVec::new(),
            usage: None,
            assumed: false,
            cost: None,
            first_token: None,
            upload: Duration::ZERO,
            upstream: Duration::ZERO,
            outcome: Outcome::UNTOLD,
        });
        Self { event, worker: Arc::clone(worker) }
    }

    /// Says how the request of `caller` ended, which is dropped now; what was said before stays.
    pub(crate) fn end_as_seen_by(&mut self, caller: Option<Caller>) {
        if self.event.outcome == Outcome::UNTOLD {
            self.event.outcome = ending::of_dropped(caller, self.worker.shutdown.is_cut());
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Nearly all have ended: they look for no caller.
        if self.event.outcome == Outcome::UNTOLD {
            self.end_as_seen_by(Caller::current());
        }
        self.event.stop_asking();
        self.event.emit(&self.worker);
        self.worker.series.request_ended();
    }
}
