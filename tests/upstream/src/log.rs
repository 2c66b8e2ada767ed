//! What an upstream remembers: requests, cancelled answers, connections; and a signal whenever that changes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use crate::Seen;

/// An answer during which the client closed the connection before the end.
#[derive(Debug, Clone, Copy)]
pub struct Cancelled {
    /// The number of its request ([`Seen::number`]).
    pub request: u64,
    /// Its connection ([`Seen::connection`]).
    pub connection: u64,
    /// When the close was noticed: at once while the answer waits, else with the next write.
    pub at: Instant,
    /// How many bytes of the answer (headers and framing included) had been written.
    pub written: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) seen: Vec<Seen>,
    pub(crate) cancelled: Vec<Cancelled>,
    pub(crate) finished: usize,
    pub(crate) open: usize,
    pub(crate) connections: u64,
}

#[derive(Debug)]
pub(crate) struct Log {
    entries: Mutex<Entries>,
    pub(crate) changed: watch::Sender<()>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::default(), changed: watch::Sender::new(()) }
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Entries) -> T) -> T {
        read(&self.lock())
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> T {
        let out = change(&mut self.lock());
        self.changed.send_replace(());
        out
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
