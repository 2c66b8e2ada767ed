//! The operator: watches Weir's objects, compiles them, publishes the configurations, reports what became of them.
//!
//! It configures gateways, it routes nothing: requests go on without it. Everything that it decides from is in the
//! API server; a replica that is killed at any moment is followed by one that reads on from there.

pub mod account;
pub mod acks;
pub mod args;
pub mod children;
pub mod cluster;
#[cfg(test)]
mod fake_api;
pub mod gather;
pub mod health;
pub mod lease;
pub mod left_out;
pub mod log;
pub mod metrics;
pub mod mint;
pub mod names;
pub mod pass;
pub mod pods;
pub mod programmed;
pub mod publish;
pub mod rbac;
pub mod report;
pub mod run;
pub mod secrets;
pub mod tasks;
pub mod watch;
