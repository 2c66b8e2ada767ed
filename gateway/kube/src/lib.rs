//! A gateway's configuration from the API server: follows what the operator publishes and applies it whole.
//!
//! It watches the index by its name. On each new one it fetches the parts that changed, checks every digest, and
//! only then applies the snapshot; whatever is wrong, the gateway goes on with what it runs (semantics S8.1 to
//! S8.3). What was applied is kept in a directory, so that a restart needs no API server (S8.2). All of it happens
//! on a thread of its own: no worker waits for the API server, or knows that there is one.
//!
//! It writes nothing to the cluster and decides nothing about requests.

mod addresses;
mod client;
mod follower;
mod held;
mod last_good;
mod parts;
mod pause;
mod problem;
mod settings;
mod source;
mod watch;

pub use addresses::addresses;
pub use client::ClientError;
pub use settings::Settings;
pub use source::{Source, SourceError};
