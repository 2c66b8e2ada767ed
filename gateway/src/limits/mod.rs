//! What is bounded for all requests together: those in flight, bytes held, attempts beyond the first.

mod gate;
mod memory;
mod rescue;

pub(crate) use gate::Gate;
pub(crate) use memory::{Class, Exhausted, LARGE_HEAD, MemoryBudget, SMALL, STREAM, Share};
pub(crate) use rescue::{Rescue, RescueBudget};
