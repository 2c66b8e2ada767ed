//! The gateway: the shell that does I/O around the decisions of weir-policy and the formats of weir-wire.
//!
//! It knows snapshots, not custom resources: whoever starts it applies them.

mod accept;
mod app;
mod attempt;
mod auth;
mod bounds;
mod call;
mod coding;
mod collected;
mod descriptors;
mod drain;
mod fault;
mod feed;
mod flow;
mod gate;
mod http;
mod keepalive;
mod lesson;
mod live;
mod memory;
mod observe;
mod pipeline;
mod relay;
mod rescue;
mod settle;
mod shutdown;
mod signals;
mod start;
mod tasks;
mod timer;
mod told;
mod upstream;
mod walk;
mod worker;

pub use bounds::Bounds;
pub use feed::Feed;
pub use observe::{Log, Lost, UsageLogTo};
pub use signals::Signals;
pub use start::{Options, Running, StartError, start};
