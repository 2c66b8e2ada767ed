//! One request's way through its targets: what follows each failure (the table of semantics S1).
//!
//! A failure moves on to the next target at once. Only when no other is left may a target that can recover by
//! itself be asked again, after a wait. The walk never waits, never asks whether the route has a retry token
//! left (`RetryBudget`), and never says what the caller is told (`verdict`).
//!
//! How many attempts (S1.4): `max_attempts`, if the route sets it, counts every attempt. By default each target
//! is asked once, up to five of them, and repeats count apart, two in all: counting them together would forbid the
//! retry that the table grants a route with a single target, and the caller's SDK repeats as well.
//!
//! One attempt is counted by neither: a target that refuses what the gateway put into the request (S2.6) is asked
//! again without it. The caller sent no such thing, so it must not cost him the answer. It happens once in a request.
//!
//! Nor is a kept connection that is closed on a request a repeat: it says nothing of its target, so that target is asked
//! once more, at once (S1.7). That attempt is like any other, and a set `max_attempts` counts it.

use crate::Planned;
use crate::outgrown::Outgrown;
use std::time::{Duration, Instant};
use weir_config::{Failure, FailureClass, FailureSet};

const DEFAULT_TARGETS: u32 = 5;
const DEFAULT_REPEATS: u32 = 2;

/// What a route allows its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The classes that move on; all others end the walk, and CallerFault always does.
    pub on: FailureSet,
    /// Attempts of one request, repeats included; `None`: the default of this module.
    pub max_attempts: Option<u32>,
    /// Until when, this instant included, an attempt may start, were attempts over at once: the time that they run
    /// is not counted, nor is that in which a request waits for those of others to tell whether rescue works.
    pub deadline: Instant,
    /// The first wait before a repeat; doubles with each repeat of the same target.
    pub backoff_base: Duration,
    /// The longest such wait.
    pub backoff_max: Duration,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Wait so long, then ask this target.
    Try {
        /// The target's position in the route.
        target: usize,
        /// Zero for a target that was not asked before.
        wait: Duration,
    },
    /// Ask this target, which has just failed, at once and without what the gateway put into the request. Attempts
    /// that follow go without it too.
    TryPlain {
        /// The target's position in the route.
        target: usize,
    },
    /// Ask this target at once, on a fresh connection: a kept one was closed on the request.
    TryFresh {
        /// The target's position in the route.
        target: usize,
    },
    /// No further attempt.
    GiveUp,
}

/// The state of one request's way. Allocates only once something failed.
#[derive(Debug)]
pub struct Walk {
    order: Vec<Planned>,
    rules: Rules,
    /// The position in `order` of the first target that was not asked yet.
    next: usize,
    asked: u32,
    repeats: u32,
    repeating: bool,
    outgrown: Outgrown,
    /// The target that refused what the gateway put into the request.
    refused_addition: Option<usize>,
    /// The targets that were asked once more on a fresh connection.
    refreshed: Vec<usize>,
    failed: Vec<Failed>,
}

/// A target that failed.
#[derive(Debug)]
struct Failed {
    planned: Planned,
    /// From when on it may be asked again; `None`: never.
    again: Option<Instant>,
    /// How often it was asked again.
    repeats: u32,
}

impl Walk {
    /// The way through `order`, the best target first.
    pub fn new(order: Vec<Planned>, rules: Rules) -> Self {
        Self {
            order,
            rules,
            next: 0,
            asked: 0,
            repeats: 0,
            repeating: false,
            outgrown: Outgrown::default(),
            refused_addition: None,
            refreshed: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// The target of the first attempt; `None` if there is none, or no time.
    pub fn first(&mut self, now: Instant) -> Option<usize> {
        if now > self.rules.deadline { None } else { self.fresh() }
    }

    /// What follows `failure` of `target`, which was asked at `began` and has failed `now`. `random` is any number,
    /// new each time: it spreads the waits.
    ///
    /// The attempt that is returned counts as made.
    pub fn after(
        &mut self,
        began: Instant,
        now: Instant,
        target: usize,
        failure: &Failure,
        random: u64,
    ) -> Next {
        self.does_not_count(now.saturating_duration_since(began));
        if failure.stale && self.refresh(now, target) {
            return Next::TryFresh { target };
        }
        self.note(now, target, failure, random);
        if failure.refuses_addition && self.refused_addition.is_none() && now <= self.rules.deadline {
            self.refused_addition = Some(target);
            return Next::TryPlain { target };
        }
        let moves_on = failure.class != FailureClass::CallerFault && self.rules.on.contains(failure.class);
        if !moves_on || now > self.rules.deadline {
            return Next::GiveUp;
        }
        if let Some(target) = self.fresh() {
            return Next::Try { target, wait: Duration::ZERO };
        }
        self.repeat(now).unwrap_or(Next::GiveUp)
    }

    /// The target that was returned last is not asked: it could not take the request. The next one; `None`: there is
    /// none. What is not asked counts as no attempt.
    pub fn pass_over(&mut self) -> Option<usize> {
        self.asked = self.asked.saturating_sub(1);
        self.fresh()
    }

    /// So much time is no part of that until the deadline: attempts ran, the request's own or those that it waited for
    /// (`Take::Wait`).
    pub fn does_not_count(&mut self, time: Duration) {
        self.rules.deadline = self.rules.deadline.checked_add(time).unwrap_or(self.rules.deadline);
    }

    /// Until when another attempt may start, as things stand.
    #[cfg(test)]
    fn deadline(&self) -> Instant {
        self.rules.deadline
    }

    /// The target that refused what the gateway puts into requests. Once there is one, attempts go without that.
    pub fn refused_addition(&self) -> Option<usize> {
        self.refused_addition
    }

    /// Whether `target`, which closed a kept connection on the request, may be asked once more, at once and on a fresh
    /// connection: once for each target. The attempt then counts as made.
    fn refresh(&mut self, now: Instant, target: usize) -> bool {
        let allowed = now <= self.rules.deadline
            && !self.refreshed.contains(&target)
            && self.rules.max_attempts.is_none_or(|max| self.made() < max);
        if allowed {
            self.refreshed.push(target);
        }
        allowed
    }

    /// How many targets this request may still ask for the first time, with the attempt that was returned last; 0
    /// if that is a repeat: all have failed it once. What a retry budget should know when it grants that attempt.
    pub fn ahead(&self) -> u32 {
        let left = self.order.iter().skip(self.next).filter(|planned| self.fits(planned)).count();
        u32::from(!self.repeating) + u32::try_from(left).unwrap_or(u32::MAX).min(self.targets_left())
    }

    /// The next target that was not asked yet and may hold the request.
    fn fresh(&mut self) -> Option<usize> {
        if self.targets_left() == 0 {
            return None;
        }
        let (at, planned) =
            self.order.iter().enumerate().skip(self.next).find(|(_, planned)| self.fits(planned))?;
        let target = planned.target;
        self.next = at + 1;
        self.asked += 1;
        Some(target)
    }

    /// The failed target that may be asked again soonest, if that is before the deadline.
    fn repeat(&mut self, now: Instant) -> Option<Next> {
        if self.repeats_left() == 0 {
            return None;
        }
        let (outgrown, deadline) = (self.outgrown, self.rules.deadline);
        let (again, failed) = self
            .failed
            .iter_mut()
            .filter(|failed| outgrown.leaves(failed.planned.context_window))
            .filter_map(|failed| failed.again.filter(|at| *at <= deadline).map(|at| (at, failed)))
            .min_by_key(|(at, _)| *at)?;
        failed.again = None;
        failed.repeats += 1;
        self.repeats += 1;
        self.repeating = true;
        Some(Next::Try { target: failed.planned.target, wait: again.saturating_duration_since(now) })
    }

    /// Writes down what `failure` means for its target.
    fn note(&mut self, now: Instant, target: usize, failure: &Failure, random: u64) {
        let at = self.failed.iter().position(|failed| failed.planned.target == target);
        let at = at.unwrap_or_else(|| self.remember(target));
        let rules = self.rules;
        let Some(failed) = self.failed.get_mut(at) else { return };
        failed.again = match failure.class {
            FailureClass::RateLimited | FailureClass::Overloaded | FailureClass::ServerError => {
                rules.repeat_at(now, failure.retry_after, failed.repeats, random)
            }
            _ => None,
        };
        if failure.class == FailureClass::ContextLength {
            self.outgrown.add(failed.planned.context_window);
        }
    }

    fn remember(&mut self, target: usize) -> usize {
        let planned = self.order.iter().find(|planned| planned.target == target).copied();
        let planned = planned.unwrap_or(Planned { target, context_window: None });
        self.failed.push(Failed { planned, again: None, repeats: 0 });
        self.failed.len() - 1
    }

    fn fits(&self, planned: &Planned) -> bool {
        self.outgrown.leaves(planned.context_window)
    }

    fn targets_left(&self) -> u32 {
        match self.rules.max_attempts {
            Some(max) => max.saturating_sub(self.made()),
            None => DEFAULT_TARGETS.saturating_sub(self.asked),
        }
    }

    fn repeats_left(&self) -> u32 {
        match self.rules.max_attempts {
            Some(max) => max.saturating_sub(self.made()),
            None => DEFAULT_REPEATS.saturating_sub(self.repeats),
        }
    }

    /// How many attempts were made.
    fn made(&self) -> u32 {
        self.asked + self.repeats + u32::try_from(self.refreshed.len()).unwrap_or(u32::MAX)
    }
}

impl Rules {
    /// When a target may be asked again: not before it asked us to, and spread, so that those who failed together
    /// don't return together. `None` if that is after the deadline.
    fn repeat_at(
        &self,
        now: Instant,
        retry_after: Option<Duration>,
        repeats: u32,
        random: u64,
    ) -> Option<Instant> {
        let backoff = self.backoff_base.saturating_mul(1 << repeats.min(16)).min(self.backoff_max);
        let earliest = now.checked_add(retry_after.unwrap_or(backoff / 2))?;
        let spread = if retry_after.is_some() { backoff } else { backoff / 2 };
        let at = earliest + part(spread, random);
        // The spread alone shall not cost the attempt.
        (earliest <= self.deadline).then_some(at.min(self.deadline))
    }
}

/// `whole` times a fraction in [0, 1) drawn from `random`.
fn part(whole: Duration, random: u64) -> Duration {
    let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(((u128::from(nanos) * u128::from(random)) >> 64) as u64) // below `nanos`
}

#[cfg(test)]
mod tests;
