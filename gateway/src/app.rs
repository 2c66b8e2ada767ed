//! The one `Gateway` of a process: everything that outlives a request. Handlers get it; there are no statics.

use crate::bounds::Bounds;
use crate::clock;
use crate::limits::MemoryBudget;
use crate::live::{Live, build};
use crate::observe::{Log, Names, Totals};
use crate::shutdown::Shutdown;
use crate::tasks::Needed;
use crate::upstream::Dialer;
use crate::worker::Worker;
use arc_swap::ArcSwapOption;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_config::Snapshot;
use weir_config::published::Revision;

/// Shared by all workers.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// The configuration in force; none before the first snapshot.
    pub(crate) live: ArcSwapOption<Live>,
    /// When it was applied, in seconds since 1970.
    pub(crate) applied_at: AtomicI64,
    pub(crate) dialer: Dialer,
    /// Counts the lines that the process's log lost.
    pub(crate) log: Option<Log>,
    pub(crate) memory: MemoryBudget,
    pub(crate) bounds: Bounds,
    pub(crate) shutdown: Arc<Shutdown>,
    /// Threads without which it is no gateway any more.
    pub(crate) needed: Arc<Needed>,
    /// A stream that has said nothing for so long gets a comment.
    pub(crate) keep_alive: Duration,
    pub(crate) workers: Vec<Arc<Worker>>,
    /// What they have counted.
    pub(crate) totals: Arc<Totals>,
    /// Connections still come in.
    pub(crate) accepting: AtomicBool,
    /// What keeps newer configuration from coming here, if anything does.
    pub(crate) source_problem: ArcSwapOption<String>,
    /// Held while a snapshot is applied: two at once would each lose the other's state.
    pub(crate) applying: Mutex<()>,
}

impl Gateway {
    /// Puts `snapshot` in force, whole (semantics S8.3), as `revision` if it was published; returns its generation.
    /// Requests that have begun go on with what they began with.
    pub(crate) fn apply(&self, snapshot: Snapshot, revision: Option<Revision>) -> u64 {
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = self.live.load_full();
        let began = clock::now();
        let live = Arc::new(build(snapshot, revision, previous.as_deref(), began));
        let Revision { generation, hash } = live.revision;
        self.live.store(Some(Arc::clone(&live)));
        self.totals.keep(&Names::of(&live.snapshot), began);
        self.applied_at.store(clock::today().0, Ordering::Relaxed);
        tracing::info!(generation, %hash, "snapshot applied");
        generation
    }

    /// Whether new traffic should come here (semantics S9.2): a snapshot is in force, no drain has begun, and
    /// nothing is gone that serving needs.
    pub(crate) fn is_ready(&self) -> bool {
        self.live.load().is_some() && !self.shutdown.has_begun() && !self.needed.is_lost()
    }
}
