//! A request's attempts beyond its first, paid from its route's retry budget (semantics S1.3).

use crate::clock;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use weir_config::ObjectName;
use weir_policy::{RetryBudget, Take, Tokens, Wake};

/// How often those who wait for a token look for themselves.
const LOOK: Duration = Duration::from_secs(1);

/// The tokens of a route's attempts beyond the first. Survives reloads.
#[derive(Debug)]
pub(crate) struct RescueBudget {
    tokens: Mutex<RetryBudget>,
    /// Woken when tokens were given back or burnt.
    changed: Notify,
    /// Requests that wait for that.
    waiting: AtomicU32,
}

impl RescueBudget {
    /// One that begins `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self { tokens: Mutex::new(RetryBudget::new(now)), changed: Notify::new(), waiting: AtomicU32::new(0) }
    }

    /// Counts a request, of which `percent` may be rescued whatever comes of it.
    pub(crate) fn count(&self, now: Instant, percent: u32) {
        lock(self).request(now, percent);
    }
}

/// One request's tokens; dropped without an end, the request was abandoned.
#[derive(Debug, Default)]
pub(crate) struct Rescue {
    /// None until the first is asked for: most requests never do.
    taken: Option<Taken>,
}

/// What was asked for.
#[derive(Debug)]
struct Taken {
    budget: Arc<RescueBudget>,
    tokens: Tokens,
}

impl Rescue {
    /// Takes a token of `budget` for one more attempt of a request of `key`; where none is free but some may come back,
    /// waits for them, `at_most` so long: what the longest attempt takes. False: there is none to be had. `ahead` as in
    /// [`RetryBudget::take`].
    pub(crate) async fn take(
        &mut self,
        budget: &Arc<RescueBudget>,
        key: &ObjectName,
        ahead: u32,
        at_most: Duration,
    ) -> bool {
        let taken = self.taken.get_or_insert_with(|| Taken::new(budget, key));
        taken.take(ahead, clock::now() + at_most).await
    }

    /// The request was answered.
    pub(crate) fn committed(mut self) {
        self.give_back(RetryBudget::committed);
    }

    /// No target answered it.
    pub(crate) fn failed(mut self) {
        self.give_back(RetryBudget::failed);
    }

    fn give_back(&mut self, how: fn(&mut RetryBudget, Instant, Tokens) -> Wake) {
        let Some(Taken { budget, tokens }) = self.taken.take() else { return };
        let mut policy = lock(&budget);
        match how(&mut policy, clock::now(), tokens) {
            Wake::Some(few) => {
                let few = few.min(budget.waiting.load(Ordering::Relaxed));
                (0..few).for_each(|_| budget.changed.notify_one());
            }
            Wake::All => budget.changed.notify_waiters(),
        }
    }
}

impl Taken {
    fn new(budget: &Arc<RescueBudget>, key: &ObjectName) -> Self {
        Self { budget: Arc::clone(budget), tokens: Tokens::new(key.clone()) }
    }

    /// Whether there is a token, waited for until `end`.
    async fn take(&mut self, ahead: u32, end: Instant) -> bool {
        let budget = Arc::clone(&self.budget);
        loop {
            let changed = listen(&budget.changed);
            let _waiting = match self.take_now(ahead) {
                Ok(granted) => return granted,
                Err(waiting) => waiting,
            };
            if clock::now() >= end {
                return false;
            }
            // Tokens come back with requests, and by time alone, which wakes nobody.
            drop(tokio::time::timeout(LOOK, changed).await);
        }
    }

    /// Whether there is a token now; an error is a place among those that wait for one, taken under the same lock,
    /// so that nothing is given back unnoticed in between.
    fn take_now(&mut self, ahead: u32) -> Result<bool, Waiting> {
        let mut budget = lock(&self.budget);
        match budget.take(clock::now(), &mut self.tokens, ahead) {
            Take::Granted => Ok(true),
            Take::Refused => Ok(false),
            Take::Wait => Err(Waiting::new(&self.budget)),
        }
    }
}

/// A place among those who are woken, had from now on, not from the first poll on: two that are given back before
/// anybody was polled would wake only one.
fn listen(changed: &Notify) -> Pin<Box<Notified<'_>>> {
    let mut changed = Box::pin(changed.notified());
    changed.as_mut().enable();
    changed
}

/// One request that waits for a token.
struct Waiting(Arc<RescueBudget>);

impl Waiting {
    fn new(budget: &Arc<RescueBudget>) -> Self {
        budget.waiting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(budget))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Rescue {
    fn drop(&mut self) {
        self.give_back(RetryBudget::abandoned);
    }
}

fn lock(budget: &RescueBudget) -> MutexGuard<'_, RetryBudget> {
    budget.tokens.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::task::{Context, Waker};

    #[test]
    fn s1_3_each_of_two_who_wait_is_woken_by_a_token_of_its_own() {
        let changed = Notify::new();
        let (mut first, mut second) = (listen(&changed), listen(&changed));
        changed.notify_one();
        changed.notify_one();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut cx).is_ready());
        assert!(second.as_mut().poll(&mut cx).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn s1_3_who_waits_for_a_token_and_is_woken_by_nobody_looks_for_itself() {
        let budget = Arc::new(RescueBudget::new(clock::now()));
        let key = ObjectName::new("default", "app");
        let mut pilot = Tokens::new(key.clone());
        assert_eq!(lock(&budget).take(clock::now(), &mut pilot, 10), Take::Granted);
        let mut waiter = Taken::new(&budget, &key);
        let freed = async {
            assert_eq!(budget.waiting.load(Ordering::Relaxed), 1, "all tokens are with the other");
            let _nobody_is_told = lock(&budget).committed(clock::now(), pilot);
        };
        let end = clock::now() + Duration::from_secs(600);
        // The clock moves only when nobody has anything else to wait for.
        let looked = tokio::time::timeout(2 * LOOK, waiter.take(1, end));
        let (granted, ()) = tokio::join!(looked, freed);
        assert_eq!(granted, Ok(true));
    }
}
