//! A credential's text, which cannot be printed by accident.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Secret text: `Debug` shows its length only and there is no `Display`. It serializes as it is, because the
/// secret part of a published configuration needs it; nothing else that is serialized holds one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes the text; it is not checked.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the one header that carries it, or for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Secret::new("sk-hunter2")), "Secret(10 bytes)");
    }
}
