//! The gateway end to end: real sockets, scripted upstreams, every promise under its number.

mod failover;
mod harness;
