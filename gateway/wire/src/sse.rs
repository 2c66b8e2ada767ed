//! Server-sent events, fed as bytes: every way of splitting them gives the same events (semantics S2.5).
//!
//! Two layers. [`Cutter`] finds where frames end and holds no byte, so that a relay can pass on what it was
//! given; [`Event`] reads one frame. [`Decoder`] is both, for those who translate. Nothing here knows JSON.

mod begin;
mod cutter;
mod decoder;
mod event;
mod lines;
#[cfg(test)]
mod tests;

pub use begin::Beginning;
pub use cutter::Cutter;
pub use decoder::{Decoder, FrameTooLong};
pub use event::Event;
pub(crate) use lines::Lines;
