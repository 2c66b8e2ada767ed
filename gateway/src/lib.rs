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
mod keepalive;
mod label;
mod limits;
mod live;
mod observe;
mod pipeline;
mod process;
mod shutdown;
mod tasks;
mod timer;
mod upstream;
mod words;
mod worker;

pub use bounds::Bounds;
pub use observe::{Log, Lost, UsageLogTo};
pub use process::{Feed, Options, Running, Signals, StartError, start};
