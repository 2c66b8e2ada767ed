//! What a caller may take of the data port's time and sockets (semantics S9.4).
//!
//! They are no settings: nobody has a reason to wait longer for a slow caller. They stand in `Options` so that
//! tests need not wait as long as an attacker would.

use std::time::Duration;

/// The bounds of callers' connections. The default is what is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// From a request's first byte to the end of its headers, and from the accept to the first byte.
    pub headers: Duration,
    /// A body may take this long, and a second more for each `body_rate` bytes that have come.
    pub body_grace: Duration,
    /// Bytes per second.
    pub body_rate: u64,
    /// The caller may take so long for a piece of 16 KiB, or for all that is on its way to it.
    pub write_idle: Duration,
    /// A kept connection without a request: longer than clients keep theirs, so that it is they who close.
    pub kept: Duration,
    /// Connections served at once; more wait in the kernel's queue.
    pub connections: usize,
    /// Requests in flight at once, those that wait for their turn included; more are turned away. Every worker has an
    /// equal share.
    pub in_flight: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(10),
            body_grace: Duration::from_secs(60),
            body_rate: 64 << 10,
            write_idle: Duration::from_secs(60),
            kept: Duration::from_secs(120),
            connections: 15_000,
            in_flight: 15_000,
        }
    }
}
