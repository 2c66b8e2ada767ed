//! The gateway end to end: real sockets, scripted upstreams, every promise under its number.
#![cfg(test)]

mod auth;
mod bounds;
mod errors;
mod failover;
mod harness;
mod law;
mod life;
mod limits;
mod metrics;
mod raw;
mod reload;
mod safety;
mod tools;
mod usage_log;
