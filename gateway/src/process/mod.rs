//! The process: its threads, what they are told from outside, and their end.

mod accept;
mod control;
mod feed;
mod made;
#[cfg(feature = "memory-sockets")]
mod one_runtime;
mod options;
mod serve;
mod signals;
mod start;
mod steps;

pub use feed::Feed;
#[cfg(feature = "memory-sockets")]
pub use one_runtime::Inside;
pub use options::{Options, StartError};
pub use signals::Signals;
pub use start::{Running, start};
