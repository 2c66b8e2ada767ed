//! What whoever starts a source says to it.

use std::path::PathBuf;
use std::time::Duration;
use weir_config::ObjectName;

/// What to follow, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `LLMGateway` whose configuration it is.
    pub gateway: ObjectName,
    /// Where the configuration that was applied last is kept; `None`: nowhere. It holds credentials: in a pod it is
    /// in memory.
    pub state_dir: Option<PathBuf>,
    /// How long the API server may take at the start before the last good configuration is used; usually
    /// [`Settings::PATIENCE`].
    pub patience: Duration,
}

impl Settings {
    /// 3 s: longer than an API server that is there takes, shorter than anybody waits for a restarted pod.
    pub const PATIENCE: Duration = Duration::from_secs(3);
}
