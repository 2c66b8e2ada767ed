//! A request, in order: who, what, may it, where to, what came of it. The only place that knows the order; it knows no
//! HTTP.

mod admit;
mod attempt;
mod auth;
mod call;
mod charge;
mod commit;
mod drain;
mod first_content;
mod flow;
mod incoming;
mod meter;
mod missed;
mod plan;
mod refusal;
mod relay;
mod reply;
mod times;
mod verdict;
mod walk;
mod walking;
mod whole;

pub(crate) use auth::authenticate;
pub(crate) use flow::BrokenOff;
pub(crate) use incoming::{Incoming, Received};
pub(crate) use relay::Relay;
pub(crate) use reply::{About, Answer, Reply};

use crate::app::Gateway;
use crate::clock;
use crate::fault::{Fault, FaultKind};
use crate::limits::{Class, LARGE_HEAD, SMALL, STREAM, Share};
use crate::observe::{Outcome, Recorder, micros};
use crate::timer::SharedTimer;
use crate::upstream::Lines;
use crate::worker::Worker;
use admit::{Admitted, admit, arrive};
use call::{Call, Forwarded};
use commit::Committed;
use plan::Plan;
use std::sync::Arc;
use walk::Walked;
use walking::walking;
use weir_config::Disclosure;
use weir_wire::{Api, Asked, Dropped};

/// Answers `incoming`, a request of `api`.
pub(crate) async fn ask(
    gateway: &Arc<Gateway>,
    worker: &Arc<Worker>,
    api: Api,
    mut recorder: Recorder,
    timer: SharedTimer,
    incoming: &mut impl Incoming,
) -> Reply {
    // What was admitted is gone when the targets are asked: it would count in the size of every request.
    let call = match admitted(gateway, worker, api, incoming, &mut recorder).await {
        Ok((admitted, request, lines, share)) => {
            let Admitted { settings, key, route, limit } = admitted;
            let (gateway, worker, keeps_billing) = (Arc::clone(gateway), Arc::clone(worker), None);
            Box::new(Call {
                gateway,
                worker,
                settings,
                key,
                route,
                request,
                lines,
                out: Lines::default(),
                dropped: Dropped::new(),
                recorder,
                share,
                limit,
                timer,
                keeps_billing,
            })
        }
        Err(fault) => return refused(recorder, fault),
    };
    run(call).await
}

/// What may be asked, by whom and of whom.
async fn admitted(
    gateway: &Gateway,
    worker: &Worker,
    api: Api,
    incoming: &mut impl Incoming,
    recorder: &mut Recorder,
) -> Result<(Admitted, Asked, Forwarded, Share), Fault> {
    let _head = count_head(gateway, worker, incoming)?;
    worker.gate.enter(worker.sinks.series.in_flight(), || worker.random()).await?;
    let arrived = arrive(gateway, incoming, recorder)?;
    let Received { body, mut share, took } = incoming.receive(arrived.max_body_bytes).await?;
    recorder.event.upload = took;
    let length = body.len() as u64;
    let request = Asked::read(api, body).map_err(Fault::bad_request)?;
    recorder.event.stream = request.facts().stream;
    if request.facts().stream {
        // The body goes when the stream begins.
        let class = if length <= SMALL { Class::Stream } else { Class::Body };
        share.grow(length.max(STREAM), class).await.map_err(|_| Fault::no_room(worker.random()))?;
    }
    let admitted = admit(gateway, incoming, arrived, &request, recorder)?;
    let lines = forwarded(api, incoming);
    incoming.let_go();
    Ok((admitted, request, lines, share))
}

/// The lines of the head that go on to those who speak `api`.
fn forwarded(api: Api, incoming: &impl Incoming) -> Forwarded {
    let names = api.forwards().iter();
    names.filter_map(|name| Some((*name, incoming.header(name)?))).collect()
}

/// A share for a large head, which is there as long as the body comes. Nobody waits for it: what waits is not counted.
fn count_head(gateway: &Gateway, worker: &Worker, incoming: &impl Incoming) -> Result<Option<Share>, Fault> {
    if incoming.head_bytes() <= LARGE_HEAD {
        return Ok(None);
    }
    let class = if incoming.is_at_most(SMALL) { Class::Small } else { Class::Body };
    let mut share = gateway.memory.share();
    share.try_grow(incoming.head_bytes() as u64, class).map_err(|_| Fault::no_room(worker.random()))?;
    Ok(Some(share))
}

/// Asks targets until one commits, and answers. A stream whose targets stay silent is begun meanwhile
/// (semantics S2.1: headers are committed with the first byte that we send).
async fn run(call: Box<Call>) -> Reply {
    let plan = Plan::new(&call.route, &call.request.facts().model);
    if !call.request.facts().stream {
        let keeps_billing = call.route.keeps_billing();
        return reply(if keeps_billing { walking(call, plan).await } else { walk::run(call, plan).await });
    }
    let (id, limit, gateway) = (call.recorder.event.id, call.limit, Arc::clone(&call.gateway));
    let api = call.request.api();
    let mut walking = walking(call, plan);
    match tokio::time::timeout(gateway.keep_alive, walking.as_mut()).await {
        Ok(done) => reply(done),
        Err(_) => {
            let (way, dropped, cost, overhead) = Default::default();
            let about = About { id, way, limit, is_stream: true, dropped, cost, overhead };
            Reply::Answer(about, Answer::Relay(Relay::waiting(api, walking, gateway)))
        }
    }
}

/// What came of the attempts.
fn reply((mut call, result): Walked) -> Reply {
    match result {
        Ok(Committed::Whole(whole)) => {
            call.recorder.event.outcome = Some(Outcome::OK);
            let cost = call.recorder.event.charge().and_then(|charge| charge.cost);
            let about = About { cost, ..about(&call, false) };
            call.share.shrink(whole.room); // the request's body goes
            Reply::Answer(about, Answer::Whole(whole.body, call.share))
        }
        Ok(Committed::Flow(flow)) => {
            let about = about(&call, flow.reading.is_stream());
            Reply::Answer(about, Answer::Relay(Relay::flowing(call, *flow)))
        }
        Err(fault) => {
            let limit = fault.limit.or(call.limit);
            refused(call.recorder, Fault { limit, ..fault })
        }
    }
}

fn refused(mut recorder: Recorder, fault: Fault) -> Reply {
    recorder.event.outcome = Some(match fault.kind {
        FaultKind::CallerLeft => Outcome::CANCELED,
        _ => Outcome { status: fault.status(), code: fault.code() },
    });
    Reply::Refusal(recorder.event.id, fault)
}

/// What may be told of the answer to `call`: who answered only as far as `listener.disclosure` lets it.
fn about(call: &Call, is_stream: bool) -> About {
    let event = &call.recorder.event;
    let names = call.settings.listener.disclosure != Disclosure::None;
    let chosen = event.chosen().filter(|_| names);
    About {
        id: event.id,
        way: chosen.map(|chosen| (chosen.clone(), event.attempts.len())),
        limit: call.limit,
        is_stream,
        dropped: (!call.dropped.is_empty()).then(|| Box::new(call.dropped.clone())),
        cost: None, // it is still coming
        overhead: Some(micros(event.overhead(clock::since(event.began)))),
    }
}
