//! The body of an answer that is still coming: takes what the upstream has sent, joins it into one piece, passes
//! it on, and sees to it that the caller learns how it ended (semantics S2).
//!
//! It never waits for more in order to join, and it never invents an end: what breaks off becomes an error event.

use crate::app::Gateway;
use crate::attempt::{Collected, Committed, Decoder, Flow};
use crate::call::{Call, now_unix};
use crate::drain;
use crate::fault::{Fault, FaultKind};
use crate::http;
use crate::observe::Outcome;
use crate::settle::settle;
use crate::told::{broken_stream, own_words};
use bytes::Bytes;
use http_body::{Body, Frame};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use weir_config::{Failure, FailureClass, OnAbort};
use weir_wire::openai::{Ending, StreamEnd};

/// A piece of at least so many bytes is joined with no other: what one stream holds is bounded (semantics S9.3).
const JOIN: usize = 4 << 10;

/// An answer without room for an error event broke off: the connection is cut, lest it look complete.
#[derive(Debug, thiserror::Error)]
#[error("the upstream broke its answer off")]
pub(crate) struct BrokenOff;

/// Attempts that still run after the headers were sent.
pub(crate) type Attempts = Pin<Box<dyn Future<Output = (Box<Call>, Result<Committed, Fault>)> + Send>>;

/// The body of an answer that is still coming.
pub(crate) struct Relay(State);

enum State {
    /// Nobody has committed yet; the caller gets a comment now and then.
    Waiting {
        attempts: Attempts,
        ping: Pin<Box<Sleep>>,
        gateway: Arc<Gateway>,
    },
    /// Bytes are passed on.
    Flowing(Box<Flowing>),
    Ended,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relay")
    }
}

impl Relay {
    /// Begins with a comment and goes on with whoever commits.
    pub(crate) fn waiting(attempts: Attempts, gateway: Arc<Gateway>) -> Self {
        // Due at once: the headers go out with this first byte.
        let ping = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self(State::Waiting { attempts, ping, gateway })
    }

    /// Passes `flow` on.
    pub(crate) fn flowing(call: Box<Call>, flow: Flow) -> Self {
        Self(State::Flowing(Box::new(Flowing::new(call, flow))))
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            match &mut self.0 {
                State::Ended => return Poll::Ready(None),
                State::Waiting { gateway, .. } if gateway.shutdown.is_cut() => {
                    self.0 = State::Ended;
                    return Poll::Ready(Some(Ok(http::stream_error(&Fault::shutting_down()))));
                }
                State::Waiting { attempts, ping, gateway } => {
                    if let Poll::Ready((call, result)) = attempts.as_mut().poll(cx) {
                        match self.begin(call, result) {
                            Some(last) => return Poll::Ready(Some(Ok(last))),
                            None => continue,
                        }
                    }
                    ready!(ping.as_mut().poll(cx));
                    ping.as_mut().reset(tokio::time::Instant::now() + gateway.keep_alive);
                    return Poll::Ready(Some(Ok(http::PING)));
                }
                State::Flowing(flowing) => {
                    let bytes = ready!(flowing.poll_bytes(cx));
                    if bytes.is_err() || flowing.inner.is_none() {
                        self.0 = State::Ended;
                    }
                    if bytes.as_ref().map_or(true, |bytes| !bytes.is_empty()) {
                        return Poll::Ready(Some(bytes));
                    }
                }
            }
        }
    }

    /// Goes on with what was committed; a refusal becomes the stream's last event.
    fn begin(&mut self, mut call: Box<Call>, result: Result<Committed, Fault>) -> Option<Bytes> {
        let fault = match result {
            Ok(Committed::Flow(flow)) => {
                self.0 = State::Flowing(Box::new(Flowing::new(call, *flow)));
                return None;
            }
            // A stream's attempt commits to a stream.
            Ok(Committed::Whole(_)) => Fault::new(FaultKind::Internal, "A stream was answered whole."),
            Err(fault) => fault,
        };
        call.recorder.event.outcome = Outcome { status: 200, code: fault.code() };
        self.0 = State::Ended;
        Some(http::stream_error(&fault))
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        self.get_mut().poll_bytes(cx).map(|bytes| bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, State::Ended)
    }
}

/// An answer under way. Dropped before its end, the caller has left.
struct Flowing {
    /// `None` once the end is settled.
    inner: Option<(Box<Call>, Flow)>,
    timer: Pin<Box<Sleep>>,
    /// When the upstream last sent a byte.
    heard: Instant,
    /// When the caller was last sent one.
    sent: Instant,
}

/// How an answer ended.
enum End {
    Complete,
    Broken(Failure),
    /// The drain's time was over.
    Cut,
}

impl Flowing {
    fn new(mut call: Box<Call>, flow: Flow) -> Self {
        let now = Instant::now();
        call.recorder.event.first_token = Some(now - call.recorder.event.began);
        call.let_go_of_body(flow.ready.len());
        // Armed for the soonest thing that may be due, and again whenever it fires: never once per event.
        let timer = Box::pin(tokio::time::sleep_until(due(&call, &flow, now, now).into()));
        Self { inner: Some((call, flow)), timer, heard: now, sent: now }
    }

    /// What can be sent now. At the end, whatever it was, `inner` is taken.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BrokenOff>> {
        let Some((call, flow)) = &mut self.inner else { return Poll::Ready(Ok(Bytes::new())) };
        if call.gateway.shutdown.is_cut() {
            return Poll::Ready(self.end(Collected::default(), End::Cut));
        }
        let mut joined = Collected::default();
        joined.push(std::mem::take(&mut flow.ready), 0);
        let mut came = joined.len() > 0;
        let end = loop {
            if joined.len() >= JOIN && !flow.is_over() {
                break None;
            }
            match flow.poll_more(cx) {
                Poll::Ready(Ok(Some(bytes))) => {
                    came = true; // even if nothing of it goes on yet
                    joined.push(bytes, 0);
                }
                Poll::Ready(Ok(None)) => break Some(End::Complete),
                Poll::Ready(Err((last, failure))) => {
                    joined.push(last, 0);
                    break Some(End::Broken(failure));
                }
                Poll::Pending => break None,
            }
        };
        if let Some(end) = end {
            return Poll::Ready(self.end(joined, end));
        }
        if came {
            self.heard = Instant::now();
            if let Some(failure) = flow.late(self.heard, self.heard) {
                let end = flow.expire(failure, &mut joined);
                return Poll::Ready(self.end(joined, end));
            }
        }
        if joined.len() == 0 {
            return self.poll_timer(cx);
        }
        self.sent = self.heard;
        Poll::Ready(Ok(joined.into_bytes()))
    }

    /// Nothing has come: is anything due?
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BrokenOff>> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let Some((call, flow)) = &mut self.inner else { return Poll::Ready(Ok(Bytes::new())) };
            if let Some(failure) = flow.late(now, self.heard) {
                let mut joined = Collected::default();
                let end = flow.expire(failure, &mut joined);
                return Poll::Ready(self.end(joined, end));
            }
            let ping = flow.idle.is_some() && now >= self.sent + call.gateway.keep_alive;
            if ping {
                self.sent = now;
            }
            self.timer.as_mut().reset(due(call, flow, self.heard, self.sent).into());
            if ping && flow.may_ping() {
                return Poll::Ready(Ok(http::PING));
            }
        }
    }

    /// Settles and says the last words.
    fn end(&mut self, mut last: Collected, end: End) -> Result<Bytes, BrokenOff> {
        let Some((mut call, mut flow)) = self.inner.take() else { return Ok(Bytes::new()) };
        flow.let_go();
        settle(&mut call, &flow);
        let (fault, code) = match end {
            End::Complete => {
                call.recorder.event.outcome = Outcome::OK;
                return Ok(last.into_bytes());
            }
            End::Broken(mut failure) => {
                flow.account.withheld.take_out_of(&mut failure);
                let (provider, class) = (&flow.account.provider.name, failure.class.name());
                tracing::warn!(%provider, class, reason = own_words(&failure), "an answer broke off");
                call.recorder.event.broke_off(failure.class);
                let row = flow.account.provider.vendor.row();
                let disclosure = call.settings.listener.disclosure;
                (broken_stream(&failure, row, disclosure), "stream_broken")
            }
            End::Cut => (Fault::shutting_down(), "shutting_down"),
        };
        call.recorder.event.outcome = Outcome { status: 200, code };
        last.push(flow.broken_off(&fault)?, 0);
        Ok(last.into_bytes())
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        let Some((mut call, mut flow)) = self.inner.take() else { return };
        if flow.account.provider.on_abort == OnAbort::Continues && flow.rest.is_some() {
            drain::for_usage(call, flow);
        } else {
            settle(&mut call, &flow);
            let rest = flow.rest.take(); // to drop it cancels the upstream
            if let (Some(rest), true) = (rest, flow.is_said()) {
                rest.finish();
            }
        }
    }
}

/// When the timer must look again.
fn due(call: &Call, flow: &Flow, heard: Instant, sent: Instant) -> Instant {
    let Some(idle) = flow.idle else { return flow.deadline };
    let next = (heard + idle).min(sent + call.gateway.keep_alive).min(flow.deadline);
    if flow.waits_for_content() { next.min(flow.first_token) } else { next }
}

impl Flow {
    /// What the upstream has sent since, made ready for the caller; `None` at a good end. With a failure come the
    /// bytes that may still be sent before it.
    pub(crate) fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, (Bytes, Failure)>> {
        if self.is_over() {
            self.let_go();
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(self.ended(None)) };
        let piece = match ready!(rest.poll_data(cx)) {
            Some(Ok(piece)) => piece,
            Some(Err(failure)) => return Poll::Ready(self.ended(Some(failure))),
            None => return Poll::Ready(self.ended(None)),
        };
        let (bytes, failure) = match &mut self.decoder {
            Decoder::Opaque(passed) => {
                passed.feed(&piece);
                (piece, passed.failure(self.account.provider.vendor.row(), b"", now_unix()))
            }
            Decoder::Events(stream) => {
                let bytes = stream.feed(piece, now_unix());
                (bytes, stream.failure().cloned())
            }
        };
        Poll::Ready(match failure {
            None => Ok(Some(bytes)),
            // Of a unary answer nothing goes on that tells of an error: it must not look whole.
            Some(failure) if self.idle.is_none() => Err((Bytes::new(), failure)),
            Some(failure) => Err((bytes, failure)),
        })
    }

    /// The upstream has ended, or `broke` off: whether the answer is whole, and its last bytes. After a finish reason
    /// of every choice it is, however the connection ended.
    fn ended(&mut self, broke: Option<Failure>) -> Result<Option<Bytes>, (Bytes, Failure)> {
        self.let_go();
        let stream = match &mut self.decoder {
            Decoder::Events(stream) => stream,
            Decoder::Opaque(passed) => {
                let row = self.account.provider.vendor.row();
                let failure = broke.or_else(|| passed.unfinished(row, b"", now_unix()));
                return failure.map_or(Ok(None), |failure| Err((Bytes::new(), failure)));
            }
        };
        let Ending { bytes, end } = stream.end(now_unix());
        if end == StreamEnd::Complete {
            return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
        }
        let broken = || Failure::new(FailureClass::ServerError, "the upstream's stream broke off");
        Err((bytes, stream.failure().cloned().or(broke).unwrap_or_else(broken)))
    }

    /// A timer has run out: the end, and what it leaves to be sent, put behind `joined`.
    fn expire(&mut self, failure: Failure, joined: &mut Collected) -> End {
        let (last, end) = match self.ended(Some(failure)) {
            Ok(last) => (last.unwrap_or_default(), End::Complete),
            Err((last, failure)) => (last, End::Broken(failure)),
        };
        joined.push(last, 0);
        end
    }

    /// Whether nothing of the upstream's matters any more: `[DONE]` came, or a failure.
    fn is_over(&self) -> bool {
        matches!(&self.decoder, Decoder::Events(stream) if stream.is_over())
    }

    /// Lets the upstream go.
    fn let_go(&mut self) {
        self.rest = None;
    }

    /// Whether it is a stream that has said nothing yet.
    fn waits_for_content(&self) -> bool {
        matches!(&self.decoder, Decoder::Events(stream) if !stream.content_seen())
    }

    /// What has run out by `now`, if the upstream was last heard at `heard`.
    fn late(&self, now: Instant, heard: Instant) -> Option<Failure> {
        let text = if now >= self.deadline {
            "the answer took longer than the provider's total time"
        } else if self.idle.is_some_and(|idle| now >= heard + idle) {
            "the upstream's stream fell silent"
        } else if now >= self.first_token && self.waits_for_content() {
            "the upstream's stream brought no content in time"
        } else {
            return None;
        };
        Some(Failure::new(FailureClass::Timeout, text))
    }

    /// Whether the upstream has said that this was all. Many a caller leaves then, before the HTTP body has ended.
    fn is_said(&self) -> bool {
        matches!(&self.decoder, Decoder::Events(stream) if stream.done_seen())
    }

    /// Whether a comment may be put in here: not inside of a frame.
    fn may_ping(&self) -> bool {
        match &self.decoder {
            Decoder::Events(stream) => !stream.mid_frame(),
            Decoder::Opaque(_) => false,
        }
    }

    /// The event that says that the answer broke off. A unary body has no place for one.
    fn broken_off(&mut self, fault: &Fault) -> Result<Bytes, BrokenOff> {
        let Decoder::Events(stream) = &mut self.decoder else { return Err(BrokenOff) };
        let event = http::stream_error(fault);
        let unfinished = stream.end(now_unix()).bytes;
        Ok(if unfinished.is_empty() { event } else { [unfinished, event].concat().into() })
    }
}
