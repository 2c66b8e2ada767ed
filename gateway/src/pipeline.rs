//! A chat request, in order: who, what, may it, where to, what came of it. The only place that knows the order.

use crate::app::Gateway;
use crate::auth::authenticate;
use crate::call::{Call, allows, now_unix, unix};
use crate::drain::Outliving;
use crate::fault::{Fault, FaultKind, LimitState};
use crate::http::{self, OutBody};
use crate::live::{Live, LiveKey, LiveRoute};
use crate::memory::{Class, Held, SMALL, STREAM};
use crate::observe::Recorder;
use crate::relay::{Attempts, Relay};
use crate::rescue;
use crate::timer::SharedTimer;
use crate::walk;
use crate::worker::Worker;
use ::http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use weir_wire::Asked;

/// A key that was valid when its request came is asked again once the body took so long: dates in a configuration
/// have seconds.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The answer, and what should still be read of the request that it refuses.
pub(crate) struct Answered {
    pub(crate) response: Response<OutBody>,
    pub(crate) unread: Option<Incoming>,
}

/// Answers `POST /v1/chat/completions`.
pub(crate) async fn chat(
    gateway: &Arc<Gateway>,
    mut recorder: Recorder,
    timer: SharedTimer,
    request: Request<Incoming>,
    head_bytes: usize,
) -> Answered {
    let (head, body) = request.into_parts();
    let mut upload = http::Upload::new(&head, body);
    recorder.event.named_by_caller(&head.headers);
    match admitted(gateway, &head.headers, head_bytes, &mut upload, &mut recorder).await {
        Ok(admitted) => {
            drop((head, upload));
            Answered { response: run(admitted.into_call(gateway, recorder, timer)).await, unread: None }
        }
        Err(fault) => {
            let slow = fault.kind == FaultKind::BodyTooSlow; // and would be when it is discarded
            let unread = upload.unread().filter(|_| !slow);
            let id = recorder.event.id;
            Answered { response: http::refuse(&mut recorder, id, fault), unread }
        }
    }
}

/// A request whose body is still to come.
struct Arrived {
    max_body_bytes: u64,
    /// Which configuration its key was valid in.
    serial: u64,
}

/// A request that passed every check, before it becomes a `Call`.
struct Admitted {
    settings: Arc<weir_config::Gateway>,
    route: Arc<LiveRoute>,
    request: Asked,
    held: Held,
    limit: Option<LimitState>,
}

impl Admitted {
    fn into_call(self, gateway: &Arc<Gateway>, recorder: Recorder, timer: SharedTimer) -> Box<Call> {
        let Self { settings, route, request, held, limit } = self;
        let (gateway, presence) = (Arc::clone(gateway), None);
        let (fresh, starved, crowded) = (false, AtomicBool::new(false), false);
        Box::new(Call {
            gateway,
            settings,
            route,
            request,
            recorder,
            held,
            limit,
            timer,
            presence,
            fresh,
            starved,
            crowded,
        })
    }
}

/// Nothing of the configuration is held while a body comes: it may take minutes, and what is in force then rules.
async fn admitted(
    gateway: &Gateway,
    headers: &HeaderMap,
    head_bytes: usize,
    upload: &mut http::Upload,
    recorder: &mut Recorder,
) -> Result<Admitted, Fault> {
    let began = recorder.event.began;
    let worker = Arc::clone(&recorder.worker);
    let _head = hold_head(gateway, head_bytes, upload, &worker)?;
    worker.gate.enter(worker.series.in_flight(), || worker.random()).await?;
    let arrived = arrive(gateway, headers, upload, recorder)?;
    let http::Received { body, mut held, took } =
        http::receive(headers, upload, arrived.max_body_bytes, gateway, &worker, began).await?;
    recorder.event.upload = took;
    let length = body.len() as u64;
    let request = Asked::read(http::API, body).map_err(http::bad_request)?;
    recorder.event.stream = request.facts().stream;
    if request.facts().stream {
        // The body goes when the stream begins.
        let class = if length <= SMALL { Class::Stream } else { Class::Body };
        http::hold(&mut held, length.max(STREAM), class, &worker).await?;
    }
    admit(gateway, headers, &arrived, request, held, recorder)
}

/// A share for a large head, which is there as long as the body comes. Nobody waits for it: what waits is not counted.
fn hold_head(
    gateway: &Gateway,
    bytes: usize,
    upload: &http::Upload,
    worker: &Worker,
) -> Result<Option<Held>, Fault> {
    if bytes <= http::LARGE_HEAD {
        return Ok(None);
    }
    let class = if upload.is_at_most(SMALL) { Class::Small } else { Class::Body };
    let mut held = gateway.memory.share();
    held.try_grow(bytes as u64, class).map_err(|_| http::no_room(worker.random()))?;
    Ok(Some(held))
}

/// Who calls. A key without room is told before a large body has come, or one that waits to be asked for (semantics
/// S3.7); a small one is there as soon as it could be told.
fn arrive(
    gateway: &Gateway,
    headers: &HeaderMap,
    upload: &http::Upload,
    recorder: &mut Recorder,
) -> Result<Arrived, Fault> {
    let live = gateway.live.load();
    let live = live.as_ref().ok_or_else(http::not_ready)?;
    let key = authenticate(live, headers, unix(recorder.event.began_at))?;
    let key = recorder.event.key.insert(key);
    if !upload.is_at_most(SMALL) || upload.waits() {
        // Not when it came: it may have waited for its turn.
        look_at_requests(key, Instant::now())?;
    }
    Ok(Arrived { max_body_bytes: live.gateway.listener.max_body_bytes, serial: live.serial })
}

/// Where `request` goes, and one request from its key's minute.
fn admit(
    gateway: &Gateway,
    headers: &HeaderMap,
    arrived: &Arrived,
    request: Asked,
    held: Held,
    recorder: &mut Recorder,
) -> Result<Admitted, Fault> {
    let live = gateway.live.load();
    let live = live.as_ref().ok_or_else(http::not_ready)?;
    // Not when its head came: a minute in which bodies finish admits no more than any other.
    let now = Instant::now();
    let key = current_key(live, headers, arrived, recorder, now)?;
    let unknown = || http::model_not_found(&request.facts().model);
    let route = live
        .route(&request.facts().model)
        .filter(|_| allows(&key, &request.facts().model))
        .ok_or_else(unknown)?;
    recorder.event.route = Some(Arc::clone(route));
    let limit = take_requests(&key, now)?;
    rescue::count(route, now);
    let (settings, route) = (Arc::clone(&live.gateway), Arc::clone(route));
    Ok(Admitted { settings, route, request, held, limit })
}

/// The request's key, asked again if that could have changed since it came (semantics S10.14).
fn current_key(
    live: &Live,
    headers: &HeaderMap,
    arrived: &Arrived,
    recorder: &mut Recorder,
    now: Instant,
) -> Result<Arc<LiveKey>, Fault> {
    let event = &mut recorder.event;
    match &event.key {
        Some(key) if live.serial == arrived.serial && now < event.began + ASK_AGAIN_AFTER => {
            Ok(Arc::clone(key))
        }
        _ => {
            let key = authenticate(live, headers, now_unix())?;
            Ok(Arc::clone(event.key.insert(key)))
        }
    }
}

/// Whether the key's minute has room, taking nothing.
fn look_at_requests(key: &LiveKey, now: Instant) -> Result<(), Fault> {
    let Some(limit) = key.config.limits.requests_per_minute else { return Ok(()) };
    let mut window = key.requests.lock().unwrap_or_else(PoisonError::into_inner);
    window.check(now, limit).map(drop).map_err(|full| Fault::requests_exceeded(limit.get(), &full))
}

/// One request from the key's minute (semantics S3.1), and what is left of it then.
fn take_requests(key: &LiveKey, now: Instant) -> Result<Option<LimitState>, Fault> {
    let Some(limit) = key.config.limits.requests_per_minute else { return Ok(None) };
    let mut window = key.requests.lock().unwrap_or_else(PoisonError::into_inner);
    let room = window.admit(now, limit).map_err(|full| Fault::requests_exceeded(limit.get(), &full))?;
    Ok(Some(LimitState { limit: limit.get(), remaining: room.remaining, reset: room.reset_after }))
}

/// Tries targets until one commits, and answers. A stream whose targets stay silent is begun meanwhile
/// (semantics S2.1: headers are committed with the first byte that we send).
async fn run(call: Box<Call>) -> Response<OutBody> {
    let outlives = call.route.bills_on();
    if !call.request.facts().stream {
        return http::respond(if outlives { Outliving::new(call).await } else { walk::run(call).await });
    }
    let (id, limit, gateway) = (call.recorder.event.id, call.limit, Arc::clone(&call.gateway));
    let mut attempts: Attempts =
        if outlives { Box::pin(Outliving::new(call)) } else { Box::pin(walk::run(call)) };
    match tokio::time::timeout(gateway.keep_alive, attempts.as_mut()).await {
        Ok(done) => http::respond(done),
        Err(_) => http::begun_stream(id, limit, Relay::waiting(attempts, gateway)),
    }
}
