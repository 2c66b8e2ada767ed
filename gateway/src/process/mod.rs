//! The process: sockets and threads, what they are told from outside, and their end.

mod accept;
mod feed;
mod serve;
mod signals;
mod start;

pub use feed::Feed;
pub use signals::Signals;
pub use start::{Options, Running, StartError, start};
