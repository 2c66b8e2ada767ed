//! The sockets of the gateway: all that listens, accepts or connects does it here, and `tests/it/law` fails where
//! another file names a socket of the kernel.
//!
//! In a release a [`Stream`] is tokio's `TcpStream`, by an alias. With the feature `memory-sockets`, which no program
//! is built with, it may as well be one of a network in memory: then a gateway, its callers and its upstreams fit into
//! one runtime, whose time a test may pause.

#[cfg(feature = "memory-sockets")]
mod either;
mod keepalive;
mod kernel;
#[cfg(feature = "memory-sockets")]
pub mod memory;

#[cfg(feature = "memory-sockets")]
pub(crate) use either::{Arrival, Bound, Listener, Network, Stream, for_caller, for_upstream, reset};
#[cfg(not(feature = "memory-sockets"))]
pub(crate) use kernel::{Arrival, Bound, Listener, Network, Stream, for_caller, for_upstream, reset};
