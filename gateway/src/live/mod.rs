//! The configuration in the form that requests use: indexed, joined, with the state that survives a reload.
//!
//! A `Live` is built whole from a snapshot and swapped in whole (semantics S8.3). Requests take the `Arc`s of
//! their key, route and targets from it, never the `Live` itself: a long stream pins nothing else.

mod build;
mod health;
mod index;
mod key;
mod lesson;
mod provider;
mod route;

pub(crate) use build::build;
pub(crate) use health::Health;
pub(crate) use index::Live;
pub(crate) use key::{KeyText, LiveKey};
pub(crate) use route::{ChosenModel, LiveRoute, LiveTarget};
