//! The fake seen through a raw TCP client: what is on the wire, to the byte, not what an HTTP library makes of it.

mod client;
mod failures;
mod memory;
mod messages;
mod shapes;
mod strict;
mod talk;
