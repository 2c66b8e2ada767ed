//! A chat request, in order: who, what, may it, where to, what came of it. The only place that knows the order.

use crate::app::Gateway;
use crate::auth::authenticate;
use crate::call::{Call, allows, unix};
use crate::drain::Outliving;
use crate::fault::{Fault, FaultKind};
use crate::http::{self, OutBody};
use crate::live::{Live, LiveKey};
use crate::observe::{Recorder, RequestId};
use crate::relay::{Attempts, Relay};
use crate::rescue;
use crate::timer::SharedTimer;
use crate::walk;
use crate::worker::Worker;
use ::http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use weir_wire::openai::ChatRequest;

/// Answers `POST /v1/chat/completions`.
pub(crate) async fn chat(
    gateway: &Arc<Gateway>,
    worker: &Arc<Worker>,
    id: RequestId,
    timer: SharedTimer,
    request: Request<Incoming>,
) -> Response<OutBody> {
    let began = Instant::now();
    let mut recorder = Recorder::begin(worker, id, began);
    let (head, mut body) = request.into_parts();
    recorder.event.named_by_caller(&head.headers);
    let entered = worker.gate.enter(worker.series.in_flight(), || worker.random()).await;
    let fault = match (entered, gateway.live.load_full()) {
        (Err(fault), _) => fault,
        (Ok(()), None) => http::not_ready(),
        (Ok(()), Some(live)) => match admitted(gateway, &live, &head.headers, &mut body, &mut recorder).await
        {
            Err(fault) => fault,
            Ok(admitted) => {
                drop(live); // a long answer pins its key, route and accounts, not the configuration
                return run(admitted.into_call(gateway, recorder, timer)).await;
            }
        },
    };
    if fault.kind != FaultKind::BodyTooSlow {
        http::discard(&head, body).await;
    }
    http::refuse(&mut recorder, id, fault)
}

/// A request that passed every check, before it becomes a `Call`.
struct Admitted {
    settings: Arc<weir_config::Gateway>,
    route: Arc<crate::live::LiveRoute>,
    request: ChatRequest,
    held: crate::memory::Held,
}

impl Admitted {
    fn into_call(self, gateway: &Arc<Gateway>, recorder: Recorder, timer: SharedTimer) -> Box<Call> {
        let Self { settings, route, request, held } = self;
        let (gateway, presence, starved) = (Arc::clone(gateway), None, AtomicBool::new(false));
        Box::new(Call { gateway, settings, route, request, recorder, held, timer, presence, starved })
    }
}

async fn admitted(
    gateway: &Gateway,
    live: &Live,
    headers: &HeaderMap,
    body: &mut Incoming,
    recorder: &mut Recorder,
) -> Result<Admitted, Fault> {
    let began = recorder.event.began;
    let key = authenticate(live, headers, unix(recorder.event.began_at))?;
    recorder.event.key = Some(Arc::clone(&key));
    let max = live.gateway.listener.max_body_bytes;
    let (body, held) = http::receive(headers, body, max, gateway, began).await?;
    let request = ChatRequest::read(body).map_err(http::bad_request)?;
    recorder.event.stream = request.stream();
    let unknown = || http::model_not_found(request.model());
    let route = live.route(request.model()).filter(|_| allows(&key, request.model())).ok_or_else(unknown)?;
    recorder.event.route = Some(Arc::clone(route));
    // Not when its head came: a minute in which bodies finish admits no more than any other.
    let now = Instant::now();
    take_requests(&key, now)?;
    rescue::count(route, now);
    Ok(Admitted { settings: Arc::clone(&live.gateway), route: Arc::clone(route), request, held })
}

/// One request from the key's minute (semantics S3.1).
fn take_requests(key: &LiveKey, now: Instant) -> Result<(), Fault> {
    let Some(limit) = key.config.limits.requests_per_minute else { return Ok(()) };
    let mut window = key.requests.lock().unwrap_or_else(PoisonError::into_inner);
    window.admit(now, limit).map(|_| ()).map_err(|full| Fault::requests_exceeded(limit.get(), &full))
}

/// Tries targets until one commits, and answers. A stream whose targets stay silent is begun meanwhile
/// (semantics S2.1: headers are committed with the first byte that we send).
async fn run(call: Box<Call>) -> Response<OutBody> {
    let outlives = call.route.bills_on();
    if !call.request.stream() {
        return http::respond(if outlives { Outliving::new(call).await } else { walk::run(call).await });
    }
    let (id, gateway) = (call.recorder.event.id, Arc::clone(&call.gateway));
    let mut attempts: Attempts =
        if outlives { Box::pin(Outliving::new(call)) } else { Box::pin(walk::run(call)) };
    match tokio::time::timeout(gateway.keep_alive, attempts.as_mut()).await {
        Ok(done) => http::respond(done),
        Err(_) => http::begun_stream(id, Relay::waiting(attempts, gateway)),
    }
}
