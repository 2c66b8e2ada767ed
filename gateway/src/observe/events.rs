//! What is told of a request.

use crate::label::{Chosen, KeyNames, Label};
use http::HeaderValue;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16};
use std::time::{Duration, Instant, SystemTime};
use weir_config::{NanoUsd, Usage};

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

    /// Without what all begin with.
    pub(crate) fn digits(&self) -> &str {
        self.as_str().get(4..).unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or_else(|_| HeaderValue::from_static("req"))
    }
}

/// How an attempt ended that was given up because the memory budget had no room for what it held.
pub(crate) const NO_ROOM: &str = "no_room";

/// How an attempt ended that answered.
const ANSWERED: &str = "ok";

/// What an attempt comes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) usage: Usage,
    /// Some of the usage is our estimate: the upstream did not tell all of it.
    pub(crate) assumed: bool,
    /// `None`: no price is known.
    pub(crate) cost: Option<NanoUsd>,
}

/// An attempt that has not ended.
#[derive(Debug)]
pub(crate) struct AttemptBegun {
    pub(crate) chosen: Chosen,
    pub(crate) began: Instant,
    /// All of the request is on its way. Until then it costs nothing.
    pub(crate) sent: AtomicBool,
    /// The status of the answer that has begun; 0: none has.
    pub(crate) status: AtomicU16,
    /// What it comes to if nobody can say better.
    pub(crate) charge: Option<Charge>,
}

impl AttemptBegun {
    /// One that begins now, `began`.
    pub(crate) fn new(chosen: Chosen, began: Instant) -> Self {
        Self { chosen, began, sent: AtomicBool::new(false), status: AtomicU16::new(0), charge: None }
    }
}

/// One try at one target.
#[derive(Debug, Clone)]
pub(crate) struct AttemptFinished {
    pub(crate) chosen: Chosen,
    /// `ok`, the name of the failure's class, [`NO_ROOM`], or the code of its request where that ended before it.
    pub(crate) outcome: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) took: Duration,
    /// `None`: it costs nothing.
    pub(crate) charge: Option<Charge>,
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
    pub(crate) key: Option<Arc<KeyNames>>,
    pub(crate) route: Option<Label>,
    /// Mostly one.
    pub(crate) attempts: SmallVec<[AttemptFinished; 1]>,
    /// The one after them.
    pub(crate) attempt: Option<AttemptBegun>,
    /// From the request's arrival to the first content sent on.
    pub(crate) first_token: Option<Duration>,
    /// Time spent waiting for the caller's body.
    pub(crate) upload: Duration,
    /// Time spent waiting for upstreams until the answer's headers, pauses between attempts included.
    pub(crate) upstream: Duration,
    /// `None` until somebody has said.
    pub(crate) outcome: Option<Outcome>,
}

impl RequestFinished {
    /// The attempt under way has ended `now`, and comes to what it was last said to. `stated`: the status of its error, if
    /// that is another than its answer's.
    pub(crate) fn end_attempt(&mut self, outcome: &'static str, stated: Option<u16>, now: Instant) {
        let Some(AttemptBegun { chosen, began, sent, status, charge }) = self.attempt.take() else { return };
        let head = Some(status.into_inner()).filter(|status| *status != 0);
        let status = stated.filter(|status| *status != 200).or(head).or(stated);
        let took = now.saturating_duration_since(began);
        let charge = charge.filter(|_| sent.into_inner());
        self.attempts.push(AttemptFinished { chosen, outcome, status, took, charge });
    }

    /// The attempt under way has been answered `now`. Its answer may still be coming.
    pub(crate) fn answered(&mut self, now: Instant) {
        if let Some(attempt) = &mut self.attempt {
            *attempt.sent.get_mut() = true;
        }
        self.end_attempt(ANSWERED, Some(200), now);
    }

    /// What the answer of the last attempt comes to.
    pub(crate) fn settle(&mut self, charge: Charge) {
        if let Some(last) = self.attempts.last_mut() {
            last.charge = Some(charge);
        }
    }

    /// Who was asked last, also where nobody could be asked after that.
    pub(crate) fn chosen(&self) -> Option<&Chosen> {
        let last = || self.attempts.last().map(|attempt| &attempt.chosen);
        self.attempt.as_ref().map(|attempt| &attempt.chosen).or_else(last)
    }

    /// What all attempts come to together: where the cost of one is not known, that of all is not. `None`: none has used
    /// anything.
    pub(crate) fn charge(&self) -> Option<Charge> {
        let charges = self.attempts.iter().filter_map(|attempt| attempt.charge);
        charges.reduce(|sum, more| Charge {
            usage: sum.usage.plus(&more.usage),
            assumed: sum.assumed || more.assumed,
            cost: sum.cost.zip(more.cost).map(|(sum, more)| sum + more),
        })
    }

    /// The answer of the attempt that was committed last broke off, as `outcome` says: that one has not answered after
    /// all.
    pub(crate) fn broke_off(&mut self, outcome: &'static str) {
        if let Some(last) = self.attempts.last_mut() {
            last.outcome = outcome;
        }
    }

    /// The request has ended `now`, as its `code` says: so has the attempt under way, which was asked and is billed most
    /// likely, and so has the one whose answer was passed on.
    pub(super) fn end_last_attempt(&mut self, code: &'static str, now: Instant) {
        if self.attempt.is_some() {
            self.end_attempt(code, None, now);
        } else if let Some(last) = self.attempts.last_mut()
            && last.outcome == ANSWERED
        {
            last.outcome = code;
        }
    }

    /// Whether its one attempt answered.
    pub(super) fn is_direct(&self) -> bool {
        matches!(self.attempts.as_slice(), [only] if only.outcome == ANSWERED)
    }

    /// What of the time that has passed was ours: neither the caller's nor an upstream's.
    pub(crate) fn overhead(&self, passed: Duration) -> Duration {
        passed.saturating_sub(self.upload + self.upstream)
    }
}
