//! Which condition a code speaks about, and how it leaves it.
//!
//! The operator's report is driven by this: of the findings on an object the first that is about a condition decides
//! it. Messages, clocks and pods are the operator's; which reason belongs where is decided here, once.

use std::fmt;

/// The conditions that make an object Ready, in the order in which they fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The object is right in itself and its gateway takes it.
    Accepted,
    /// Whatever it refers to is there and usable.
    ResolvedRefs,
    /// All ready pods run it.
    Programmed,
    /// Not about a condition.
    None,
}

impl Condition {
    /// Those that are conditions.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::ResolvedRefs, Self::Programmed];

    /// Its `type`; and its reason while it is True and no code says more. Empty for [`Self::None`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::Programmed => "Programmed",
            Self::None => "",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a code leaves its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Effect {
    /// False, and only somebody's change helps: Stalled at once.
    Stalls,
    /// False; it may come right by itself.
    Waits,
    /// Unknown.
    Puzzles,
    /// It stays True.
    Holds,
}
