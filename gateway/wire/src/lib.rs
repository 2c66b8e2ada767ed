//! What is said on the wire: JSON bodies, server-sent events, vendors' errors.
//!
//! Pure: bytes in, bytes out, and the time is an argument. It opens no connection, knows no route and no key,
//! and decides nothing but what bytes mean. Where both sides speak the same dialect the caller's and the
//! vendor's bytes pass through (semantics S2.7); what is read of them is read in place.

mod failure;
mod json;
mod media;
pub mod openai;
mod sanitise;
pub mod sse;
mod through;
mod usage;

pub use json::scan::Position;
pub use sanitise::Withheld;
