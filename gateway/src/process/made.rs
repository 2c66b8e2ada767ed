//! All that a gateway is made of before anything of it runs.

use super::accept::Desk;
use super::options::{Options, StartError};
use super::serve::Arrivals;
use crate::app::Gateway;
use crate::bounds::Bounds;
use crate::descriptors;
use crate::limits::{Gate, MemoryBudget};
use crate::observe::{Sinks, Totals, UsageLog, WorkerSeries};
use crate::shutdown::Shutdown;
use crate::sockets::{Bound, Network};
use crate::tasks::Needed;
use crate::upstream::{Closed, Dialer};
use crate::worker::Worker;
use arc_swap::ArcSwapOption;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::sync::mpsc;

/// A gateway that nobody drives yet: its sockets are open, its usage log is.
pub(super) struct Made {
    pub(super) gateway: Arc<Gateway>,
    pub(super) usage_log: UsageLog,
    pub(super) data: Bound,
    pub(super) admin: Bound,
    pub(super) data_address: SocketAddr,
    pub(super) admin_address: SocketAddr,
}

impl Made {
    pub(super) fn new(options: &Options, network: Network) -> Result<Self, StartError> {
        let limit = descriptors::raise();
        let callers = descriptors::for_callers(limit);
        let listen = |address| network.listen(address).map_err(|error| StartError::Listen(address, error));
        let (data, data_address) = listen(options.listen)?;
        let (admin, admin_address) = listen(options.admin_listen)?;
        let count =
            options.workers.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
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
        let dialer = Dialer::new(network, closed, count, idle);
        let gateway = Arc::new(Gateway {
            live: ArcSwapOption::empty(),
            applied_at: AtomicI64::new(0),
            dialer: dialer.map_err(|error| StartError::Tls(error.to_string()))?,
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
        Ok(Self { gateway, usage_log, data, admin, data_address, admin_address })
    }

    /// A desk for each worker, and its other side.
    pub(super) fn desks(&self) -> (Vec<Desk>, Vec<Arrivals>) {
        self.gateway.workers.iter().map(|_| mpsc::unbounded_channel()).unzip()
    }
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
