//! How long the steps of an attempt may take.

use super::missed::late;
use super::plan::Offer;
use crate::timer::SharedTimer;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};
use weir_config::Failure;

/// Until when each step of an attempt may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// The head of the answer, and the first byte behind it.
    pub(super) first_byte: Instant,
    /// A stream's first content.
    pub(super) first_token: Instant,
    /// Between two pieces of a stream.
    pub(super) idle: Duration,
    /// The whole answer.
    pub(super) deadline: Instant,
}

impl Times {
    /// Of an attempt at `offer` that began at `began`. A unary answer has no time but the whole.
    pub(super) fn new(offer: &Offer, began: Instant, stream: bool) -> Self {
        let timeouts = offer.target.provider.timeouts;
        let deadline = began + timeouts.total;
        let first_token = if stream { deadline.min(began + timeouts.first_token) } else { deadline };
        let first_byte = if stream { first_token.min(began + timeouts.first_byte) } else { deadline };
        Self { first_byte, first_token, idle: timeouts.idle, deadline }
    }
}

/// What `coming` brings, unless `until` passes first. Pinned by who calls: as an argument it would count twice in the
/// size of a request.
pub(super) async fn within<T>(
    timer: &SharedTimer,
    until: Instant,
    stream: bool,
    coming: Pin<&mut impl Future<Output = T>>,
) -> Result<T, Failure> {
    timer.until(until, coming).await.ok_or_else(|| late(stream))
}

/// The same, and `waits` is called if it is not there at once.
pub(super) async fn within_telling<T>(
    timer: &SharedTimer,
    until: Instant,
    stream: bool,
    mut coming: Pin<&mut impl Future<Output = T>>,
    waits: impl FnOnce(),
) -> Result<T, Failure> {
    let at_once = poll_fn(|cx| Poll::Ready(coming.as_mut().poll(cx))).await;
    if let Poll::Ready(brought) = at_once {
        return Ok(brought);
    }
    waits();
    within(timer, until, stream, coming).await
}
