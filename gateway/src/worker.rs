//! A worker: one thread with its own runtime, connections and pools. Nothing on the way of a request is shared
//! with another worker but the configuration, and what is counted for all: keys' minutes, routes' retry budgets, memory.

use crate::app::Gateway;
use crate::http::serve_connection;
use crate::observe::{LogBuffer, WorkerSeries};
use crate::shutdown::{Phase, Shutdown, reached};
use crate::tasks;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// What a worker's requests share.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Its place among the workers: which pool is its own.
    pub(crate) index: usize,
    pub(crate) series: Arc<WorkerSeries>,
    pub(crate) usage_log: Arc<LogBuffer>,
    pub(crate) shutdown: Arc<Shutdown>,
    /// Connections that it serves.
    connections: AtomicUsize,
    random: AtomicU64,
}

impl Worker {
    /// Worker number `index`; `seed` begins its random numbers.
    pub(crate) fn new(
        index: usize,
        series: Arc<WorkerSeries>,
        usage_log: Arc<LogBuffer>,
        shutdown: Arc<Shutdown>,
        seed: u64,
    ) -> Self {
        let (connections, random) = (AtomicUsize::new(0), AtomicU64::new(seed));
        Self { index, series, usage_log, shutdown, connections, random }
    }

    /// A random number: for ids, jitter and the Mock, never for secrets. SplitMix64, by Steele, Lea and Flood.
    pub(crate) fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.random.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// How many connections it serves.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// A place among a worker's connections.
#[derive(Debug)]
pub(crate) struct Place(Arc<Worker>);

impl Place {
    pub(crate) fn take(worker: &Arc<Worker>) -> Self {
        worker.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(worker))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepted connections on their way to a worker.
pub(crate) type Arrivals = mpsc::UnboundedReceiver<(TcpStream, Place)>;

/// Serves what arrives until the gateway has ended. Whatever runs then is dropped.
pub(crate) async fn run(gateway: Arc<Gateway>, worker: Arc<Worker>, mut arrivals: Arrivals) {
    let mut phase = gateway.shutdown.watch();
    loop {
        tokio::select! {
            arrival = arrivals.recv() => match arrival {
                Some((stream, place)) => begin(&gateway, &worker, stream, place),
                None => break,
            },
            () = reached(&mut phase, Phase::Ended) => return,
        }
    }
    reached(&mut phase, Phase::Ended).await;
}

fn begin(gateway: &Arc<Gateway>, worker: &Arc<Worker>, stream: TcpStream, place: Place) {
    match tokio::net::TcpStream::from_std(stream) {
        Ok(stream) => {
            let serving = serve_connection(Arc::clone(gateway), Arc::clone(worker), stream);
            tasks::spawn("connection", async move {
                serving.await;
                drop(place);
            });
        }
        Err(error) => tracing::warn!(%error, "an accepted connection cannot be served"),
    }
}
