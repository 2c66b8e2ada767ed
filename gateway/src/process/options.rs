//! How a gateway is to run, and why it may not.

use crate::bounds::Bounds;
use crate::observe::{Log, UsageLogTo};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

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
