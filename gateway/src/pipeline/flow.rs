//! An answer that is still coming: what its bytes mean, and whether it has ended well.

use super::plan::Offer;
use super::times::Times;
use crate::clock;
use crate::fault::Fault;
use crate::live::LiveTarget;
use crate::upstream::AnswerBody;
use crate::words;
use bytes::Bytes;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use weir_config::{Failure, FailureClass, Model};
use weir_wire::{Ending, Reading, StreamEnd};

/// An answer without room for an error event broke off: the connection is cut, lest it look complete.
#[derive(Debug, thiserror::Error)]
#[error("the upstream broke its answer off")]
pub(crate) struct BrokenOff;

/// What came, `None` at a good end; or the bytes that may still be sent before the failure.
type Came = Result<Option<Bytes>, (Bytes, Failure)>;

/// An answer that is still coming.
#[derive(Debug)]
pub(crate) struct Flow {
    /// What was held until the commit.
    pub(crate) ready: Bytes,
    /// `None` once the upstream has ended.
    pub(crate) rest: Option<AnswerBody>,
    /// What its bytes mean.
    pub(crate) reading: Reading,
    pub(crate) target: Arc<LiveTarget>,
    pub(crate) model: Arc<Model>,
    times: Times,
    /// Since when a stream's answer is whole and nothing was added to it: no more than `[DONE]` and usage may be missing.
    pub(crate) whole: Option<Instant>,
}

/// For so long a whole answer waits for its `[DONE]` or its usage, whatever else comes: servers that never send them may
/// keep the connection alive for ever.
const FAREWELL: Duration = Duration::from_secs(5);

impl Flow {
    /// The answer of `offer` that `reading` has read so far: `ready` for the caller, and `rest` to come.
    pub(super) fn new(
        offer: &Offer,
        times: Times,
        reading: Reading,
        ready: Bytes,
        rest: Option<AnswerBody>,
    ) -> Self {
        let (target, model) = (Arc::clone(&offer.target), Arc::clone(&offer.model));
        let whole = is_whole(&reading).then(clock::now);
        Self { ready, rest, reading, target, model, times, whole }
    }

    /// What the upstream has sent since, made ready for the caller; `None` at a good end. With a failure come the
    /// bytes that may still be sent before it.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        if self.is_over() {
            self.let_go();
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(self.ended(None)) };
        let piece = match ready!(rest.poll_data(cx)) {
            Some(Ok(piece)) => piece,
            Some(Err(failure)) => return Poll::Ready(self.ended(Some(failure))),
            None => return Poll::Ready(self.ended(None)),
        };
        let before = self.whole.map(|since| (since, self.reading.progress()));
        let bytes = self.reading.feed(piece, clock::today());
        self.whole = match before {
            _ if !is_whole(&self.reading) => None,
            Some((since, progress)) if progress == self.reading.progress() => Some(since),
            _ => Some(clock::now()),
        };
        Poll::Ready(match self.reading.failure() {
            None => Ok(Some(bytes)),
            Some(failure) => Err((bytes, failure.clone())),
        })
    }

    /// The upstream has ended, or `broke` off: whether the answer is whole, and its last bytes. After a finish reason
    /// of every choice it is, however the connection ended.
    pub(crate) fn ended(&mut self, broke: Option<Failure>) -> Came {
        self.let_go();
        let broke = match broke {
            // A unary answer has no finish but its end.
            Some(failure) if !self.reading.is_stream() => return Err((Bytes::new(), failure)),
            broke => broke,
        };
        let Ending { bytes, end } = self.reading.end(clock::today());
        if end == StreamEnd::Complete {
            return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
        }
        let broken = || Failure::new(FailureClass::ServerError, "the upstream's stream broke off");
        Err((bytes, self.reading.failure().cloned().or(broke).unwrap_or_else(broken)))
    }

    /// Whether nothing of the upstream's matters any more: `[DONE]` came, or a failure.
    pub(crate) fn is_over(&self) -> bool {
        self.reading.is_over()
    }

    /// Lets the upstream go. After `[DONE]` the little that may still come is read, for the connection's sake;
    /// anything else is cancelled.
    pub(crate) fn let_go(&mut self) {
        if let Some(rest) = self.rest.take()
            && self.reading.done_seen()
        {
            rest.finish();
        }
    }

    /// How many bytes of memory it takes that wait here for the rest of their event, or of an error.
    pub(crate) fn held_bytes(&self) -> usize {
        self.reading.held_bytes()
    }

    /// Whether a part of the request is still to be sent.
    pub(crate) fn is_sending(&self) -> bool {
        self.rest.as_ref().is_some_and(AnswerBody::is_sending)
    }

    /// Whether it is a stream that has said nothing yet.
    pub(crate) fn waits_for_content(&self) -> bool {
        !self.reading.content_seen()
    }

    /// When it ends at the latest.
    pub(crate) fn until(&self) -> Instant {
        self.whole.map_or(self.times.deadline, |since| self.times.deadline.min(since + FAREWELL))
    }

    /// When something runs out, if the upstream was last heard at `heard`.
    pub(crate) fn expires(&self, heard: Instant) -> Instant {
        let mut next = self.until();
        if self.reading.is_stream() {
            next = next.min(heard + self.times.idle);
        }
        if self.waits_for_content() { next.min(self.times.first_token) } else { next }
    }

    /// What has run out by `now`, if the upstream was last heard at `heard`.
    pub(crate) fn late(&self, now: Instant, heard: Instant) -> Option<Failure> {
        let text = if now >= self.until() {
            "the answer took longer than the provider's total time"
        } else if self.reading.is_stream() && now >= heard + self.times.idle {
            "the upstream's stream fell silent"
        } else if now >= self.times.first_token && self.waits_for_content() {
            "the upstream's stream brought no content in time"
        } else {
            return None;
        };
        Some(Failure::new(FailureClass::Timeout, text))
    }

    /// The event that says that the answer broke off. A unary body has no place for one.
    pub(crate) fn broken_off(&mut self, fault: &Fault) -> Result<Bytes, BrokenOff> {
        self.reading.broken(&words::words(fault), clock::today()).ok_or(BrokenOff)
    }
}

/// Whether `reading` is a stream to which nothing more can be added.
fn is_whole(reading: &Reading) -> bool {
    reading.is_stream() && reading.is_finished()
}
