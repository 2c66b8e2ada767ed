//! A caller's socket with the timers that keep slow ones from holding it (semantics S9.4).
//!
//! hyper's own header timer also ends connections that are merely kept, costs a timer per request, and HTTP/2 has
//! none. This one is told what the connection is doing, and has a single timer that is moved lazily: when it fires
//! too early. It is armed during requests as well, because hyper does not ask again for a read that was pending
//! before the answer ended: nobody would notice that the connection is merely kept from then on.

use super::activity::{Activity, Doing};
use super::first_bytes::{FirstBytes, Speaks};
use super::hypers_refusal::refused_by_hyper;
use super::lingering::Lingering;
use super::stall::Stall;
use super::upload::DISCARD_IDLE;
use crate::app::Gateway;
use crate::clock;
use crate::limits::{Class, Exhausted, LARGE_HEAD, Share};
use crate::sockets::{self, Stream};
use crate::timer::Timer;
use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};

/// What an HTTP/1.1 caller sent before it could read the end of an answer has come by then. HTTP/2's callers send frames
/// while they read.
const HTTP1_BEHIND: Duration = Duration::from_secs(1);

/// A caller's socket.
#[derive(Debug)]
pub(super) struct Guarded {
    io: TokioIo<Stream>,
    gateway: Arc<Gateway>,
    speaks: Speaks,
    activity: Activity,
    /// Bytes that were read already, to be read again.
    again: Bytes,
    /// It was asked to read since it was flushed last.
    asked: bool,
    /// What was read last may be of a head.
    began_head: bool,
    /// Of a head that is not complete, what came after its first bytes, and the share of the memory budget that it holds.
    unfinished: usize,
    share: Option<Share>,
    read: Timer,
    /// How much the caller has taken, and for how long it takes too little.
    taken: u64,
    stall: Stall,
    /// Set once the writing side is closed.
    lingering: Option<Box<Lingering>>,
}

impl Guarded {
    /// The socket that `first` was read from.
    pub(super) fn new(stream: Stream, first: &FirstBytes, gateway: Arc<Gateway>, activity: Activity) -> Self {
        Self {
            io: TokioIo::new(stream),
            gateway,
            speaks: first.speaks(),
            activity,
            again: Bytes::copy_from_slice(first.bytes()),
            asked: false,
            began_head: false,
            unfinished: 0,
            share: None,
            read: Timer::default(),
            taken: 0,
            stall: Stall::default(),
            lingering: None,
        }
    }

    /// Has `bytes` read once more, before anything else.
    pub(super) fn read_again(&mut self, bytes: Bytes) {
        self.again = if self.again.is_empty() { bytes } else { [bytes, self.again.clone()].concat().into() };
    }

    /// Ends it with a reset, which no caller takes for an end.
    pub(super) fn reset(self) {
        sockets::reset(self.io.into_inner());
    }

    /// The socket alone.
    pub(super) fn into_stream(self) -> Stream {
        self.io.into_inner()
    }

    /// Whether a head has begun to come and is not complete: hyper asks for more of it.
    fn is_within_head(&mut self) -> bool {
        self.began_head &= matches!(self.activity.doing(), Doing::Head { .. });
        if !self.began_head {
            (self.unfinished, self.share) = (0, None); // its request counts it
        }
        self.began_head
    }

    /// Reads more of a head that is not complete, and counts it once it is large: whose it is nobody knows yet.
    fn poll_head(&mut self, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        // Copied, to see how much comes: a cursor does not tell. Nearly all heads come with their first bytes.
        let mut piece = [MaybeUninit::uninit(); LARGE_HEAD];
        let mut piece = ReadBuf::uninit(piece.get_mut(..buf.remaining().min(LARGE_HEAD)).unwrap_or_default());
        match Pin::new(self.io.inner_mut()).poll_read(cx, &mut piece) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(failed) => return Poll::Ready(failed),
            Poll::Pending => return self.poll_patience(cx),
        }
        buf.put_slice(piece.filled());
        self.unfinished += piece.filled().len();
        if self.count_head().is_err() {
            self.activity.refuse_head(503);
            return Poll::Pending; // whoever drives the connection takes over
        }
        Poll::Ready(Ok(()))
    }

    /// Counts the head that is not complete, if it is large.
    fn count_head(&mut self) -> Result<(), Exhausted> {
        if self.unfinished <= LARGE_HEAD {
            return Ok(());
        }
        let share = self.share.get_or_insert_with(|| self.gateway.memory.share());
        // Small requests never wait for large ones, and neither for heads of nobody.
        share.try_grow((LARGE_HEAD + self.unfinished) as u64, Class::Body)
    }

    /// Nothing more to read yet: how long may that go on?
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let bounds = &self.gateway.bounds;
        let (deadline, what) = match self.activity.doing() {
            Doing::Busy { .. } => {
                self.read.arm(cx, bounds.kept); // the requests' own timers rule
                return Poll::Pending;
            }
            Doing::Head { since } => (since + bounds.headers, "the headers come too slowly"),
            Doing::Kept { since } => (since + bounds.kept, "kept without a request"),
        };
        self.read.poll(cx, deadline).map(|()| Err(timed_out(what)))
    }

    fn wrote(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match polled {
            Poll::Ready(result) => {
                self.taken += result.as_ref().map_or(0, |bytes| *bytes as u64);
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_stall(cx).map(Err),
        }
    }

    /// The socket takes no more now: how long may that go on? How much waits to be written, nobody here knows.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let late = self.stall.poll(cx, self.taken, u64::MAX, self.gateway.bounds.write_idle);
        late.map(|()| timed_out("the caller takes no bytes"))
    }

    /// What is left to do once the writing side is closed. A kept connection of HTTP/1.1 is closed at once: its caller has
    /// had the time to read its last answer, and may not look at it before it has another request.
    fn linger(&self) -> Box<Lingering> {
        let silent = match (self.speaks, self.activity.doing()) {
            (Speaks::Http1, Doing::Head { since } | Doing::Kept { since }) => since + HTTP1_BEHIND,
            (Speaks::Http1, Doing::Busy { .. }) => clock::now() + HTTP1_BEHIND,
            (Speaks::Http2, _) => clock::now() + DISCARD_IDLE,
        };
        Box::new(Lingering::new(silent))
    }

    /// Whether the caller has closed while it is answered. hyper sees that for itself unless something came behind the
    /// request's body: then it reads no more. It flushes whenever it is polled, and a look costs a call only where
    /// something has come.
    fn has_left(&self, cx: &mut Context<'_>) -> bool {
        let busy = self.speaks == Speaks::Http1 && matches!(self.activity.doing(), Doing::Busy { .. });
        let mut byte = [0];
        busy && matches!(
            self.io.inner().poll_peek(cx, &mut ReadBuf::new(&mut byte)),
            Poll::Ready(Ok(0) | Err(_))
        )
    }

    /// Whether `bytes`, about to be written, are hyper's own refusal of a head. Nothing is written then, and whoever
    /// drives the connection takes over: it looks after each poll.
    fn is_refusal(&self, bytes: &[u8]) -> bool {
        let status = refused_by_hyper(bytes).filter(|_| self.speaks == Speaks::Http1);
        if let Some(status) = status {
            self.activity.refuse_head(status);
        }
        status.is_some()
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl Read for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.asked = true;
        if !self.again.is_empty() {
            let bytes = self.again.len().min(buf.remaining());
            buf.put_slice(&self.again.split_to(bytes));
            // With what else there is: hyper doubles its buffer where a read leaves it less room than it asks for.
            self.began_head = self.speaks == Speaks::Http1;
            return match Pin::new(&mut self.io).poll_read(cx, buf) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(())),
            };
        }
        if self.began_head && self.is_within_head() {
            return self.poll_head(cx, buf);
        }
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if polled.is_pending() {
            return self.poll_patience(cx);
        }
        // On HTTP/2 they may as well be settings and pings, which keep no connection alive.
        if self.speaks == Speaks::Http1 {
            self.began_head = self.activity.read();
        }
        polled
    }
}

impl Write for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_refusal(buf) {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = bufs
            && self.is_refusal(only)
        {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Where it was asked to read, the end has been seen.
        if !std::mem::take(&mut self.asked) && self.has_left(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Ready(result) => {
                self.stall.end(); // who flushes has written everything
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_stall(cx).map(Err),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            match Pin::new(&mut this.io).poll_shutdown(cx) {
                Poll::Pending => return this.poll_stall(cx).map(Err),
                closed => ready!(closed)?,
            }
        }
        let mut lingering = this.lingering.take().unwrap_or_else(|| this.linger());
        let polled = lingering.poll(cx, this.io.inner_mut());
        this.lingering = Some(lingering);
        polled.map(Ok)
    }
}
