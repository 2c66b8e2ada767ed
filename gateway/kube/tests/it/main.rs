//! A gateway that is configured through an API server, which is a small one of the tests' own: it lists, watches and
//! gets ConfigMaps and Secrets, and fails as it is told to.
#![cfg(test)]

mod api;
mod away;
mod binary;
mod boot;
mod follow;
mod formats;
mod torn;
mod world;
