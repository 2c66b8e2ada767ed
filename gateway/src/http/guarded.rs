//! A caller's socket with the timers that keep slow ones from holding it (semantics S9.4).
//!
//! hyper's own header timer also ends connections that are merely kept, costs a timer per request, and HTTP/2 has
//! none. This one is told what the connection is doing and re-arms a single timer lazily: when it fires too early.

use crate::app::Gateway;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// What a connection is doing, shared by its socket and its requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Doing(Arc<Requests>);

/// All of them are touched by one worker alone; atomics only because its tasks might move.
#[derive(Debug, Default)]
struct Requests {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

/// A request is being answered; dropped with the last byte of its answer.
#[derive(Debug)]
pub(super) struct Busy(Doing);

impl Doing {
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
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A timer that is told deadlines and asked whether one has passed.
#[derive(Debug, Default)]
pub(super) struct Timer {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    pub(super) fn clear(&mut self) {
        self.deadline = None;
    }

    /// Ready when the deadline has passed; begins one of `within` if there is none.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, within: Duration) -> Poll<()> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + within);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        if sleep.deadline().into_std() > deadline {
            sleep.as_mut().reset(deadline.into());
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline.into());
        }
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
            self.read.clear();
        }
    }

    /// Nothing more to read yet, and no request is being answered: how long may that go on?
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let bounds = &self.gateway.bounds;
        let (within, what) = if self.in_head {
            (bounds.headers, "the headers come too slowly")
        } else {
            (bounds.kept, "kept without a request")
        };
        self.read.poll(cx, within).map(|()| Err(timed_out(what)))
    }

    fn wrote<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(result) => {
                self.write.clear();
                Poll::Ready(result)
            }
            Poll::Pending => {
                let late = self.write.poll(cx, self.gateway.bounds.write_idle);
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
        if this.doing.is_busy() {
            this.read.clear(); // the requests' own timers rule
            return polled;
        }
        if polled.is_pending() {
            return this.poll_patience(cx);
        }
        if this.speaks == Speaks::Http1 && !this.in_head {
            this.in_head = true;
            this.read.clear();
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
