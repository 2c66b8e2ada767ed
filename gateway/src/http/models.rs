//! `GET /v1/models`: what the caller's key may ask for, in OpenAI's shape.

use crate::live::{Live, LiveKey, LiveRoute};
use serde::Serialize;

/// A list of models.
#[derive(Debug, Serialize)]
pub(super) struct ModelList {
    object: &'static str,
    data: Vec<ModelEntry>,
}

/// One model. All four of OpenAI's fields, and what callers choose by.
#[derive(Debug, Serialize)]
pub(super) struct ModelEntry {
    id: String,
    object: &'static str,
    /// When the configuration came, in seconds since 1970: a model of ours has no other birthday.
    created: i64,
    owned_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
}

/// Every model that `key` may ask for.
pub(super) fn list(live: &Live, key: &LiveKey, created: i64) -> ModelList {
    let allowed = live.public_models().into_iter().filter(|(name, _)| key.config.allowed_models.allows(name));
    ModelList { object: "list", data: allowed.map(|(name, route)| entry(name, route, created)).collect() }
}

/// The model called `name`, if it exists and `key` may ask for it.
pub(super) fn one(live: &Live, key: &LiveKey, name: &str, created: i64) -> Option<ModelEntry> {
    let route = live.route(name).filter(|_| key.config.allowed_models.allows(name))?;
    Some(entry(name.to_owned(), route, created))
}

/// The context length is the smallest that is known: what fits there fits wherever the request goes.
fn entry(id: String, route: &LiveRoute, created: i64) -> ModelEntry {
    let windows = route.targets.iter().filter_map(|target| target.model(&id)?.model.context_window);
    let context_length = windows.min();
    ModelEntry { id, object: "model", created, owned_by: "weir", context_length }
}
