//! The streams of an HTTP/2 connection: each is a task, hears of the shutdown, and ends when its caller takes too
//! little (semantics S9.4).
//!
//! A caller of HTTP/1.1 that takes nothing blocks its socket, and `guarded` sees it. On HTTP/2 it merely grants no
//! window: the socket is fine, and hyper waits for room for ever. Only the stream's outbox knows what is taken, and only
//! the task around hyper's can end it.

use super::outbox::Outbox;
use super::phases::until_ended;
use super::stall::Stall;
use crate::app::Gateway;
use crate::tasks;
use hyper::rt::Executor;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};
use std::time::Duration;

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
                Poll::Pending => has_stalled(&mut stall, cx, &outbox, gateway.bounds.write_idle),
            }));
            until_ended(&gateway, whole, |_| {}, || false).await; // dropped, a stream is reset
        });
    }
}

/// Ready when the caller has taken too little of what is on its way.
fn has_stalled(stall: &mut Stall, cx: &mut Context<'_>, outbox: &Outbox, within: Duration) -> Poll<()> {
    match outbox.on_its_way() {
        Some((taken, given)) => stall.poll(cx, taken, given, within),
        None => {
            stall.end();
            Poll::Pending
        }
    }
}
