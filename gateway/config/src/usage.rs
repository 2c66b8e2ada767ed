//! Tokens that a request used, by class.

use serde::{Deserialize, Serialize};

/// Tokens by class. The classes are disjoint (semantics S4.1): a vendor's inclusive counts are split once, at
/// its dialect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens that were not read from a cache.
    pub input: u64,
    /// Input tokens read from the vendor's cache.
    pub cache_read: u64,
    /// Output tokens other than reasoning.
    pub output: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
}
