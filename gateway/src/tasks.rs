//! Tasks have names, and nobody else spawns. A panic in one is logged under its name and ends only that task.
//!
//! Some things the process cannot do without: a worker, the thread that accepts, the usage log. The first of them
//! that ends unasked ends the process, in order: a gateway that lost a part looks healthy and is not.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Runs `task` on this worker, under `name`.
pub(crate) fn spawn(name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let guard = Unfinished(name);
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
    tokio::spawn(async move {
        let guard = guard;
        task.await;
        std::mem::forget(guard);
    });
}

/// Dropped only by a panic, or with the runtime.
struct Unfinished(&'static str);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.0, "a task panicked; what it served has ended");
        }
    }
}

type Heard = Box<dyn FnOnce() + Send>;

/// What the process cannot do without.
#[derive(Default)]
pub(crate) struct Needed(Mutex<Losses>);

#[derive(Default)]
struct Losses {
    any: bool,
    heard: Option<Heard>,
}

impl fmt::Debug for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Needed")
    }
}

impl Needed {
    /// From now on the process needs what is called `name`, until the guard is told that it is done.
    pub(crate) fn watch(self: &Arc<Self>, name: impl Into<String>) -> Watched {
        Watched { name: name.into(), needed: Arc::clone(self), done: false }
    }

    /// Whether something is gone that the process needs.
    pub(crate) fn is_lost(&self) -> bool {
        self.losses().any
    }

    /// Has `heard` called at the first loss; at once if there was one.
    pub(crate) fn on_loss(&self, heard: impl FnOnce() + Send + 'static) {
        let mut losses = self.losses();
        if !losses.any {
            losses.heard = Some(Box::new(heard));
            return;
        }
        drop(losses);
        heard();
    }

    fn lost(&self) {
        let mut losses = self.losses();
        losses.any = true;
        let heard = losses.heard.take();
        drop(losses);
        if let Some(heard) = heard {
            heard();
        }
    }

    fn losses(&self) -> MutexGuard<'_, Losses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by what the process needs; dropped before it is done, it is a loss.
#[derive(Debug)]
pub(crate) struct Watched {
    name: String,
    needed: Arc<Needed>,
    done: bool,
}

impl Watched {
    /// It ended because it was told to.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.done {
            tracing::error!(what = self.name, "a part of the gateway has ended unasked: the process ends");
            self.needed.lost();
        }
    }
}
