//! What the caller is told when no target answered (semantics S1.5).
//!
//! It looks at classes, context windows and waiting times only. Rendering, the vendor's sanitised text and the list
//! of attempts are the gateway's. A 429 comes from here for one reason: the request is above every account's limit.

use crate::outgrown::Outgrown;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use weir_config::{Failure, FailureClass};

/// The longest wait that callers are told: SDKs pass over waits of 60 s and more, and come back at once.
pub const LONGEST_WAIT: Duration = Duration::from_secs(59);

/// One failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempted {
    /// The target's position in the route.
    pub target: usize,
    /// Tokens that fit into its model's context, if known.
    pub context_window: Option<u64>,
    /// What kind of failure it was.
    pub class: FailureClass,
    /// It was a refusal of what the gateway put into the request: it says nothing of the caller's.
    pub refuses_addition: bool,
    /// How long the upstream asked us to wait.
    pub retry_after: Option<Duration>,
    /// When it failed: where `retry_after` counts from.
    pub at: Instant,
}

impl Attempted {
    /// The attempt on `target`, whose model has this context window, that failed at `at`.
    pub fn new(target: usize, context_window: Option<u64>, failure: &Failure, at: Instant) -> Self {
        let &Failure { class, refuses_addition, retry_after, .. } = failure;
        Self { target, context_window, class, refuses_addition, retry_after, at }
    }

    /// When the upstream said that waiting would be over.
    fn recovers_at(&self) -> Option<Instant> {
        use FailureClass::{Overloaded, RateLimited, ServerError};
        let passes = matches!(self.class, RateLimited | Overloaded | ServerError);
        self.retry_after.filter(|_| passes).and_then(|wait| self.at.checked_add(wait))
    }

    /// Whether the target judged the caller's request.
    fn is_callers(&self) -> bool {
        self.class.is_callers() && !self.refuses_addition
    }
}

/// The answer to a request that no target answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 503: something may recover by itself.
    Unavailable {
        /// From `now` until the first target recovers, exact (round up), where that is known and at most 59 s
        /// away; `None`: tell the caller not to retry.
        retry_after: Option<Duration>,
    },
    /// 504: every attempt timed out. Not to be retried.
    TimedOut,
    /// 502: nothing recovers without an operator. Not to be retried.
    Broken,
    /// The status and sanitised message of one attempt: the request is the matter.
    Caller {
        /// Which of the attempts that were judged.
        attempt: usize,
    },
    /// 429: this one request is above the limit per minute of every account that was asked. Not to be retried.
    RequestTooLarge,
    /// 503: there was nobody to ask. Not to be retried.
    NoTargets,
}

/// Judges a request by all its failed attempts, in the order in which they failed. Of each target its last word
/// counts: what it said before is outdated.
///
/// A refusal for the request's length or content speaks for its own target: it is the caller's answer only if no
/// target that could have taken the request failed otherwise. Small windows would hide the outage of a large one, and
/// callers would cut their conversations for it. A CallerFault ends the walk: the request is wrong wherever it goes.
pub fn verdict(now: Instant, attempts: &[Attempted]) -> Verdict {
    let Some(last) = attempts.last() else {
        return Verdict::NoTargets;
    };
    let otherwise = failed_otherwise(attempts);
    if let Some(attempt) = attempts.iter().rposition(Attempted::is_callers)
        && (otherwise.is_empty() || last.is_callers() && last.class == FailureClass::CallerFault)
    {
        return Verdict::Caller { attempt };
    }
    let all = |test: fn(FailureClass) -> bool| {
        otherwise.iter().all(|attempt| test(attempt.class) && !attempt.refuses_addition)
    };
    if attempts.iter().all(|attempt| attempt.class == FailureClass::Timeout) {
        Verdict::TimedOut
    } else if all(|class| class == FailureClass::TooLarge) {
        Verdict::RequestTooLarge
    } else if all(needs_an_operator) {
        Verdict::Broken
    } else {
        Verdict::Unavailable { retry_after: recovery(now, &otherwise) }
    }
}

/// Judges a request that was refused rescue before it had asked every target that it might have. What the others would
/// have said is not known, so nothing is final: neither that an operator must come nor that the request is the matter.
pub fn verdict_of_some(now: Instant, attempts: &[Attempted]) -> Verdict {
    Verdict::Unavailable { retry_after: recovery(now, &failed_otherwise(attempts)) }
}

/// The last words of the targets that could have taken the request and did not judge it.
fn failed_otherwise(attempts: &[Attempted]) -> Vec<&Attempted> {
    let mut outgrown = Outgrown::default();
    let too_long = attempts.iter().filter(|attempt| attempt.class == FailureClass::ContextLength);
    too_long.for_each(|attempt| outgrown.add(attempt.context_window));
    let last_words: BTreeMap<usize, &Attempted> =
        attempts.iter().map(|attempt| (attempt.target, attempt)).collect();
    let otherwise = |attempt: &&Attempted| !attempt.is_callers() && outgrown.leaves(attempt.context_window);
    last_words.into_values().filter(otherwise).collect()
}

/// TooLarge is here for the mixed case: an account whose limit is too low and one whose key is wrong both wait
/// for an operator.
fn needs_an_operator(class: FailureClass) -> bool {
    use FailureClass::{Billing, Credential, Forbidden, Misdirected, ModelMissing, TooLarge};
    matches!(class, Credential | Billing | Forbidden | ModelMissing | Misdirected | TooLarge)
}

fn recovery(now: Instant, last_words: &[&Attempted]) -> Option<Duration> {
    let first = last_words.iter().filter_map(|attempt| attempt.recovers_at()).min()?;
    Some(first.saturating_duration_since(now)).filter(|wait| *wait <= LONGEST_WAIT)
}

#[cfg(test)]
mod tests;
