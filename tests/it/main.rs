//! The gateway end to end: real sockets, scripted upstreams, every promise under its number.
#![cfg(test)]

mod bodies;
mod caller;
mod failover;
mod harness;
mod leaving;
mod streams;
mod timers;
mod usage;
