//! The gateway end to end: real sockets, scripted upstreams, every promise under its number.
#![cfg(test)]

mod caller;
mod failover;
mod harness;
mod timers;
