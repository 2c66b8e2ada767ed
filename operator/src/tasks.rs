//! Everything that runs beside the main loop, by name. None of it ends before the process does: if one does, the
//! process ends with it and is started afresh, rather than going on with a part missing.

use std::future::Future;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinSet;

/// The running tasks; they end when this is dropped.
#[derive(Debug, Default)]
pub struct Tasks(JoinSet<&'static str>);

impl Tasks {
    /// Runs `task` until it ends or `self` is dropped.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits until one ends, which none should; says which.
    pub async fn first_end(&mut self) -> String {
        match self.0.join_next().await {
            Some(Ok(name)) => format!("{name} has ended"),
            Some(Err(error)) => format!("a task broke: {error}"),
            None => std::future::pending().await,
        }
    }
}

/// Computes for longer than a task should keep its thread to itself: the thread's other tasks go on elsewhere, unless
/// there is but one thread.
pub fn compute<R>(work: impl FnOnce() -> R) -> R {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}
