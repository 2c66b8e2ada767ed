//! What an answer of the gateway's own making says.

use std::borrow::Cow;
use weir_config::{UnixSeconds, Usage};

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Told apart from others by this, beside what every id of its API begins with.
    pub id: String,
    /// When it was made.
    pub created: UnixSeconds,
    /// The model that it claims to be of.
    pub model: String,
    /// What is said.
    pub text: Cow<'static, str>,
    /// What is counted.
    pub usage: Usage,
}
