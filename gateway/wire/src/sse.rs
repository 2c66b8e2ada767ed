//! Server-sent events, fed as bytes: every way of splitting them gives the same events (semantics S2.5).
//!
//! Two layers. [`Cutter`] finds where frames end and holds no byte, so that a relay can pass on what it was
//! given; [`Event`] reads one frame. Nothing here knows JSON.

mod begin;
mod cutter;
mod event;
mod frames;
mod lines;
#[cfg(test)]
mod tests;

pub use begin::Beginning;
pub(crate) use cutter::Cutter;
pub(crate) use event::Event;
pub(crate) use frames::{Frame, Frames};
pub(crate) use lines::Lines;
