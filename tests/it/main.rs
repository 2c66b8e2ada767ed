//! The gateway end to end: real sockets, scripted upstreams, every promise under its number.
#![cfg(test)]

mod auth;
mod bodies;
mod bounds;
mod caller;
mod egress;
mod errors;
mod failover;
mod frames;
mod harness;
mod heads;
mod images;
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
mod stalled;
mod streams;
mod timers;
mod tls;
mod tools;
mod uploads;
mod usage;
mod usage_log;
