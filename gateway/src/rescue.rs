//! A request's attempts beyond its first, paid from its route's retry budget (semantics S1.3).

use crate::live::{LiveRoute, RescueBudget};
use std::mem;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use weir_policy::{RetryBudget, Take, Tokens, Wake};

/// Counts a request of `route`.
pub(crate) fn count(route: &LiveRoute, now: Instant) {
    lock(&route.rescue).request(now, route.config.retry.budget_percent);
}

/// One request's tokens; dropped without an end, the request was abandoned.
#[derive(Debug)]
pub(crate) struct Rescue {
    budget: Arc<RescueBudget>,
    tokens: Tokens,
    /// Whether any was asked for: most requests never do, and then there is nothing to give back.
    asked: bool,
}

impl Rescue {
    pub(crate) fn new(route: &LiveRoute) -> Self {
        Self { budget: Arc::clone(&route.rescue), tokens: Tokens::default(), asked: false }
    }

    /// Takes a token for one more attempt; where none is free but some may come back, waits for them until
    /// `deadline`. False: there is none to be had.
    pub(crate) async fn take(&mut self, ahead: u32, deadline: Instant) -> bool {
        let budget = Arc::clone(&self.budget);
        loop {
            let changed = listen(&budget.changed);
            let _waiting = match self.take_now(ahead) {
                Ok(granted) => return granted,
                Err(waiting) => waiting,
            };
            if tokio::time::timeout_at(deadline.into(), changed).await.is_err() {
                return false;
            }
        }
    }

    /// Whether there is a token now; an error is a place among those that wait for one, taken under the same lock,
    /// so that nothing is given back unnoticed in between.
    fn take_now(&mut self, ahead: u32) -> Result<bool, Waiting> {
        self.asked = true;
        let mut budget = lock(&self.budget);
        match budget.take(Instant::now(), &mut self.tokens, ahead) {
            Take::Granted => Ok(true),
            Take::Refused => Ok(false),
            Take::Wait => Err(Waiting::new(&self.budget)),
        }
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
        if !mem::take(&mut self.asked) {
            return;
        }
        let tokens = mem::take(&mut self.tokens);
        let mut budget = lock(&self.budget);
        match how(&mut budget, Instant::now(), tokens) {
            Wake::Some(few) => {
                let few = few.min(self.budget.waiting.load(Ordering::Relaxed));
                (0..few).for_each(|_| self.budget.changed.notify_one());
            }
            Wake::All => self.budget.changed.notify_waiters(),
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
}
