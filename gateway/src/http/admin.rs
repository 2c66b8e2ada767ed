//! The admin port: probes, metrics, status. It changes nothing (semantics S10.1), and no probe touches an
//! upstream (S9.2).

use crate::app::Gateway;
use crate::observe::{Exposition, InForce};
use crate::shutdown::{Phase, reached};
use crate::sockets::{Arrival, Listener, Stream};
use crate::tasks;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use weir_config::published::FORMATS;

/// Connections at once: they live off the descriptors that are set aside for what tells of the gateway. Of more the
/// oldest goes: a probe takes a millisecond, and must not wait behind who says nothing.
const CONNECTIONS: usize = 32;
/// A connection is used for so long, and has then so much time to end.
const LIFE: Duration = Duration::from_secs(60);
const LAST: Duration = Duration::from_secs(10);
/// Nobody can be accepted: so long until the next look.
const AGAIN: Duration = Duration::from_millis(50);

/// Serves the admin port until the gateway has ended: probes are answered to the very end.
pub(crate) async fn serve_admin(gateway: &Arc<Gateway>, listener: Listener) {
    let router = admin_router(Arc::clone(gateway));
    // The oldest first; to drop one ends it.
    let mut open: VecDeque<oneshot::Sender<Infallible>> = VecDeque::new();
    let mut phase = gateway.shutdown.watch();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = reached(&mut phase, Phase::Ended) => return,
        };
        match accepted.and_then(Arrival::stream) {
            Ok(stream) => {
                open.retain(|connection| !connection.is_closed());
                if open.len() >= CONNECTIONS {
                    open.pop_front();
                }
                let (connection, given_up) = oneshot::channel();
                open.push_back(connection);
                let serving = serve(stream, router.clone(), gateway.bounds.headers);
                tasks::spawn("admin connection", async move {
                    tokio::select! {
                        () = serving => {}
                        _ = given_up => {}
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the admin port cannot be accepted");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// One connection, on which each head has to come within `headers`. How it ended is its caller's business.
async fn serve(stream: Stream, router: Router, headers: Duration) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(headers);
    let service = TowerToHyperService::new(router);
    let mut serving = pin!(http.serve_connection(TokioIo::new(stream), service));
    if tokio::time::timeout(LIFE, serving.as_mut()).await.is_err() {
        serving.as_mut().graceful_shutdown();
        drop(tokio::time::timeout(LAST, serving).await);
    }
}

/// The router of the admin port.
fn admin_router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .with_state(gateway)
}

async fn ready(State(gateway): State<Arc<Gateway>>) -> Response {
    if gateway.is_ready() {
        return "ok\n".into_response();
    }
    let why = if gateway.shutdown.has_begun() {
        "shutting down\n"
    } else if gateway.needed.is_lost() {
        "a part of the gateway has ended\n"
    } else {
        "no configuration yet\n"
    };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

/// Written on a thread of its own: this one accepts connections, and text for thousands of series takes its time.
async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let text = tokio::task::spawn_blocking(move || exposition(&gateway).text()).await;
    match text.map_err(std::io::Error::from).and_then(|text| text.map_err(std::io::Error::other)) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn exposition(gateway: &Gateway) -> Exposition {
    let in_force = gateway.live.load_full().map(|live| InForce {
        generation: live.revision.generation,
        hash: live.revision.hash.to_string(),
        gateway: live.gateway.name.to_string(),
        applied_at: gateway.applied_at.load(Ordering::Relaxed),
    });
    Exposition { totals: Arc::clone(&gateway.totals), log: gateway.log.clone(), in_force }
}

/// What runs here: for whoever wants to know whether a change has arrived.
async fn status(State(gateway): State<Arc<Gateway>>) -> Response {
    let live = gateway.live.load_full();
    let config = live.map(|live| {
        json!({
            "gateway": live.gateway.name,
            "generation": live.revision.generation,
            "hash": live.revision.hash,
            "providers": live.snapshot.providers.len(),
            "routes": live.snapshot.routes.len(),
            "keys": live.snapshot.keys.len(),
        })
    });
    let connections: usize = gateway.workers.iter().map(|worker| worker.connections()).sum();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ready": gateway.is_ready(),
        "formats": FORMATS,
        "config": config,
        "source": { "problem": gateway.source_problem.load_full() },
        "connections": connections,
        "inFlight": gateway.totals.in_flight(),
    }))
    .into_response()
}
