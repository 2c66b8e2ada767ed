//! `/livez`: the main loop ticks. `/readyz`: everything is listed, or what is missing. `/metrics`.

use crate::metrics::Metrics;
use crate::watch::Picture;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use k8s_openapi::jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::http::{StatusCode, header};
use tokio::net::TcpListener;

/// The loop is stuck if it has not ticked for so many seconds: far longer than any pass takes.
const STUCK: i64 = 120;

/// When the main loop last came round.
#[derive(Debug, Default)]
pub struct Pulse(AtomicI64);

impl Pulse {
    /// It has come round at `now`.
    pub fn beat(&self, now: Timestamp) {
        self.0.store(now.as_second(), Ordering::Relaxed);
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        now.as_second() - self.0.load(Ordering::Relaxed) < STUCK
    }
}

/// What the health port looks at.
#[derive(Debug)]
pub struct Health {
    /// Of the main loop.
    pub pulse: Arc<Pulse>,
    /// What is listed.
    pub picture: Arc<Picture>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, health: Arc<Health>) {
    let router = Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the health port has ended");
    }
}

async fn live(State(health): State<Arc<Health>>) -> Response {
    if health.pulse.is_alive(Timestamp::now()) {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the main loop has not come round for two minutes\n").into_response()
}

async fn ready(State(health): State<Arc<Health>>) -> Response {
    let missing = health.picture.missing();
    if missing.is_empty() {
        return "ok\n".into_response();
    }
    let why =
        format!("not listed yet: {}; are the CRDs installed, and may they be listed?\n", missing.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn metrics(State(health): State<Arc<Health>>) -> Response {
    match health.metrics.text() {
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
