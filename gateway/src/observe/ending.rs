//! How a request ended that is dropped before anybody has said how. What its caller has seen by then, only those know
//! who hold its attempts, and the record is with the attempts: they are run, and dropped, in a scope that tells it. So
//! a request that ends as it should pays nothing for this.

use super::Outcome;
use crate::fault::FaultKind;
use std::future::Future;
use std::thread;

tokio::task_local! {
    /// Of the request whose attempts these are. Unset: it waits, and has seen nothing of its answer.
    static CALLER: Caller;
}

/// What a caller has seen whose request goes on without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The status 200: its stream was begun.
    HasHeaders,
    /// Nothing more: it has left, and the answer is read on without it.
    HasLeft,
}

impl Caller {
    /// Runs `attempts` for such a caller.
    pub(crate) fn scope<F: Future>(self, attempts: F) -> impl Future<Output = F::Output> {
        CALLER.scope(self, attempts)
    }

    /// Whether the caller of the attempts that are run here has left.
    pub(crate) fn has_left() -> bool {
        Self::current() == Some(Self::HasLeft)
    }

    /// The one of the attempts that are run or dropped here.
    pub(super) fn current() -> Option<Self> {
        CALLER.try_with(|caller| *caller).ok()
    }
}

/// How a request of this `caller` ended that is dropped now. `cut`: by the end of the process, unless by a fault of ours.
pub(super) fn of_dropped(caller: Option<Caller>, cut: bool) -> Outcome {
    let kind = match caller {
        Some(Caller::HasLeft) => return Outcome::CANCELED,
        _ if thread::panicking() => FaultKind::Internal,
        _ if cut => FaultKind::ShuttingDown,
        _ => return Outcome::CANCELED,
    };
    let (status, _, code) = kind.shape();
    let begun = caller == Some(Caller::HasHeaders);
    Outcome { status: if begun { 200 } else { status }, code }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::{Context, Waker};

    fn ended(status: u16, code: &'static str) -> Outcome {
        Outcome { status, code }
    }

    #[test]
    fn s9_1_what_is_dropped_ended_as_its_caller_saw_it() {
        for (caller, cut, outcome) in [
            (None, false, ended(499, "canceled")),
            (None, true, ended(503, "shutting_down")),
            (Some(Caller::HasHeaders), false, ended(499, "canceled")),
            (Some(Caller::HasHeaders), true, ended(200, "shutting_down")),
            (Some(Caller::HasLeft), false, ended(499, "canceled")),
            (Some(Caller::HasLeft), true, ended(499, "canceled")),
        ] {
            assert_eq!(of_dropped(caller, cut), outcome, "{caller:?} {cut}");
        }
    }

    /// Says how it ended when it is dropped.
    struct Dropped<'a>(&'a Mutex<Option<Outcome>>);

    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(of_dropped(Caller::current(), false));
        }
    }

    /// How attempts end that panic, run as `run` does.
    fn panicked(run: impl FnOnce(&mut Context<'_>, Dropped<'_>)) -> Option<Outcome> {
        let end = Mutex::new(None);
        let cx = &mut Context::from_waker(Waker::noop());
        let dropped = Dropped(&end);
        catch_unwind(AssertUnwindSafe(|| run(cx, dropped))).unwrap_err();
        end.into_inner().unwrap()
    }

    #[expect(clippy::unused_async, reason = "as attempts are")]
    async fn attempts(_record: Dropped<'_>) {
        panic!("a fault of ours: this is the test");
    }

    #[test]
    fn s4_7_a_panic_is_a_fault_of_ours_and_no_callers_leaving() {
        let run = |caller: Caller| {
            panicked(|cx, record| assert!(pin!(caller.scope(attempts(record))).poll(cx).is_ready()))
        };
        let waits = panicked(|cx, record| assert!(pin!(attempts(record)).poll(cx).is_ready()));
        assert_eq!(waits, Some(ended(500, "internal_error")));
        assert_eq!(run(Caller::HasHeaders), Some(ended(200, "internal_error")));
        assert_eq!(run(Caller::HasLeft), Some(ended(499, "canceled")));
    }
}
