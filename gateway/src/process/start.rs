//! Starts a gateway: sockets first, then threads; and ends it again.

use super::accept::{Desk, accept, listen, open_connections};
use super::feed::Feed;
use super::serve::{Arrivals, serve};
use crate::app::Gateway;
use crate::bounds::Bounds;
use crate::clock;
use crate::descriptors;
use crate::http::serve_admin;
use crate::limits::{Gate, MemoryBudget};
use crate::observe::{Log, Reopen, Sinks, Totals, UsageLog, UsageLogTo, WorkerSeries};
use crate::shutdown::{Phase, Shutdown, reached};
use crate::tasks::Needed;
use crate::upstream::{Closed, Dialer};
use crate::worker::Worker;
use arc_swap::ArcSwapOption;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use weir_config::Snapshot;

/// Between the cut and the end: running answers say their last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a gateway is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data port. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The admin port. Port 0 takes a free one.
    pub admin_listen: SocketAddr,
    /// Worker threads; `None`: one for each processor.
    pub workers: Option<NonZeroUsize>,
    /// Where the usage log goes.
    pub usage_log: UsageLogTo,
    /// Where the process's log goes, so that metrics tell what it lost; `None`: nowhere that loses lines.
    pub log: Option<Log>,
    /// Bytes of bodies held at once; `None`: half of what the machine or control group has.
    pub memory_budget: Option<u64>,
    /// What callers may take of time and sockets; usually the default.
    pub bounds: Bounds,
    /// A stream that has said nothing for so long gets a comment, lest something between gives it up (semantics
    /// S2.3); usually [`Options::KEEP_ALIVE`], never zero.
    pub keep_alive: Duration,
    /// Sockets that no upstream connection goes to, whatever the configuration allows: the API server's, in a pod
    /// (semantics S10.4). The gateway's own need not be named.
    pub withheld: Vec<SocketAddr>,
}

impl Options {
    /// 15 s: proxies and load balancers give up silent connections after 30 s at the soonest.
    pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket cannot be opened, most likely because another process has the port.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// A thread or its runtime cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// The usage log's file cannot be opened.
    #[error("cannot open the usage log: {0}")]
    UsageLog(#[source] io::Error),
    /// The TLS library refuses its own defaults.
    #[error("cannot set TLS up: {0}")]
    Tls(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

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
    let limit = descriptors::raise();
    let callers = descriptors::for_callers(limit);
    let listen_on = |address| listen(address).map_err(|error| StartError::Listen(address, error));
    let (data, data_address) = listen_on(options.listen)?;
    let (admin, admin_address) = listen_on(options.admin_listen)?;
    let count = options.workers.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let shutdown = Arc::new(Shutdown::default());
    let needed = Arc::new(Needed::default());
    // Each may need a connection upstream, as a caller on HTTP/1.1 has one here.
    let in_flight = options.bounds.in_flight.min(callers).div_ceil(count);
    let series: Vec<Arc<WorkerSeries>> = (0..count).map(|_| Arc::default()).collect();
    let (usage_log, buffers) =
        UsageLog::start(&options.usage_log, &series, &needed).map_err(StartError::UsageLog)?;
    let totals = Arc::new(Totals::new(series.clone()));
    let sinks = series.into_iter().zip(buffers).map(|(series, usage_log)| Sinks {
        series,
        usage_log,
        shutdown: Arc::clone(&shutdown),
    });
    let workers = workers(sinks.map(Arc::new), in_flight)?;
    let closed = Closed { ours: vec![data_address, admin_address], withheld: options.withheld.clone() };
    let connections = options.bounds.connections.min(callers);
    let idle = descriptors::for_idle(limit, connections);
    let dialer = Dialer::new(closed, count, idle).map_err(|error| StartError::Tls(error.to_string()))?;
    let gateway = Arc::new(Gateway {
        live: ArcSwapOption::empty(),
        applied_at: AtomicI64::new(0),
        dialer,
        log: options.log.clone(),
        memory: MemoryBudget::new(options.memory_budget.unwrap_or_else(MemoryBudget::default_bytes)),
        bounds: Bounds { connections, ..options.bounds.clone() },
        shutdown,
        needed,
        keep_alive: options.keep_alive,
        workers,
        totals,
        accepting: AtomicBool::new(true),
        source_problem: ArcSwapOption::empty(),
        applying: Mutex::new(()),
    });
    let mut threads = Vec::with_capacity(count + 1);
    let mut desks = Vec::with_capacity(count);
    for worker in &gateway.workers {
        let (desk, arrivals) = mpsc::unbounded_channel();
        desks.push(desk);
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

fn workers(
    sinks: impl Iterator<Item = Arc<Sinks>>,
    in_flight: usize,
) -> Result<Vec<Arc<Worker>>, StartError> {
    let worker = |(index, sinks)| {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|error| StartError::Random(error.to_string()))?;
        Ok(Arc::new(Worker::new(index, sinks, Gate::new(in_flight), u64::from_le_bytes(seed))))
    };
    sinks.enumerate().map(worker).collect()
}

/// Accepts, serves the admin port: what must go on however busy the workers are.
fn control_thread(
    gateway: &Arc<Gateway>,
    data: TcpListener,
    admin: TcpListener,
    desks: Vec<Desk>,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = runtime()?;
    let (data, admin) = {
        let _inside = runtime.enter();
        (awaited(data)?, awaited(admin)?)
    };
    let inside = Arc::clone(gateway);
    on_thread(gateway, "weir-control".to_owned(), runtime, async move {
        let gateway = inside;
        let mut phase = gateway.shutdown.watch();
        tokio::join!(accept(&gateway, data, &desks), serve_admin(&gateway, admin));
        reached(&mut phase, Phase::Ended).await;
    })
}

/// `listener` as the runtime that was entered waits on it.
fn awaited(listener: TcpListener) -> Result<tokio::net::TcpListener, StartError> {
    let address = listener.local_addr();
    tokio::net::TcpListener::from_std(listener).map_err(|error| match address {
        Ok(address) => StartError::Listen(address, error),
        Err(_) => StartError::Thread(error),
    })
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
        let listener = self.gateway.live.load_full().map(|live| live.gateway.listener.clone());
        let (delay, timeout) = listener.map_or((Duration::ZERO, Duration::ZERO), |listener| {
            (listener.removal_delay, listener.drain_timeout)
        });
        self.gateway.shutdown.advance(Phase::Leaving);
        self.wait_for(delay, &hurry, || false);
        self.gateway.shutdown.advance(Phase::Draining);
        let served =
            || !self.gateway.accepting.load(Ordering::Acquire) && open_connections(&self.gateway) == 0;
        self.wait_for(timeout, &hurry, served);
        self.gateway.shutdown.advance(Phase::Cut);
        self.wait_for(LAST_WORDS, &hurry, || open_connections(&self.gateway) == 0);
    }

    fn wait_for(&self, at_most: Duration, hurry: &impl Fn() -> bool, done: impl Fn() -> bool) {
        let until = clock::now() + at_most;
        while !hurry() && !done() && clock::now() < until {
            thread::park_timeout(Duration::from_millis(20));
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
