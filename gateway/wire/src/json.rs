//! JSON as a gateway reads it: in place or in pieces, and only what matters of it.

mod brief;
pub(crate) mod lenient;
pub(crate) mod number;
pub(crate) mod scan;
pub(crate) mod strings;

pub use brief::Brief;
