//! A connection's task, through the phases of a shutdown.

use crate::app::Gateway;
use crate::shutdown::Phase;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

/// Drives `task` through the phases of a shutdown, until it ends or is `given_up` after it was polled. A look at the
/// phase each time costs less than a channel to be polled along with it.
pub(super) async fn until_ended<T: Future>(
    gateway: &Gateway,
    mut task: Pin<&mut T>,
    graceful: impl Fn(Pin<&mut T>),
    given_up: impl Fn() -> bool,
) {
    let shutdown = &gateway.shutdown;
    let mut woken = None;
    let mut told = false;
    std::future::poll_fn(|cx| {
        woken.get_or_insert_with(|| shutdown.wake(cx.waker().clone()));
        if shutdown.is(Phase::Ended) {
            return Poll::Ready(());
        }
        // An error is the caller's: it has gone, or speaks no HTTP. At the cut, running answers end themselves.
        let mut polled = task.as_mut().poll(cx).map(drop);
        if polled.is_pending() && !told && shutdown.is(Phase::Draining) {
            // After it was polled: a request that has come already is answered, where hyper would close on it unread.
            told = true;
            graceful(task.as_mut());
            polled = task.as_mut().poll(cx).map(drop);
        }
        if given_up() { Poll::Ready(()) } else { polled }
    })
    .await;
}
