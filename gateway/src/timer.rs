//! One timer for many deadlines, one after the other: it is re-armed when it fires too early, not for each of them.
//! Setting and clearing a timer of the runtime for every request costs more than reading the request's head.

use crate::clock;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// A timer that is asked whether a deadline has passed.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready when `deadline` has passed. The task is woken then, or earlier.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        if sleep.deadline().into_std() > deadline {
            sleep.as_mut().reset(deadline.into());
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if clock::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline.into());
        }
    }

    /// Sees to it that the task is woken within `at_most`.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_>, at_most: Duration) {
        if self.0.as_ref().is_none_or(|sleep| sleep.is_elapsed()) {
            let _ = self.poll(cx, clock::now() + at_most);
        }
    }
}

/// The timer of the requests of one connection that takes them one by one.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedTimer(Arc<Mutex<Timer>>);

impl SharedTimer {
    /// What `future` gives, unless `deadline` passes first.
    pub(crate) async fn until<T>(
        &self,
        deadline: Instant,
        mut future: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                let mut timer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                timer.poll(cx, deadline).map(|()| None)
            }
        })
        .await
    }
}
