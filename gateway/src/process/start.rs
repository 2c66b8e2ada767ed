//! Starts a gateway: sockets first, then threads; and ends it again.

use super::accept::Desk;
use super::control::{awaited, control};
use super::feed::Feed;
use super::made::Made;
use super::options::{Options, StartError};
use super::serve::{Arrivals, serve};
use super::steps::{LOOK, steps};
use crate::app::Gateway;
use crate::observe::{Reopen, UsageLog};
use crate::shutdown::Phase;
use crate::sockets::{Bound, Network};
use crate::worker::Worker;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Runtime};
use weir_config::Snapshot;

/// A gateway that runs.
#[derive(Debug)]
pub struct Running {
    gateway: Arc<Gateway>,
    threads: Vec<JoinHandle<()>>,
    usage_log: UsageLog,
    /// The data port's address.
    pub data_address: SocketAddr,
    /// The admin port's address.
    pub admin_address: SocketAddr,
}

/// Starts a gateway without configuration: it answers 503 `not_ready` until the first snapshot is applied.
pub fn start(options: &Options) -> Result<Running, StartError> {
    start_with(options, serve)
}

/// The same with `run` as what each worker's thread does.
fn start_with<F: Future<Output = ()> + Send + 'static>(
    options: &Options,
    run: impl Fn(Arc<Gateway>, Arc<Worker>, Arrivals) -> F,
) -> Result<Running, StartError> {
    let made = Made::new(options, Network::kernel())?;
    let (desks, arrivals) = made.desks();
    let Made { gateway, usage_log, data, admin, data_address, admin_address } = made;
    let mut threads = Vec::with_capacity(desks.len() + 1);
    for (worker, arrivals) in gateway.workers.iter().zip(arrivals) {
        let name = format!("weir-worker-{}", worker.index);
        let task = run(Arc::clone(&gateway), Arc::clone(worker), arrivals);
        threads.push(on_thread(&gateway, name, runtime()?, task)?);
    }
    threads.push(
        control_thread(&gateway, data, admin, desks)
            .inspect_err(|_| gateway.shutdown.advance(Phase::Ended))?,
    );
    Ok(Running { gateway, threads, usage_log, data_address, admin_address })
}

/// Runs [`control`], which must go on however busy the workers are.
fn control_thread(
    gateway: &Arc<Gateway>,
    data: Bound,
    admin: Bound,
    desks: Vec<Desk>,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = runtime()?;
    let (data, admin) = {
        let _inside = runtime.enter();
        (awaited(data)?, awaited(admin)?)
    };
    let control = control(Arc::clone(gateway), data, admin, desks);
    on_thread(gateway, "weir-control".to_owned(), runtime, control)
}

fn runtime() -> Result<Runtime, StartError> {
    Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)
}

/// Runs `task`, which ends with the gateway, on a thread that the process needs.
fn on_thread(
    gateway: &Arc<Gateway>,
    name: String,
    runtime: Runtime,
    task: impl Future<Output = ()> + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = Unhindered(Some(runtime));
    let (shutdown, watched) = (Arc::clone(&gateway.shutdown), gateway.needed.watch(name.as_str()));
    let run = move || {
        runtime.run(task);
        if shutdown.is(Phase::Ended) {
            watched.done();
        }
    };
    thread::Builder::new().name(name).spawn(run).map_err(StartError::Thread)
}

/// A runtime whose end, be it by a panic, waits for nothing that blocks: nobody can cancel a name lookup, which may
/// take longer than there is time, and the usage log is written after this.
struct Unhindered(Option<Runtime>);

impl Unhindered {
    fn run(self, task: impl Future<Output = ()>) {
        if let Some(runtime) = &self.0 {
            runtime.block_on(task);
        }
    }
}

impl Drop for Unhindered {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Running {
    /// Puts `snapshot` in force, whole; returns its generation, counted from 1.
    pub fn apply(&self, snapshot: Snapshot) -> u64 {
        self.gateway.apply(snapshot, None)
    }

    /// For a source of published configuration, which goes on while this one drains.
    pub fn feed(&self) -> Feed {
        Feed::new(Arc::clone(&self.gateway))
    }

    /// Ends the gateway in order (semantics S9.1): not ready at once, accepting for `removal_delay` more, then
    /// finishing what runs for at most `drain_timeout`. Blocks until all is done. `hurry` is asked often: when it
    /// says true, everything ends at once.
    pub fn drain(&self, hurry: impl Fn() -> bool) {
        for step in steps(&self.gateway) {
            let begun = step.begin(&self.gateway);
            while !hurry() && !begun.is_over(&self.gateway) {
                thread::park_timeout(LOOK);
            }
        }
    }

    /// Has `heard` called once something that the gateway needs has ended unasked; at once if something has.
    pub(crate) fn on_loss(&self, heard: impl FnOnce() + Send + 'static) {
        self.gateway.needed.on_loss(heard);
    }

    /// Whether something has.
    pub(crate) fn has_lost(&self) -> bool {
        self.gateway.needed.is_lost()
    }

    /// The handle that opens its usage log anew.
    pub(crate) fn reopen(&self) -> Reopen {
        self.usage_log.reopen()
    }

    /// Ends everything now; what still runs is dropped. Writes out the usage log.
    pub fn stop(mut self) {
        self.gateway.shutdown.advance(Phase::Ended);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread panicked");
            }
        }
        self.usage_log.close();
    }
}

#[cfg(test)]
mod tests;
