//! The gateway end to end: real sockets, scripted upstreams, every promise under its number.
#![cfg(test)]

mod bodies;
mod caller;
mod failover;
mod harness;
mod leaving;
mod outage;
mod quiet;
mod recordings;
mod rescue;
mod streams;
mod timers;
mod usage;
