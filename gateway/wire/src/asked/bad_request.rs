//! Why a body is no request.

use crate::hub::Unsayable;
use crate::json::scan::{Flaw, Position};
use serde::Deserialize;

/// Why a body is no request, in words for the developer who sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadRequest {
    /// The whole explanation, position included.
    pub message: String,
    /// The field that is at fault, if one is.
    pub param: Option<&'static str>,
    /// Where the text stops being JSON, if it is none.
    pub position: Option<Position>,
}

impl BadRequest {
    pub(crate) fn field(param: &'static str, message: String) -> Self {
        Self { message, param: Some(param), position: None }
    }

    pub(crate) fn syntax(body: &[u8], at: usize, why: &str) -> Self {
        let position = Position::of(body, at);
        let Position { line, column } = position;
        let message = format!("The body is not valid JSON at line {line}, column {column}: {why}.");
        Self { message, param: None, position: Some(position) }
    }

    /// `flaw` of `body`, of which `keys` are read.
    pub(crate) fn of(body: &str, flaw: Flaw, keys: &[&'static str]) -> Self {
        let bad = Self::syntax(body.as_bytes(), flaw.at, &flaw.to_string());
        match flaw.duplicate().and_then(|which| keys.get(which)) {
            Some(key) => Self { message: format!("`{key}` is given twice."), param: Some(key), ..bad },
            None => Self::alike(body, flaw, keys).unwrap_or(bad),
        }
    }

    /// A key is not one that is read, but some servers would read it as that.
    fn alike(body: &str, flaw: Flaw, keys: &[&'static str]) -> Option<Self> {
        let key = keys.get(flaw.alike()?)?;
        let mut written = serde_json::Deserializer::from_str(body.get(flaw.at..)?);
        let written = String::deserialize(&mut written).ok()?;
        let message =
            format!("`{written}` must be written `{key}`: some servers read both as the same field.");
        Some(Self::field(key, message))
    }
}

impl From<BadRequest> for Unsayable {
    fn from(bad: BadRequest) -> Self {
        Self { param: bad.param.unwrap_or_default().to_owned(), message: bad.message }
    }
}
