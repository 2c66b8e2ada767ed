//! The admin port: probes, metrics, status. It changes nothing (semantics S10.1), and no probe touches an
//! upstream (S9.2).

use crate::app::Gateway;
use crate::observe::Exposition;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use serde_json::json;
use std::sync::Arc;
use weir_config::published::FORMATS;

/// The router of the admin port.
pub(crate) fn admin_router(gateway: Arc<Gateway>) -> Router {
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
    let text = tokio::task::spawn_blocking(move || Exposition::text(&gateway)).await;
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
    let in_flight: i64 = gateway.workers.iter().map(|worker| worker.series.in_flight()).sum();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ready": gateway.is_ready(),
        "formats": FORMATS,
        "config": config,
        "source": { "problem": gateway.source_problem.load_full() },
        "connections": connections,
        "inFlight": in_flight,
    }))
    .into_response()
}
