//! A caller's socket with the timers that keep slow ones from holding it (semantics S9.4).
//!
//! hyper's own header timer also ends connections that are merely kept, and costs a timer per request. This one
//! is told what the connection is doing and re-arms a single timer lazily: when it fires too early.

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// From a request's first byte to the end of its headers.
const HEADERS: Duration = Duration::from_secs(10);
/// A kept connection without a request: longer than clients keep theirs, so that it is they who close.
const KEPT: Duration = Duration::from_secs(120);
/// The caller takes no byte of an answer.
const WRITE_IDLE: Duration = Duration::from_secs(60);

const KEEPING: u8 = 0;
const BUSY: u8 = 1;

/// What a connection is doing, shared by its socket and its requests.
#[derive(Debug, Clone)]
pub(super) struct Doing(Arc<AtomicU8>);

/// A request is being answered; dropped with the last byte of its answer.
#[derive(Debug)]
pub(super) struct Busy(Doing);

impl Doing {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(KEEPING)))
    }

    pub(super) fn busy(&self) -> Busy {
        self.0.store(BUSY, Ordering::Relaxed);
        Busy(self.clone())
    }

    fn is_busy(&self) -> bool {
        self.0.load(Ordering::Relaxed) == BUSY
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.store(KEEPING, Ordering::Relaxed);
    }
}

/// A timer that is told deadlines and asked whether one has passed.
#[derive(Debug, Default)]
struct Timer {
    deadline: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn clear(&mut self) {
        self.deadline = None;
    }

    /// Ready when the deadline has passed; begins one of `within` if there is none.
    fn poll(&mut self, cx: &mut Context<'_>, within: Duration) -> Poll<()> {
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

/// A caller's socket.
#[derive(Debug)]
pub(super) struct Guarded {
    io: TokioIo<TcpStream>,
    doing: Doing,
    /// Bytes of a request's head have come.
    in_head: bool,
    read: Timer,
    write: Timer,
}

impl Guarded {
    pub(super) fn new(stream: TcpStream, doing: Doing) -> Self {
        Self {
            io: TokioIo::new(stream),
            doing,
            in_head: false,
            read: Timer::default(),
            write: Timer::default(),
        }
    }

    fn wrote<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(result) => {
                self.write.clear();
                Poll::Ready(result)
            }
            Poll::Pending => {
                self.write.poll(cx, WRITE_IDLE).map(|()| Err(timed_out("the caller takes no bytes")))
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
        if this.doing.is_busy() {
            // The request's own timers rule.
            this.in_head = false;
            this.read.clear();
            return polled;
        }
        if polled.is_ready() {
            if !this.in_head {
                this.in_head = true;
                this.read.clear();
            }
            return polled;
        }
        let (within, what) = if this.in_head {
            (HEADERS, "the headers come too slowly")
        } else {
            (KEPT, "kept without a request")
        };
        this.read.poll(cx, within).map(|()| Err(timed_out(what)))
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
