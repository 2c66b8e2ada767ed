//! Where published configuration comes in, on whatever thread its source has.

use crate::app::Gateway;
use std::fmt;
use std::sync::Arc;
use weir_config::Snapshot;
use weir_config::published::Revision;

/// A gateway as its source of configuration sees it.
#[derive(Clone)]
pub struct Feed(Arc<Gateway>);

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed")
    }
}

impl Feed {
    pub(crate) fn new(gateway: Arc<Gateway>) -> Self {
        Self(gateway)
    }

    /// Puts `snapshot` in force, whole, that was published as `revision`: `/status` and the metrics say so from here
    /// on.
    pub fn apply(&self, snapshot: Snapshot, revision: Revision) {
        self.0.apply(snapshot, Some(revision));
    }

    /// Does `work`, whose end by a panic ends the process in order: what is called `name` is needed.
    pub fn needs<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        let watched = self.0.needed.watch(name);
        let done = work();
        watched.done();
        done
    }

    /// Says on `/status` what keeps newer configuration from coming here, or that nothing does. In words for
    /// operators: no secret may be in it.
    pub fn report(&self, problem: Option<String>) {
        self.0.source_problem.store(problem.map(Arc::new));
    }
}
