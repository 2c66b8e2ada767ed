//! The gateway: the shell that does I/O around the decisions of weir-policy and the formats of weir-wire.
//!
//! It knows snapshots, not custom resources: whoever starts it applies them.

mod app;
mod bounds;
mod clock;
mod coding;
mod collected;
mod descriptors;
mod fault;
mod http;
mod label;
mod limits;
mod live;
mod observe;
mod pipeline;
mod process;
mod shutdown;
mod sockets;
mod tasks;
mod timer;
mod upstream;
mod words;
mod worker;

pub use bounds::Bounds;
pub use observe::{Log, Lost, UsageLogTo};
pub use process::{Feed, Options, Running, Signals, StartError, start};

/// A gateway without threads and sockets of the kernel, for tests under paused time. No program is built with it.
#[cfg(feature = "memory-sockets")]
pub mod testing {
    pub use crate::process::Inside;
    pub use crate::sockets::memory::{Listener, Network, Stream};
}
