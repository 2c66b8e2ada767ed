//! The body of an answer that is still coming: takes what the upstream has sent, joins it into one piece, passes
//! it on, and sees to it that the caller learns how it ended (semantics S2).
//!
//! It never waits for more in order to join, and it never invents an end: what breaks off becomes an error event.

use super::call::Call;
use super::commit::Committed;
use super::drain;
use super::flow::{BrokenOff, Flow};
use super::meter::Meter;
use super::missed::Lack;
use super::verdict::{broken_stream, known_codes};
use super::walking::Walking;
use crate::app::Gateway;
use crate::clock;
use crate::collected::Collected;
use crate::fault::{Fault, FaultKind};
use crate::observe::{self, Caller, Outcome};
use crate::words;
use bytes::Bytes;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use weir_config::Failure;
use weir_wire::Api;

/// A piece of at least so many bytes is joined with no other: what one stream holds is bounded (semantics S9.3).
const JOIN: usize = 4 << 10;
/// A piece up to this is what every stream's share has room for twice.
const USUAL: usize = 12 << 10;

/// The body of an answer that is still coming.
pub(crate) struct Relay(State);

enum State {
    /// Nobody has committed yet; the caller gets a comment now and then.
    Waiting {
        api: Api,
        walking: Walking,
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
    pub(super) fn waiting(api: Api, walking: Walking, gateway: Arc<Gateway>) -> Self {
        // Due at once: the headers go out with this first byte.
        let ping = Box::pin(tokio::time::sleep(Duration::ZERO));
        let walking = Box::pin(Caller::HasHeaders.scope(walking));
        Self(State::Waiting { api, walking, ping, gateway })
    }

    /// Passes `flow` on.
    pub(crate) fn flowing(call: Box<Call>, flow: Flow) -> Self {
        Self(State::Flowing(Box::new(Flowing::new(call, flow))))
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        loop {
            match &mut self.0 {
                State::Ended => return Poll::Ready(None),
                State::Waiting { api, gateway, .. } if gateway.shutdown.is_cut() => {
                    let last = words::error_event(*api, &Fault::shutting_down());
                    self.0 = State::Ended;
                    return Poll::Ready(Some(Ok(last)));
                }
                State::Waiting { api, walking, ping, gateway } => {
                    if let Poll::Ready((call, result)) = walking.as_mut().poll(cx) {
                        match self.begin(call, result) {
                            Some(last) => return Poll::Ready(Some(Ok(last))),
                            None => continue,
                        }
                    }
                    ready!(ping.as_mut().poll(cx));
                    ping.as_mut().reset((clock::now() + gateway.keep_alive).into());
                    return Poll::Ready(Some(Ok(api.ping())));
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
        call.recorder.event.outcome = Some(Outcome { status: 200, code: fault.code() });
        self.0 = State::Ended;
        Some(words::error_event(call.request.api(), &fault))
    }

    /// Whether nothing comes any more.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.0, State::Ended)
    }
}

/// An answer under way. Dropped before its end, the caller has left, or the process ends.
struct Flowing {
    /// `None` once the end is settled.
    inner: Option<Meter>,
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
    fn new(call: Box<Call>, flow: Flow) -> Self {
        let now = clock::now();
        let meter = Meter::new(call, flow);
        // Armed for the soonest thing that may be due, and again whenever it fires: never once per event.
        let timer = Box::pin(tokio::time::sleep_until(due(&meter, now, now).into()));
        Self { inner: Some(meter), timer, heard: now, sent: now, large: 0 }
    }

    /// What can be sent now. At the end, whatever it was, `inner` is taken.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, BrokenOff>> {
        let Some(meter) = &mut self.inner else { return Poll::Ready(Ok(Bytes::new())) };
        if meter.call.gateway.shutdown.is_cut() {
            return Poll::Ready(self.end(Collected::default(), End::Cut));
        }
        let (joined, came, end) = join(&mut meter.flow, cx);
        let event = &mut meter.call.recorder.event;
        if event.first_token.is_none() && !meter.flow.waits_for_content() {
            event.first_token = Some(clock::since(event.began));
        }
        if let Some(end) = end {
            return Poll::Ready(self.end(joined, end));
        }
        let large = if joined.len() > USUAL { joined.room() } else { 0 };
        if !meter.count(self.large + large) {
            return Poll::Ready(self.end(joined, End::Crowded));
        }
        if came {
            self.heard = clock::now();
            if let Some(failure) = meter.flow.late(self.heard, self.heard) {
                return Poll::Ready(self.expire(failure, joined));
            }
            if meter.flow.whole.is_some() {
                self.timer.as_mut().reset(due(meter, self.heard, self.sent).into());
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
            let now = clock::now();
            let Some(meter) = &mut self.inner else { return Poll::Ready(Ok(Bytes::new())) };
            if let Some(failure) = meter.flow.late(now, self.heard) {
                return Poll::Ready(self.expire(failure, Collected::default()));
            }
            let ping = now >= self.sent + meter.call.gateway.keep_alive;
            if ping {
                self.sent = now;
            }
            self.timer.as_mut().reset(due(meter, self.heard, self.sent).into());
            if ping && let Some(comment) = meter.flow.reading.ping() {
                self.large = 0;
                return Poll::Ready(Ok(comment));
            }
        }
    }

    /// A timer has run out: what it leaves to be sent goes behind `joined`.
    fn expire(&mut self, failure: Failure, mut joined: Collected) -> Result<Bytes, BrokenOff> {
        let Some(meter) = &mut self.inner else { return Ok(joined.into_bytes()) };
        let (last, end) = match meter.flow.ended(Some(failure)) {
            Ok(last) => (last.unwrap_or_default(), End::Complete),
            Err((last, failure)) => (last, End::Broken(failure)),
        };
        joined.push(last);
        self.end(joined, end)
    }

    /// Settles and says the last words.
    fn end(&mut self, mut last: Collected, end: End) -> Result<Bytes, BrokenOff> {
        let Some(mut meter) = self.inner.take() else { return Ok(Bytes::new()) };
        meter.flow.let_go();
        let Meter { call, flow, .. } = &mut meter;
        let (fault, code) = match end {
            End::Complete => {
                call.recorder.event.outcome = Some(Outcome::OK);
                return Ok(last.into_bytes());
            }
            End::Broken(mut failure) => {
                flow.target.site.withheld.take_out_of(&mut failure);
                let (provider, class) = (&flow.target.provider.name, failure.class.name());
                tracing::warn!(%provider, class, reason = failure.own_words(), "an answer broke off");
                call.recorder.event.broke_off(class);
                let disclosure = call.settings.listener.disclosure;
                (broken_stream(failure, known_codes(&flow.target), disclosure), "stream_broken")
            }
            End::Cut => (Fault::shutting_down(), "shutting_down"),
            End::Crowded => {
                call.recorder.event.broke_off(observe::NO_ROOM);
                (Fault::overloaded(Lack::Memory.text(), call.worker.random()), "overloaded")
            }
        };
        call.recorder.event.outcome = Some(Outcome { status: 200, code });
        last.push(flow.broken_off(&fault)?);
        Ok(last.into_bytes())
    }
}

impl Drop for Flowing {
    fn drop(&mut self) {
        let Some(mut meter) = self.inner.take() else { return };
        meter.call.recorder.end_as_seen_by(Some(Caller::HasHeaders));
        drain::leave(meter);
    }
}

/// What is there of `flow`, as one piece; whether anything came, even if nothing of it goes on yet; and its end, if
/// that is there, too.
fn join(flow: &mut Flow, cx: &mut Context<'_>) -> (Collected, bool, Option<End>) {
    let mut joined = Collected::default();
    joined.push(std::mem::take(&mut flow.ready));
    let mut came = joined.len() > 0;
    loop {
        if joined.len() >= JOIN && !flow.is_over() {
            return (joined, came, None);
        }
        match flow.poll_more(cx) {
            Poll::Ready(Ok(Some(bytes))) => {
                came = true;
                joined.push(bytes);
            }
            Poll::Ready(Ok(None)) => return (joined, came, Some(End::Complete)),
            Poll::Ready(Err((last, failure))) => {
                joined.push(last);
                return (joined, came, Some(End::Broken(failure)));
            }
            Poll::Pending => return (joined, came, None),
        }
    }
}

/// When the timer must look again.
fn due(meter: &Meter, heard: Instant, sent: Instant) -> Instant {
    let next = meter.flow.expires(heard);
    if meter.flow.reading.is_stream() { next.min(sent + meter.call.gateway.keep_alive) } else { next }
}
