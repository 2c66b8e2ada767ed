//! Tasks have names, and nobody else spawns. A panic in one is logged under its name and ends only that task.

use std::future::Future;

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
