//! A request's way through its targets: attempt after attempt until one commits or nobody is left.

use crate::attempt::{Committed, attempt};
use crate::call::{Call, Offer, now_unix};
use crate::fault::{Fault, FaultKind};
use crate::live::Chosen;
use crate::observe::{self, AttemptFinished};
use crate::rescue::Rescue;
use crate::settle::{settle_sent, unsettle};
use crate::told::{Failures, own_words};
use std::time::Instant;
use weir_config::Failure;
use weir_policy::{Next, Rules, Walk};

/// Tries targets in the decided order until one commits.
pub(crate) async fn run(mut call: Box<Call>) -> (Box<Call>, Result<Committed, Fault>) {
    let now = Instant::now();
    let mut walk = Walk::new(call.decide(), rules(&call, now));
    let mut rescue = Rescue::default();
    let mut failures = Failures::default();
    let mut next = walk.first(now);
    let mut proves = false;
    while let Some(target) = next {
        let began = Instant::now();
        let plain = walk.refused_addition().is_some();
        let failure = match try_target(&mut call, target, began, plain).await {
            Ok(committed) => {
                if proves && walk.refused_addition() == Some(target) {
                    learn(&call, target);
                }
                rescue.committed();
                return (call, Ok(committed));
            }
            Err(failure) => failure,
        };
        if let Some(lack) = call.lack() {
            let fault = Fault::overloaded(lack, call.recorder.worker.random());
            return (call, Err(fault));
        }
        let now = Instant::now();
        let random = call.recorder.worker.random();
        let step = walk.after(began, now, target, &failure, random);
        call.fresh = matches!(step, Next::TryFresh { .. });
        if matches!(step, Next::TryPlain { .. }) {
            proves = failure.names_addition;
        }
        failures.add(&call, target, failure, now);
        let (target, at) = match step {
            _ if call.caller_has_left() => break,
            Next::GiveUp => break,
            Next::Try { target, wait } => (target, now + wait),
            Next::TryPlain { target } | Next::TryFresh { target } => (target, now),
        };
        let granted = Box::pin(rescue.take(&call, walk.ahead())).await;
        walk.does_not_count(now.elapsed());
        // It may have waited for a token meanwhile: what is left of the wait ends before the deadline.
        if granted && at > now {
            Box::pin(tokio::time::sleep_until(at.into())).await;
        }
        call.recorder.event.upstream += now.elapsed(); // those that failed have cost it
        if !granted && walk.ahead() > 0 {
            failures.leave_out_the_rest();
        }
        next = granted.then_some(target);
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

/// What the route allows a request that is to be answered from `now` on: how long its body took to come is no
/// upstream's doing.
fn rules(call: &Call, now: Instant) -> Rules {
    let (fallback, retry) = (&call.route.config.fallback, &call.route.config.retry);
    Rules {
        on: fallback.on,
        max_attempts: fallback.max_attempts,
        deadline: now + fallback.deadline,
        backoff_base: retry.backoff_base,
        backoff_max: retry.backoff_max,
    }
}

/// One attempt, which begins at `began`, recorded; `plain`: without what the gateway puts into requests.
async fn try_target(
    call: &mut Call,
    target: usize,
    began: Instant,
    plain: bool,
) -> Result<Committed, Failure> {
    let chosen = begin(call, target, began);
    let mut result = attempt(call, target, began, plain).await;
    call.set_billed_on(None);
    if !call.crowded {
        unsettle(call);
    }
    let took = began.elapsed();
    call.recorder.event.asking = None;
    call.recorder.event.upstream += took;
    if let Err(failure) = &mut result {
        withhold(call, target, failure);
    }
    if call.is_starved() {
        call.recorder.event.chosen = None; // nobody was asked
    } else if let Some(chosen) = chosen {
        let (outcome, status) = match &result {
            Ok(_) => ("ok", Some(200)),
            // It answered, and bills for it.
            Err(_) if call.crowded => (observe::NO_ROOM, Some(200)),
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

/// Notes who is asked from `now` on, and what that costs should the caller leave before there is an answer.
fn begin(call: &mut Call, target: usize, now: Instant) -> Option<Chosen> {
    let Offer { model, chosen, .. } = call.offer(target)?;
    call.set_billed_on(Some(target));
    settle_sent(call, &model);
    call.recorder.event.chosen = Some(chosen.clone());
    call.recorder.event.asking = Some(now);
    Some(chosen)
}

/// The target has answered without what it said to refuse: a proof that it does. A caller's own options prove nothing:
/// they may have been what was refused (semantics S2.9).
fn learn(call: &Call, target: usize) {
    if let Some(target) = call.route.targets.get(target)
        && !call.request.facts().brings_stream_options
    {
        target.account.refuses_usage_option.learn(call.tenant(), now_unix());
    }
}

/// Takes our credential out of what the target said.
fn withhold(call: &Call, target: usize, failure: &mut Failure) {
    if let Some(target) = call.route.targets.get(target) {
        target.account.withheld.take_out_of(failure);
    }
}
