//! The gateway end to end: real sockets, scripted upstreams, every promise under its number.
#![cfg(test)]

mod auth;
mod beginnings;
mod bodies;
mod bounds;
mod caller;
mod egress;
mod endings;
mod errors;
mod failover;
mod harness;
mod images;
mod large;
mod law;
mod leaving;
mod life;
mod limits;
mod memory;
mod metrics;
mod outage;
mod quiet;
mod raw;
mod recordings;
mod reload;
mod rescue;
mod safety;
mod sizes;
mod streams;
mod timers;
mod tls;
mod tools;
mod usage;
mod usage_log;
