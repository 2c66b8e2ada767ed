//! A model as a list has it.

use weir_config::UnixSeconds;

/// A model that a caller may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What requests call it.
    pub id: String,
    /// Since when it is there.
    pub created: UnixSeconds,
    /// Its window in tokens, if that is known.
    pub context_window: Option<u64>,
}
