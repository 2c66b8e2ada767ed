//! What only a real API server can show. `make test-cluster` runs it; `make test` does not, for it wants Go.
//!
//! One plane, with Weir's kinds, serves all tests: take it with [`shared::plane`], and a fresh namespace from it.
//! Who stops the API server or counts its calls starts a plane of its own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is not what it expects has failed"
)]

mod again;
mod argocd;
mod attachment;
mod chart;
mod children;
mod conditions;
mod corpus;
mod credentials;
mod explain;
mod faults;
mod flow;
mod gitops;
mod harness;
mod health;
mod keys;
mod leftovers;
mod proxy;
mod rights;
mod shared;
mod stage;
mod waves;
