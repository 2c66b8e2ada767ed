//! A request's way through its targets: attempt after attempt until one commits or nobody is left.

use super::attempt::{Manner, attempt};
use super::call::Call;
use super::commit::Committed;
use super::missed::{Lack, Missed};
use super::plan::{Offer, Plan};
use super::verdict::Failures;
use crate::clock;
use crate::fault::{Fault, FaultKind};
use crate::limits::Rescue;
use crate::observe::{self, AttemptBegun, Caller};
use std::time::Instant;
use weir_config::Failure;
use weir_policy::{Next, Rules, Walk};

/// What a request's way has come to.
pub(crate) type Walked = (Box<Call>, Result<Committed, Fault>);

/// Asks the targets of `plan` in order until one commits. For a caller who has left nobody is asked anew.
pub(crate) async fn run(mut call: Box<Call>, plan: Plan) -> Walked {
    let Plan { offers, order, left_out, broken } = plan;
    let now = clock::now();
    let mut walk = Walk::new(order, rules(&call, now));
    let mut rescue = Rescue::default();
    let mut failures = Failures::default();
    let mut next = walk.first(now).map(|target| (target, false));
    let mut proves = false;
    while let Some((target, fresh)) = next
        && let Some(offer) = offers.get(target)
    {
        let began = clock::now();
        let manner = Manner { plain: walk.refused_addition().is_some(), fresh };
        let failure = match try_target(&mut call, offer, began, manner).await {
            Ok(committed) => {
                if proves && walk.refused_addition() == Some(target) {
                    learn(&call, offer);
                }
                rescue.committed();
                return (call, Ok(committed));
            }
            Err(Missed::Failed(failure)) => failure,
            Err(Missed::Unsayable(unsayable)) => {
                failures.cannot_say(offer, unsayable);
                next = walk.pass_over().map(|target| (target, false));
                continue;
            }
            Err(Missed::Lacking(lack)) => {
                let fault = Fault::overloaded(lack.text(), call.worker.random());
                return (call, Err(fault));
            }
        };
        let now = clock::now();
        let step = walk.after(began, now, target, &failure, call.worker.random());
        if matches!(step, Next::TryPlain { .. }) {
            proves = failure.names_addition;
        }
        failures.add(&call, target, offer, failure, now);
        let (target, at, fresh) = match step {
            _ if Caller::has_left() => break,
            Next::GiveUp => break,
            Next::Try { target, wait } => (target, now + wait, false),
            Next::TryPlain { target } => (target, now, false),
            Next::TryFresh { target } => (target, now, true),
        };
        let granted = Box::pin(one_more(&mut call, &mut walk, &mut rescue, &offers, now, at)).await;
        if !granted && walk.ahead() > 0 {
            failures.leave_out_the_rest();
        }
        next = granted.then_some((target, fresh));
    }
    let fault = failures.fault(&call, &left_out, broken, clock::now());
    give_back(rescue, &fault);
    (call, Err(fault))
}

/// Waits for a token for one more attempt after one that failed `now`, and until `at`; false: there is none to be had.
async fn one_more(
    call: &mut Call,
    walk: &mut Walk,
    rescue: &mut Rescue,
    offers: &[Offer],
    now: Instant,
    at: Instant,
) -> bool {
    let longest = offers.iter().map(Offer::total).max().unwrap_or_default();
    let granted = rescue.take(&call.route.rescue, &call.key.config.name, walk.ahead(), longest).await;
    let waited = clock::now();
    walk.does_not_count(waited.saturating_duration_since(now));
    // It may have waited for a token meanwhile: what is left of the wait ends before the deadline.
    if granted && at > waited {
        tokio::time::sleep_until(at.into()).await;
    }
    call.recorder.event.upstream += clock::since(now); // those that failed have cost it
    granted
}

/// Gives the tokens back of a request that ends with `fault`.
fn give_back(rescue: Rescue, fault: &Fault) {
    match fault.kind {
        _ if Caller::has_left() => drop(rescue), // it was not tried to the end
        FaultKind::Overloaded => drop(rescue),   // nor was it here
        // A 4xx of the caller's own is an answer: it says nothing of whether rescue works.
        FaultKind::Upstream(_) => rescue.committed(),
        _ => rescue.failed(),
    }
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

/// One attempt, which begins at `began`, recorded.
async fn try_target(
    call: &mut Call,
    offer: &Offer,
    began: Instant,
    manner: Manner,
) -> Result<Committed, Missed> {
    call.recorder.event.attempt = Some(AttemptBegun::new(offer.chosen.clone(), began));
    let mut result = attempt(call, offer, began, manner).await;
    call.set_keeps_billing(false);
    let now = clock::now();
    let event = &mut call.recorder.event;
    event.upstream += now.saturating_duration_since(began);
    match &mut result {
        Ok(_) => event.answered(now),
        // It answered, and bills for it.
        Err(Missed::Lacking(Lack::Memory)) => {
            event.end_attempt(observe::NO_ROOM, Some(200), now);
        }
        // Nobody was asked.
        Err(Missed::Unsayable(_) | Missed::Lacking(Lack::Socket)) => event.attempt = None,
        Err(Missed::Failed(failure)) if failure.unasked => event.attempt = None,
        Err(Missed::Failed(failure)) => {
            offer.target.site.withheld.take_out_of(failure);
            tell_of(offer, failure);
            event.end_attempt(failure.class.name(), failure.status, now);
        }
    }
    result
}

fn tell_of(offer: &Offer, failure: &Failure) {
    let (provider, model) = (&*offer.chosen.provider.text, &*offer.chosen.model.text);
    let (outcome, status) = (failure.class.name(), failure.status);
    tracing::debug!(provider, model, outcome, status, reason = failure.own_words(), "an attempt failed");
}

/// The target has answered without what it said to refuse: a proof that it does. A caller's own options prove nothing:
/// they may have been what was refused (semantics S2.9).
fn learn(call: &Call, offer: &Offer) {
    if !call.request.facts().brings_stream_options {
        offer.health.refuses_usage_option.learn(call.tenant(), clock::today());
    }
}
