//! What an error says to a caller, whatever the form that its API has for it.

use serde_json::value::RawValue;

/// What an error says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Words<'a> {
    /// For the developer who reads it.
    pub message: &'a str,
    /// The family: `invalid_request_error`, `rate_limit_error` ….
    pub kind: &'a str,
    /// The field of the request that is at fault.
    pub param: Option<&'a str>,
    /// What programs compare with.
    pub code: Option<&'a str>,
    /// What was tried: a JSON array, written as it is.
    pub attempts: Option<&'a RawValue>,
}
