//! The streams of an HTTP/2 connection: each is a task, hears of the shutdown, and ends when its caller takes
//! nothing (semantics S9.4).
//!
//! A caller of HTTP/1.1 that takes nothing blocks its socket, and `guarded` sees it. On HTTP/2 it merely grants no
//! window: the socket is fine, and hyper waits for room for ever. Only the stream's outbox knows that nothing is taken,
//! and only the task around hyper's can end it.

use super::connection::until_ended;
use super::outbox::Outbox;
use crate::app::Gateway;
use crate::tasks;
use crate::timer::Timer;
use hyper::rt::Executor;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Spawns hyper's tasks for the streams of one connection.
#[derive(Clone)]
pub(super) struct Streams {
    gateway: Arc<Gateway>,
    /// Bytes on their way, of all of them together.
    on_their_way: Arc<AtomicUsize>,
}

impl Streams {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway, on_their_way: Arc::default() }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let gateway = Arc::clone(&self.gateway);
        let outbox = Outbox::of_stream(Arc::clone(&self.on_their_way));
        tasks::spawn("http/2 stream", async move {
            let mut stream = pin!(Arc::clone(&outbox).scope(stream));
            let mut stall = Stall::default();
            let whole = pin!(poll_fn(|cx| match stream.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => stall.poll(cx, &outbox, gateway.bounds.write_idle),
            }));
            until_ended(&gateway, whole, |_| {}, || false).await; // dropped, a stream is reset
        });
    }
}

/// Watches whether the caller takes nothing for too long.
#[derive(Default)]
struct Stall {
    timer: Timer,
    /// How much had been taken, and since when it is no more.
    at: Option<(u64, Instant)>,
}

impl Stall {
    fn poll(&mut self, cx: &mut Context<'_>, outbox: &Outbox, within: Duration) -> Poll<()> {
        let Some(taken) = outbox.stuck_at() else {
            self.at = None;
            return Poll::Pending;
        };
        let since = match self.at {
            Some((before, since)) if before == taken => since,
            _ => self.at.insert((taken, Instant::now())).1,
        };
        self.timer.poll(cx, since + within)
    }
}
