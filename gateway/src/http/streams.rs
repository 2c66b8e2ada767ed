//! The streams of an HTTP/2 connection: each is a task, hears of the shutdown, and ends when its caller takes
//! nothing (semantics S9.4).
//!
//! A caller of HTTP/1.1 that takes nothing blocks its socket, and `guarded` sees it. On HTTP/2 it merely grants no
//! window: the socket is fine, and hyper waits for room without asking the body again, for ever. Only the body
//! knows when it was last asked, and only the task around hyper's can end it; a task-local joins the two.

use super::connection::until_ended;
use crate::app::Gateway;
use crate::tasks;
use crate::timer::Timer;
use hyper::rt::Executor;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

tokio::task_local! {
    static TAKEN: Arc<Taken>;
}

/// What was taken of a stream's answer.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Pieces handed out.
    pieces: AtomicUsize,
    /// Of those, the ones after which the body was asked for more.
    asked_after: AtomicUsize,
}

impl Taken {
    /// That of the stream whose task this is; `None` on HTTP/1.1.
    pub(super) fn of_this_stream() -> Option<Arc<Self>> {
        TAKEN.try_with(Arc::clone).ok()
    }

    /// The body was asked for more, and gave a piece or had none.
    pub(super) fn asked(&self, gave: bool) {
        let before = self.pieces.fetch_add(usize::from(gave), Ordering::Relaxed);
        self.asked_after.store(before, Ordering::Relaxed);
    }

    /// How many pieces were handed out, if the last one has no room yet.
    fn stuck_at(&self) -> Option<usize> {
        let pieces = self.pieces.load(Ordering::Relaxed);
        (self.asked_after.load(Ordering::Relaxed) != pieces).then_some(pieces)
    }
}

/// Spawns hyper's tasks for streams.
#[derive(Clone)]
pub(super) struct Streams(Arc<Gateway>);

impl Streams {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        Self(gateway)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let gateway = Arc::clone(&self.0);
        tasks::spawn("http/2 stream", async move {
            let taken = Arc::new(Taken::default());
            let mut stream = pin!(TAKEN.scope(Arc::clone(&taken), stream));
            let mut stall = Stall::default();
            let whole = pin!(poll_fn(|cx| match stream.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => stall.poll(cx, &taken, gateway.bounds.write_idle),
            }));
            until_ended(&gateway, whole, |_| {}).await; // dropped, a stream is reset
        });
    }
}

/// Watches whether a piece finds no room for too long.
#[derive(Default)]
struct Stall {
    timer: Timer,
    /// Which piece, and since when.
    at: Option<(usize, Instant)>,
}

impl Stall {
    fn poll(&mut self, cx: &mut Context<'_>, taken: &Taken, within: Duration) -> Poll<()> {
        let Some(piece) = taken.stuck_at() else { return Poll::Pending };
        let since = match self.at {
            Some((same, since)) if same == piece => since,
            _ => self.at.insert((piece, Instant::now())).1,
        };
        self.timer.poll(cx, since + within)
    }
}
