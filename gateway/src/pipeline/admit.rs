//! Who calls, and may they: the key, asked when the request comes and again once its body is there; the route; one
//! request from the key's minute.

use super::auth::authenticate;
use super::incoming::Incoming;
use crate::app::Gateway;
use crate::clock;
use crate::fault::{Fault, LimitState};
use crate::limits::SMALL;
use crate::live::{Live, LiveKey, LiveRoute};
use crate::observe::Recorder;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use weir_wire::Asked;

/// A key that was valid when its request came is asked again once the body took so long: dates in a configuration
/// have seconds.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A request whose body is still to come. Of the configuration its key alone is held meanwhile: that may take minutes, and
/// what is in force then rules.
pub(super) struct Arrived {
    pub(super) max_body_bytes: u64,
    key: Arc<LiveKey>,
    /// Which configuration its key was valid in.
    serial: u64,
}

/// Who may go where.
pub(super) struct Admitted {
    pub(super) settings: Arc<weir_config::Gateway>,
    pub(super) key: Arc<LiveKey>,
    pub(super) route: Arc<LiveRoute>,
    pub(super) limit: Option<LimitState>,
}

/// Who calls. A key without room is told before a large body has come, or one that waits to be asked for (semantics
/// S3.7); a small one is there as soon as it could be told.
pub(super) fn arrive(
    gateway: &Gateway,
    incoming: &impl Incoming,
    recorder: &mut Recorder,
) -> Result<Arrived, Fault> {
    let live = gateway.live.load();
    let live = live.as_ref().ok_or_else(Fault::not_ready)?;
    let key = authenticate(live, incoming.keys(), clock::seconds(recorder.event.began_at))?;
    recorder.event.key = Some(Arc::clone(&key.names));
    if !incoming.is_at_most(SMALL) || incoming.waits() {
        // Not when it came: it may have waited for its turn.
        look_at_requests(&key, clock::now())?;
    }
    Ok(Arrived { max_body_bytes: live.gateway.listener.max_body_bytes, key, serial: live.serial })
}

/// Where `request` goes, and one request from its key's minute.
pub(super) fn admit(
    gateway: &Gateway,
    incoming: &impl Incoming,
    arrived: Arrived,
    request: &Asked,
    recorder: &mut Recorder,
) -> Result<Admitted, Fault> {
    let live = gateway.live.load();
    let live = live.as_ref().ok_or_else(Fault::not_ready)?;
    // Not when its head came: a minute in which bodies finish admits no more than any other.
    let now = clock::now();
    let key = current_key(live, incoming, arrived, recorder, now)?;
    let model = &request.facts().model;
    let allowed = |_: &&Arc<LiveRoute>| key.config.allowed_models.allows(model);
    let route = live.route(model).filter(allowed).ok_or_else(|| Fault::model_not_found(model))?;
    recorder.event.route = Some(route.label.clone());
    let limit = take_requests(&key, now)?;
    route.rescue.count(now, route.config.retry.budget_percent);
    Ok(Admitted { settings: Arc::clone(&live.gateway), route: Arc::clone(route), key, limit })
}

/// The request's key, asked again if that could have changed since it came (semantics S10.14).
fn current_key(
    live: &Live,
    incoming: &impl Incoming,
    arrived: Arrived,
    recorder: &mut Recorder,
    now: Instant,
) -> Result<Arc<LiveKey>, Fault> {
    let event = &mut recorder.event;
    if live.serial == arrived.serial && now < event.began + ASK_AGAIN_AFTER {
        return Ok(arrived.key);
    }
    let key = authenticate(live, incoming.keys(), clock::today())?;
    event.key = Some(Arc::clone(&key.names));
    Ok(key)
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
