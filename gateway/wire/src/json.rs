//! JSON as a gateway reads it: in place or in pieces, and only what matters of it.

mod brief;
pub(crate) mod cursor;
pub(crate) mod lenient;
pub(crate) mod number;
pub(crate) mod scan;
pub(crate) mod strings;
pub(crate) mod text;
pub(crate) mod whole;
pub(crate) mod write;

pub use brief::Brief;
