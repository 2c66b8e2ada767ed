//! A worker: one thread with its own runtime, connections and pools. What its requests share with those of other
//! workers is the configuration, and what is bounded for all of them together: bytes held, a key's minute, a route's
//! retry budget.

use crate::limits::Gate;
use crate::observe::Sinks;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What a worker's requests share.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Its place among the workers: which pool is its own.
    pub(crate) index: usize,
    pub(crate) sinks: Arc<Sinks>,
    /// Where its requests wait while it has too much to do.
    pub(crate) gate: Gate,
    /// Connections that it serves.
    connections: AtomicUsize,
    random: AtomicU64,
}

impl Worker {
    /// Worker number `index`; `seed` begins its random numbers.
    pub(crate) fn new(index: usize, sinks: Arc<Sinks>, gate: Gate, seed: u64) -> Self {
        let (connections, random) = (AtomicUsize::new(0), AtomicU64::new(seed));
        Self { index, sinks, gate, connections, random }
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
