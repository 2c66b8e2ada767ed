//! `GET /v1/models`: what the caller's key may ask for.

use crate::live::{Live, LiveKey, LiveRoute};
use weir_config::UnixSeconds;
use weir_wire::Listed;

/// Every model that `key` may ask for. The configuration came when they were `created`: a model of ours has no other
/// birthday.
pub(super) fn list(live: &Live, key: &LiveKey, created: UnixSeconds) -> Vec<Listed> {
    let allowed = live.public_models().into_iter().filter(|(name, _)| key.config.allowed_models.allows(name));
    allowed.map(|(name, route)| entry(name, route, created)).collect()
}

/// The model called `name`, if it exists and `key` may ask for it.
pub(super) fn one(live: &Live, key: &LiveKey, name: &str, created: UnixSeconds) -> Option<Listed> {
    let route = live.route(name).filter(|_| key.config.allowed_models.allows(name))?;
    Some(entry(name.to_owned(), route, created))
}

/// The context window is the smallest that is known: what fits there fits wherever the request goes.
fn entry(id: String, route: &LiveRoute, created: UnixSeconds) -> Listed {
    let windows = route.targets.iter().filter_map(|target| target.model(&id)?.model.context_window);
    let context_window = windows.min();
    Listed { id, created, context_window }
}
