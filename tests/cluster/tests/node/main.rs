//! What only pods can show. `make test-node` runs it, as root; the other tests of the cluster need neither.
//!
//! One cluster serves all tests: take it with [`shared::scene`], and a namespace in it. Who stops the API server takes
//! it alone. A test binary that is started outside of the cluster's namespaces runs itself again inside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that is not what it expects has failed, and says why"
)]

mod installing;
mod pages;
mod pods;
mod services;
mod shared;
mod weir;
