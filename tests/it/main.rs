//! The gateway end to end: real sockets, scripted upstreams, every promise under its number.
#![cfg(test)]

mod auth;
mod bodies;
mod bounds;
mod caller;
mod connections;
mod egress;
mod errors;
mod failover;
mod harness;
mod images;
mod law;
mod leaving;
mod life;
mod limits;
mod memory;
mod metrics;
mod outage;
mod overload;
mod quiet;
mod raw;
mod recordings;
mod refusals;
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
