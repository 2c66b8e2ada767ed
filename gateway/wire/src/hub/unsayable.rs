//! What one side says and the other has no words for.

use std::borrow::Cow;

/// Content that an account's API cannot say: the request is refused, unless another account takes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unsayable {
    /// The field of the caller's request, as in `messages.1.content.0`.
    pub param: String,
    /// What the account's API lacks, as a sentence for the developer who reads it.
    pub message: String,
}

/// Tuning fields of a caller's request that an account's API has no place for, by the caller's names.
pub type Dropped = Vec<Cow<'static, str>>;

impl Unsayable {
    /// What is at `param` cannot be said, for this reason.
    pub(crate) fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: param.into(), message: message.into() }
    }
}
