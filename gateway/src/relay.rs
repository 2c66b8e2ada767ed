//! The body of an answer that is still coming: takes what the upstream has sent, joins it into one piece, passes
//! it on, and sees to it that the caller learns how it ended (semantics S2).
//!
//! It never waits for more in order to join, and it never invents an end: what breaks off becomes an error event.

use crate::app::Gateway;
use crate::attempt::Committed;
use crate::call::{Call, NO_ROOM};
use crate::collected::Collected;
use crate::drain;
use crate::fault::{Fault, FaultKind};
use crate::flow::{BrokenOff, Flow};
use crate::http;
use crate::observe::{self, Caller, Outcome};
use crate::settle::settle;
use crate::told::{broken_stream, known_codes, own_words};
use bytes::Bytes;
use http_body::{Body, Frame};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use weir_config::{Failure, OnAbort};

/// A piece of at least so many bytes is joined with no other: what one stream holds is bounded (semantics S9.3).
const JOIN: usize = 4 << 10;
/// A piece up to this is what every stream's share has room for twice.
const USUAL: usize = 12 << 10;

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
        let attempts = Box::pin(Caller::HasHeaders.scope(attempts));
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
                    return Poll::Ready(Some(Ok(http::API.ping())));
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

/// An answer under way. Dropped before its end, the caller has left, or the process ends.
struct Flowing {
    /// `None` once the end is settled.
    inner: Option<(Box<Call>, Flow)>,
    timer: Pin<Box<Sleep>>,
    /// When the upstream last sent a byte.
    heard: Instant,
    /// When the caller was last sent one.
    sent: Instant,
    /// The length of the piece given out last, if it is more than usual: it may be on its way until the next but one.
    large: usize,
}

/// How an answer ended.
enum End {
    Complete,
    Broken(Failure),
    /// The drain's time was over.
    Cut,
    /// The memory budget has no room for what it holds.
    Crowded,
}

impl Flowing {
    fn new(mut call: Box<Call>, flow: Flow) -> Self {
        let now = Instant::now();
        call.go_on_with(&flow, 0);
        // Armed for the soonest thing that may be due, and again whenever it fires: never once per event.
        let timer = Box::pin(tokio::time::sleep_until(due(&call, &flow, now, now).into()));
        Self { inner: Some((call, flow)), timer, heard: now, sent: now, large: 0 }
    }

    /// What can be sent now. At the end, whatever it was, `inner` is taken.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BrokenOff>> {
        let Some((call, flow)) = &mut self.inner else { return Poll::Ready(Ok(Bytes::new())) };
        if call.gateway.shutdown.is_cut() {
            return Poll::Ready(self.end(Collected::default(), End::Cut));
        }
        let mut joined = Collected::default();
        joined.push(std::mem::take(&mut flow.ready));
        let mut came = joined.len() > 0;
        let end = loop {
            if joined.len() >= JOIN && !flow.is_over() {
                break None;
            }
            match flow.poll_more(cx) {
                Poll::Ready(Ok(Some(bytes))) => {
                    came = true; // even if nothing of it goes on yet
                    joined.push(bytes);
                }
                Poll::Ready(Ok(None)) => break Some(End::Complete),
                Poll::Ready(Err((last, failure))) => {
                    joined.push(last);
                    break Some(End::Broken(failure));
                }
                Poll::Pending => break None,
            }
        };
        if call.recorder.event.first_token.is_none() && !flow.waits_for_content() {
            call.recorder.event.first_token = Some(call.recorder.event.began.elapsed());
        }
        if let Some(end) = end {
            return Poll::Ready(self.end(joined, end));
        }
        let large = if joined.len() > USUAL { joined.room() } else { 0 };
        if !call.count_flow(flow, self.large + large) {
            return Poll::Ready(self.end(joined, End::Crowded));
        }
        if came {
            self.heard = Instant::now();
            if let Some(failure) = flow.late(self.heard, self.heard) {
                let end = expire(flow, failure, &mut joined);
                return Poll::Ready(self.end(joined, end));
            }
        }
        if joined.len() == 0 {
            return self.poll_timer(cx);
        }
        (self.sent, self.large) = (self.heard, large);
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
                let end = expire(flow, failure, &mut joined);
                return Poll::Ready(self.end(joined, end));
            }
            let ping = flow.idle.is_some() && now >= self.sent + call.gateway.keep_alive;
            if ping {
                self.sent = now;
            }
            self.timer.as_mut().reset(due(call, flow, self.heard, self.sent).into());
            if ping && let Some(comment) = flow.reading.ping() {
                self.large = 0;
                return Poll::Ready(Ok(comment));
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
                call.recorder.event.broke_off(class);
                let disclosure = call.settings.listener.disclosure;
                (broken_stream(failure, known_codes(&flow.account), disclosure), "stream_broken")
            }
            End::Cut => (Fault::shutting_down(), "shutting_down"),
            End::Crowded => {
                call.recorder.event.broke_off(observe::NO_ROOM);
                (Fault::overloaded(NO_ROOM, call.recorder.worker.random()), "overloaded")
            }
        };
        call.recorder.event.outcome = Outcome { status: 200, code };
        last.push(flow.broken_off(&fault)?);
        Ok(last.into_bytes())
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        let Some((mut call, mut flow)) = self.inner.take() else { return };
        call.recorder.end_as_seen_by(Some(Caller::HasHeaders));
        if flow.account.provider.on_abort == OnAbort::Continues && flow.rest.is_some() {
            drain::for_usage(call, flow);
        } else {
            settle(&mut call, &flow);
            flow.let_go();
        }
    }
}

/// A timer has run out: the end, and what it leaves to be sent, put behind `joined`.
fn expire(flow: &mut Flow, failure: Failure, joined: &mut Collected) -> End {
    let (last, end) = match flow.ended(Some(failure)) {
        Ok(last) => (last.unwrap_or_default(), End::Complete),
        Err((last, failure)) => (last, End::Broken(failure)),
    };
    joined.push(last);
    end
}

/// When the timer must look again.
fn due(call: &Call, flow: &Flow, heard: Instant, sent: Instant) -> Instant {
    let Some(idle) = flow.idle else { return flow.deadline };
    let next = (heard + idle).min(sent + call.gateway.keep_alive).min(flow.deadline);
    if flow.waits_for_content() { next.min(flow.first_token) } else { next }
}
