//! Whether a caller takes nothing, or next to nothing, of what is on its way to it (semantics S9.4).
//!
//! A byte now and then is not enough: its caller would hold an answer, its share of the memory budget and a socket for
//! as long as it likes. What counts is a piece, or all that is on its way where that is less: so a stream of small
//! events asks no pace of anybody who takes each.

use super::body::PIECE;
use crate::clock;
use crate::timer::Timer;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Tells when a caller has had its time for a piece.
#[derive(Debug, Default)]
pub(super) struct Stall {
    timer: Timer,
    /// How many bytes it is to have taken, and since when.
    due: Option<(u64, Instant)>,
}

impl Stall {
    /// Of `given` bytes the caller has `taken` some, and takes no more now. Ready when it has had the time that it has
    /// `within`; the task is woken then. The clock is read where a piece begins, not for each byte.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        taken: u64,
        given: u64,
        within: Duration,
    ) -> Poll<()> {
        let since = match self.due {
            Some((due, since)) if taken < due => since,
            _ => self.due.insert((given.min(taken.saturating_add(PIECE as u64)), clock::now())).1,
        };
        self.timer.poll(cx, since + within)
    }

    /// All that was on its way has been taken.
    pub(super) fn end(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    const WITHIN: Duration = Duration::from_millis(100);
    const ALL: u64 = PIECE as u64;

    /// What becomes of a caller who has taken each of `taken` of `given` bytes after half of the time that it has.
    async fn given_up(taken: &[u64], given: u64) -> bool {
        let mut stall = Stall::default();
        for taken in taken {
            let is_late = poll_fn(|cx| Poll::Ready(stall.poll(cx, *taken, given, WITHIN).is_ready()));
            if is_late.await {
                return true;
            }
            tokio::time::sleep(WITHIN / 2).await;
        }
        false
    }

    #[tokio::test]
    async fn s9_4_a_byte_now_and_then_is_not_enough() {
        assert!(given_up(&[0, 1, 2, 3, 4], u64::MAX).await);
        assert!(given_up(&[0, ALL - 1, ALL - 1, ALL - 1], u64::MAX).await);
        assert!(given_up(&[0, 0, 299, 299], 300).await);
    }

    #[tokio::test]
    async fn s9_4_a_piece_or_all_that_is_there_begins_the_time_anew() {
        assert!(!given_up(&[0, ALL, 2 * ALL, 3 * ALL, 4 * ALL], u64::MAX).await);
        let mut stall = Stall::default();
        for event in 1..6 {
            let is_late =
                poll_fn(|cx| Poll::Ready(stall.poll(cx, event * 300 - 300, event * 300, WITHIN).is_ready()));
            assert!(!is_late.await, "{event}");
            tokio::time::sleep(WITHIN / 2).await;
            stall.end();
        }
        for event in 6..11 {
            let (taken, given) = (event * 300 - 300, event * 300); // the next is there before the last is taken
            assert!(
                !poll_fn(|cx| Poll::Ready(stall.poll(cx, taken, given, WITHIN).is_ready())).await,
                "{event}"
            );
            tokio::time::sleep(WITHIN / 2).await;
        }
    }
}
