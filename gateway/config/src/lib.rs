//! The language that every side of Weir speaks: the compiled configuration (`Snapshot`) and the words in it.
//!
//! The operator writes it, gateways read it, the CLI does both. This crate decides nothing, does no I/O and
//! knows no clock: it says what a provider, a route, a key, a price and a failure *are*.

mod address;
mod failure;
mod instant;
mod key;
mod money;
mod name;
pub mod published;
mod secret;
mod snapshot;
mod usage;
mod vendors;

pub use address::{AddressKind, leads_to};
pub use failure::{Failure, FailureClass, FailureSet};
pub use instant::UnixSeconds;
pub use key::{AllowedModels, Digest, Key, KeyDigest, Limits, MintedKey, ParseDigestError};
pub use money::{NanoUsd, ParsePriceError, Price, Prices};
pub use name::{ModelPattern, ObjectName, ParseObjectNameError};
pub use secret::Secret;
pub use snapshot::{
    Alias, Backend, Disclosure, Egress, Endpoint, Fallback, Gateway, Listener, Mock, MockReply, Model,
    Provider, Retry, Route, Snapshot, Target, Timeouts,
};
pub use usage::{TokenClass, Usage};
pub use vendors::{Auth, OnAbort, Speaks, UsageOption, Vendor, VendorRow};
