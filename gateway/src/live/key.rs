//! A tenant's key and what it has used.

use crate::label::{KeyNames, Label};
use std::sync::{Arc, Mutex};
use weir_config::{Key, UnixSeconds};
use weir_policy::MinuteWindow;

/// One text of a key: what a digest leads to.
#[derive(Debug, Clone)]
pub(crate) struct KeyText {
    pub(crate) key: Arc<LiveKey>,
    /// From this instant on the text is refused, whatever the key says.
    pub(crate) not_after: Option<UnixSeconds>,
}

/// A key with its counters.
#[derive(Debug)]
pub(crate) struct LiveKey {
    pub(crate) config: Arc<Key>,
    pub(crate) names: Arc<KeyNames>,
    /// Survives reloads: what was admitted stays counted.
    pub(crate) requests: Arc<Mutex<MinuteWindow>>,
}

impl LiveKey {
    pub(crate) fn new(config: Arc<Key>, requests: Arc<Mutex<MinuteWindow>>) -> Self {
        let names =
            KeyNames { key: Label::new(&config.name.to_string()), tenant: Label::new(&config.tenant) };
        Self { config, names: Arc::new(names), requests }
    }
}

impl KeyText {
    /// Whether the text may be used at `now`.
    pub(crate) fn is_valid(&self, now: UnixSeconds) -> bool {
        let before = |end: Option<UnixSeconds>| end.is_none_or(|end| now < end);
        !self.key.config.suspended && before(self.not_after) && before(self.key.config.expires_at)
    }
}
