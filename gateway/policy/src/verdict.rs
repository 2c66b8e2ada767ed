//! What the caller is told when no target answered (semantics S1.5).
//!
//! It looks at classes and waiting times only. Rendering, the vendor's sanitised text and the list of attempts
//! are the gateway's. A 429 comes from here for one reason: the request is above every account's limit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use weir_config::{Failure, FailureClass};

/// A recovery further away than this is not worth a caller's waiting.
const FORESEEABLE: Duration = Duration::from_secs(60);

/// One failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempted {
    /// The target's position in the route.
    pub target: usize,
    /// What kind of failure it was.
    pub class: FailureClass,
    /// How long the upstream asked us to wait.
    pub retry_after: Option<Duration>,
    /// When it failed: where `retry_after` counts from.
    pub at: Instant,
}

impl Attempted {
    /// The attempt on `target` that failed at `at`.
    pub fn new(target: usize, failure: &Failure, at: Instant) -> Self {
        Self { target, class: failure.class, retry_after: failure.retry_after, at }
    }

    /// When the upstream said that waiting would be over.
    fn recovers_at(&self) -> Option<Instant> {
        use FailureClass::{Overloaded, RateLimited, ServerError};
        let passes = matches!(self.class, RateLimited | Overloaded | ServerError);
        self.retry_after.filter(|_| passes).and_then(|wait| self.at.checked_add(wait))
    }
}

/// The answer to a request that no target answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 503: something may recover by itself.
    Unavailable {
        /// From `now` until the first target recovers, exact (round up), where that is known and at most 60 s
        /// away; `None`: tell the caller not to retry.
        retry_after: Option<Duration>,
    },
    /// 504: every attempt timed out. Not to be retried.
    TimedOut,
    /// 502: nothing recovers without an operator. Not to be retried.
    Broken,
    /// The last failure's own status and sanitised message: the request is the matter.
    Caller,
    /// 429: this one request is above the limit per minute of every account that was asked. Not to be retried.
    RequestTooLarge,
    /// 503: there was nobody to ask. Not to be retried.
    NoTargets,
}

/// Judges a request by all its failed attempts, in the order in which they failed.
pub fn verdict(now: Instant, attempts: &[Attempted]) -> Verdict {
    let Some(last) = attempts.last() else {
        return Verdict::NoTargets;
    };
    if is_callers(last.class) {
        return Verdict::Caller;
    }
    let all = |test: fn(FailureClass) -> bool| {
        // What a request was refused for and moved on from says nothing about those that might still answer.
        attempts.iter().filter(|attempt| !is_callers(attempt.class)).all(|attempt| test(attempt.class))
    };
    if attempts.iter().all(|attempt| attempt.class == FailureClass::Timeout) {
        Verdict::TimedOut
    } else if all(|class| class == FailureClass::TooLarge) {
        Verdict::RequestTooLarge
    } else if all(needs_an_operator) {
        Verdict::Broken
    } else {
        Verdict::Unavailable { retry_after: recovery(now, attempts) }
    }
}

fn is_callers(class: FailureClass) -> bool {
    use FailureClass::{CallerFault, ContentPolicy, ContextLength};
    matches!(class, CallerFault | ContentPolicy | ContextLength)
}

/// TooLarge is here for the mixed case: an account whose limit is too low and one whose key is wrong both wait
/// for an operator.
fn needs_an_operator(class: FailureClass) -> bool {
    use FailureClass::{Billing, Credential, Forbidden, Misdirected, ModelMissing, TooLarge};
    matches!(class, Credential | Billing | Forbidden | ModelMissing | Misdirected | TooLarge)
}

/// What a target said last counts; what it said before is outdated.
fn recovery(now: Instant, attempts: &[Attempted]) -> Option<Duration> {
    let last_words: BTreeMap<usize, &Attempted> =
        attempts.iter().map(|attempt| (attempt.target, attempt)).collect();
    let first = last_words.values().filter_map(|attempt| attempt.recovers_at()).min()?;
    Some(first.saturating_duration_since(now)).filter(|wait| *wait <= FORESEEABLE)
}

#[cfg(test)]
mod tests;
