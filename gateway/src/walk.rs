//! A request's way through its targets: attempt after attempt until one commits or nobody is left.

use crate::attempt::{Committed, attempt};
use crate::call::{Call, Offer};
use crate::fault::{Fault, FaultKind, Retry, ToldAttempt};
use crate::observe::{AttemptFinished, Chosen};
use crate::rescue::Rescue;
use crate::settle::{settle_sent, unsettle};
use std::borrow::Cow;
use std::time::Instant;
use weir_config::{Disclosure, Failure};
use weir_policy::{Attempted, Next, Rules, Verdict, Walk, verdict};

/// The attempts that failed so far.
#[derive(Default)]
struct Failures {
    attempted: Vec<Attempted>,
    told: Vec<ToldAttempt>,
    last: Option<Failure>,
}

/// Tries targets in the decided order until one commits.
pub(crate) async fn run(mut call: Box<Call>) -> (Box<Call>, Result<Committed, Fault>) {
    let fallback = &call.route.config.fallback;
    let deadline = call.recorder.event.began + fallback.deadline;
    let retry = &call.route.config.retry;
    let rules = Rules {
        on: fallback.on,
        max_attempts: fallback.max_attempts,
        deadline,
        backoff_base: retry.backoff_base,
        backoff_max: retry.backoff_max,
    };
    let mut walk = Walk::new(call.decide().order, rules);
    let mut rescue = Rescue::new(&call.route);
    let mut failures = Failures::default();
    let mut next = walk.first(Instant::now());
    while let Some(target) = next {
        let failure = match try_target(&mut call, target).await {
            Ok(committed) => {
                rescue.committed();
                return (call, Ok(committed));
            }
            Err(_) if call.is_starved() => {
                let text = "The gateway has no socket left to ask an upstream on.";
                let fault = Fault::overloaded(text, call.recorder.worker.random());
                return (call, Err(fault));
            }
            Err(failure) => failure,
        };
        let now = Instant::now();
        let random = call.recorder.worker.random();
        let step = walk.after(now, target, &failure, random);
        failures.add(&call, target, failure, now);
        next = match step {
            _ if call.caller_has_left() => None,
            Next::GiveUp => None,
            Next::Try { target, wait } => {
                let granted = Box::pin(rescue.take(walk.ahead(), deadline)).await;
                if granted && !wait.is_zero() {
                    Box::pin(tokio::time::sleep(wait)).await;
                }
                granted.then_some(target)
            }
        };
    }
    let fault = failures.fault(&call, Instant::now());
    match fault.kind {
        _ if call.caller_has_left() => drop(rescue), // it was not tried to the end
        // A 4xx of the caller's own is an answer: it says nothing of whether rescue works.
        FaultKind::Upstream(_) => rescue.committed(),
        _ => rescue.failed(),
    }
    (call, Err(fault))
}

/// One attempt, recorded.
async fn try_target(call: &mut Call, target: usize) -> Result<Committed, Failure> {
    let began = Instant::now();
    let chosen = begin(call, target);
    let result = attempt(call, target, began).await;
    call.set_billed_on(None);
    unsettle(call);
    let took = began.elapsed();
    call.recorder.event.upstream += took;
    if call.is_starved() {
        call.recorder.event.chosen = None; // nobody was asked
    } else if let Some(chosen) = chosen {
        let (outcome, status) = match &result {
            Ok(_) => ("ok", Some(200)),
            Err(failure) => (failure.class.name(), failure.status),
        };
        if let Err(failure) = &result {
            let (provider, model) = (&*chosen.provider.text, &*chosen.model.text);
            tracing::debug!(
                provider,
                model,
                outcome,
                status,
                reason = own_words(failure),
                "an attempt failed"
            );
        }
        call.recorder.event.attempts.push(AttemptFinished { chosen, outcome, status, took });
    }
    result
}

/// What may be logged of a failure's message: a vendor's own may quote the prompt (semantics S10.10), and comes
/// with a status.
pub(crate) fn own_words(failure: &Failure) -> Option<&str> {
    failure.status.is_none().then_some(failure.message.as_str())
}

/// Notes who is asked, and what that costs should the caller leave before there is an answer.
fn begin(call: &mut Call, target: usize) -> Option<Chosen> {
    let Offer { model, chosen, .. } = call.offer(target)?;
    call.set_billed_on(Some(target));
    settle_sent(call, &model);
    call.recorder.event.chosen = Some(chosen.clone());
    Some(chosen)
}

impl Failures {
    fn add(&mut self, call: &Call, target: usize, failure: Failure, now: Instant) {
        self.attempted.push(Attempted::new(target, &failure, now));
        if let Some(told) = tell(call, target, &failure) {
            self.told.push(told);
        }
        self.last = Some(failure);
    }

    /// What the caller is told (semantics S1.5).
    fn fault(self, call: &Call, now: Instant) -> Fault {
        let model = call.request.model();
        let fault = match (verdict(now, &self.attempted), self.last) {
            (Verdict::Caller, Some(failure)) => return passed_on(failure),
            (Verdict::Unavailable { retry_after }, _) => {
                let text = format!("No upstream could answer for model {model:?}: every attempt failed. ");
                let (advice, retry) = match retry_after {
                    Some(wait) => {
                        (format!("One recovers in {:.3} s.", wait.as_secs_f64()), Retry::After(wait))
                    }
                    None => ("See `attempts`, or the gateway's usage log.".to_owned(), Retry::Never),
                };
                Fault::new(FaultKind::UpstreamUnavailable, text + &advice).retry(retry)
            }
            (Verdict::TimedOut, _) => {
                let text = format!("No upstream answered for model {model:?} in time. See `attempts`.");
                Fault::new(FaultKind::UpstreamTimeout, text).retry(Retry::Never)
            }
            (Verdict::Broken, _) => {
                let text = format!(
                    "No upstream accepts this gateway's account or model for {model:?}. Whoever runs the gateway \
                     must mend it: retrying does not help."
                );
                Fault::new(FaultKind::UpstreamBroken, text).retry(Retry::Never)
            }
            (Verdict::RequestTooLarge, _) => {
                let text = "This one request is larger than the limit per minute of every upstream account. Send a \
                            smaller one.";
                Fault::new(FaultKind::RequestTooLarge, text).retry(Retry::Never)
            }
            (Verdict::NoTargets | Verdict::Caller, _) => {
                let text = format!(
                    "No target of model {model:?} can be used now: all are suspended, missing or broken. Whoever runs \
                     the gateway sees why in its LLMRoute."
                );
                Fault::new(FaultKind::UpstreamUnavailable, text).retry(Retry::Never)
            }
        };
        Fault { attempts: self.told, ..fault }
    }
}

/// An attempt as far as `listener.disclosure` lets it be told.
fn tell(call: &Call, target: usize, failure: &Failure) -> Option<ToldAttempt> {
    let full = match call.settings.listener.disclosure {
        Disclosure::None => return None,
        Disclosure::Names => false,
        Disclosure::Full => true,
    };
    let chosen = call.offer(target)?.chosen;
    Some(ToldAttempt {
        provider: chosen.provider.text.to_string(),
        model: chosen.model.text.to_string(),
        outcome: failure.class.name(),
        status: failure.status.filter(|_| full),
        reason: full.then(|| failure.message.clone()),
    })
}

/// The upstream's own 4xx: the request is the matter, and its words (sanitised) say why.
fn passed_on(failure: Failure) -> Fault {
    // 401, 403, 429 and the like would speak of the caller's own key and limits, which are not the matter.
    let status = failure.status.filter(|status| matches!(status, 400 | 404 | 413 | 415 | 422)).unwrap_or(400);
    Fault {
        param: failure.param.map(Cow::Owned),
        upstream_type: failure.kind,
        upstream_code: failure.code,
        ..Fault::new(FaultKind::Upstream(status), failure.message)
    }
}
