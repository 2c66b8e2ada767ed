//! A caller's socket with the timers that keep slow ones from holding it (semantics S9.4).
//!
//! hyper's own header timer also ends connections that are merely kept, costs a timer per request, and HTTP/2 has
//! none. This one is told what the connection is doing, and has a single timer that is moved lazily: when it fires
//! too early. It is armed during requests as well, because hyper does not ask again for a read that was pending
//! before the answer ended: nobody would notice that the connection is merely kept from then on.

use crate::app::Gateway;
use crate::timer::Timer;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// What a connection is doing, shared by its socket and its requests.
#[derive(Debug, Clone)]
pub(super) struct Doing(Arc<Requests>);

/// All of them are touched by one worker alone; atomics only because its tasks might move.
#[derive(Debug)]
struct Requests {
    opened: Instant,
    begun: AtomicUsize,
    ended: AtomicUsize,
    /// When the last one ended, in milliseconds after `opened`.
    last_end: AtomicU64,
}

/// A request is being answered; dropped with the last byte of its answer.
#[derive(Debug)]
pub(super) struct Busy(Doing);

impl Doing {
    pub(super) fn new() -> Self {
        let (begun, ended, last_end) = Default::default();
        Self(Arc::new(Requests { opened: Instant::now(), begun, ended, last_end }))
    }

    pub(super) fn busy(&self) -> Busy {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Requests that have begun, ever.
    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn is_busy(&self) -> bool {
        self.begun() != self.0.ended.load(Ordering::Relaxed)
    }

    /// Since when there has been no request, if there is none.
    fn idle_since(&self) -> Instant {
        self.0.opened + Duration::from_millis(self.0.last_end.load(Ordering::Relaxed))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let requests = &self.0.0;
        let millis = u64::try_from(requests.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        requests.last_end.store(millis, Ordering::Relaxed);
        requests.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the caller speaks: what reading means depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// Bytes between two requests are the next one's head.
    Http1,
    /// Bytes may as well be settings and pings, which keep no connection alive.
    Http2,
}

/// A caller's socket.
#[derive(Debug)]
pub(super) struct Guarded {
    io: TokioIo<TcpStream>,
    gateway: Arc<Gateway>,
    speaks: Speaks,
    doing: Doing,
    /// How many requests had begun when the read timer was last looked at.
    begun: usize,
    /// Bytes of a request's head have come.
    in_head: bool,
    /// Since when more of the head is missing.
    head_since: Option<Instant>,
    /// Since when the caller takes no byte.
    stuck_since: Option<Instant>,
    read: Timer,
    write: Timer,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream, gateway: Arc<Gateway>, speaks: Speaks, doing: Doing) -> Self {
        Self {
            io: TokioIo::new(stream),
            gateway,
            speaks,
            doing,
            begun: 0,
            // The first bytes are there: they told what the caller speaks.
            in_head: true,
            head_since: None,
            stuck_since: None,
            read: Timer::default(),
            write: Timer::default(),
        }
    }

    /// A request that was answered since leaves nothing of the head before it: also one that came and went
    /// between two reads.
    fn forget_answered(&mut self) {
        let begun = self.doing.begun();
        if begun != self.begun {
            self.begun = begun;
            self.in_head = false;
        }
    }

    /// Nothing more to read yet: how long may that go on?
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let bounds = &self.gateway.bounds;
        if self.doing.is_busy() {
            self.read.arm(cx, bounds.kept); // the requests' own timers rule
            return Poll::Pending;
        }
        let (deadline, what) = if self.in_head {
            let since = *self.head_since.get_or_insert_with(Instant::now);
            (since + bounds.headers, "the headers come too slowly")
        } else {
            (self.doing.idle_since() + bounds.kept, "kept without a request")
        };
        self.read.poll(cx, deadline).map(|()| Err(timed_out(what)))
    }

    fn wrote<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(result) => {
                self.stuck_since = None;
                Poll::Ready(result)
            }
            Poll::Pending => {
                let since = *self.stuck_since.get_or_insert_with(Instant::now);
                let late = self.write.poll(cx, since + self.gateway.bounds.write_idle);
                late.map(|()| Err(timed_out("the caller takes no bytes")))
            }
        }
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl Read for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.io).poll_read(cx, buf);
        this.forget_answered();
        if polled.is_pending() {
            return this.poll_patience(cx);
        }
        if this.speaks == Speaks::Http1 && !this.in_head {
            this.in_head = true;
            this.head_since = None;
        }
        polled
    }
}

impl Write for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.wrote(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(cx);
        self.wrote(cx, polled)
    }
}
