//! Everything on the data port that is not hot.

use super::{OutBody, model_not_found, models, refusal};
use crate::app::Gateway;
use crate::auth::authenticate;
use crate::call::now_unix;
use crate::fault::{Fault, FaultKind, Retry};
use crate::live::{Live, LiveKey};
use crate::observe::RequestId;
use crate::worker::Worker;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, Method, Uri};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[derive(Debug, Clone)]
struct Shared {
    gateway: Arc<Gateway>,
    worker: Arc<Worker>,
}

/// The router of one worker.
pub(super) fn data_router(gateway: Arc<Gateway>, worker: Arc<Worker>) -> Router {
    let models = get(list_models);
    let model = get(get_model);
    let mistaken = post(unknown_method).fallback(unknown_method);
    Router::new()
        .route("/v1/models", models.clone())
        .route("/v1/models/{*id}", model.clone())
        .route("/v1/v1/models", models)
        .route("/v1/v1/models/{*id}", model)
        .route("/v1/chat/completions", mistaken.clone())
        .route("/v1/v1/chat/completions", mistaken)
        .method_not_allowed_fallback(unknown_method)
        .fallback(unknown_url)
        .with_state(Shared { gateway, worker })
}

async fn list_models(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    shared.answer(&headers, |live, key, created| Ok(Json(models::list(live, key, created)).into_response()))
}

async fn get_model(State(shared): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    shared.answer(&headers, |live, key, created| {
        let entry = models::one(live, key, &id, created).ok_or_else(|| model_not_found(&id))?;
        Ok(Json(entry).into_response())
    })
}

async fn unknown_url(State(shared): State<Shared>, uri: Uri) -> Response {
    let text = format!(
        "There is nothing at {:?}. This gateway serves POST /v1/chat/completions, GET /v1/models and \
         GET /v1/models/{{id}}; a client's base URL ends with /v1.",
        uri.path()
    );
    shared.refuse(Fault::new(FaultKind::UnknownUrl, text))
}

async fn unknown_method(State(shared): State<Shared>, method: Method, uri: Uri) -> Response {
    let text = format!("{method} is not understood at {:?}.", uri.path());
    shared.refuse(Fault::new(FaultKind::MethodNotAllowed, text))
}

impl Shared {
    fn id(&self) -> RequestId {
        RequestId::new(self.worker.random(), self.worker.random())
    }

    fn refuse(&self, fault: Fault) -> Response {
        refusal(self.id(), fault).map(Body::new)
    }

    /// Answers an authenticated request; `answer` also gets when the configuration was applied.
    fn answer(
        &self,
        headers: &HeaderMap,
        answer: impl FnOnce(&Live, &LiveKey, i64) -> Result<Response, Fault>,
    ) -> Response {
        let Some(live) = self.gateway.live.load_full() else {
            return self.refuse(not_ready());
        };
        let created = self.gateway.applied_at.load(Ordering::Relaxed);
        let result = authenticate(&live, headers, now_unix()).and_then(|key| answer(&live, &key, created));
        let mut response = result.unwrap_or_else(|fault| self.refuse(fault));
        if !response.headers().contains_key("x-request-id") {
            response.headers_mut().insert("x-request-id", self.id().header());
        }
        response.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
        response
    }
}

/// Before the first snapshot.
pub(crate) fn not_ready() -> Fault {
    Fault::new(
        FaultKind::NotReady,
        "This gateway has no configuration yet. It comes within seconds; try again.",
    )
    .retry(Retry::After(Duration::from_secs(1)))
}

/// Wraps the router's response for the connection.
pub(super) fn from_router(response: Response) -> http::Response<OutBody> {
    response.map(OutBody::Router)
}
