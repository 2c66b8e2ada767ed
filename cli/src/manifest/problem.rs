//! What is wrong with manifests, in one shape: where, which object, which field, why and what to do.

use super::place::Spot;
use serde::{Serialize, Serializer};
use std::fmt;
use weir_compile::{Code, Severity};

/// One remark. It never holds a value out of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) severity: Severity,
    /// `None` for what stands in no file.
    pub(crate) spot: Option<Spot>,
    /// `LLMRoute default/chat`; `None` where a file cannot be read that far.
    pub(crate) object: Option<String>,
    /// `spec.targets[1].name`; empty for the object as a whole.
    pub(crate) field: String,
    /// Only what compile finds has one.
    pub(crate) code: Option<Code>,
    pub(crate) message: String,
    /// The file itself cannot be read: a mistake of the call rather than of the manifests.
    pub(crate) io: bool,
}

impl Problem {
    /// An error at `spot` about no object in particular.
    pub(crate) fn at(spot: Option<Spot>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            spot,
            object: None,
            field: String::new(),
            code: None,
            message: message.into(),
            io: false,
        }
    }

    /// A file or folder cannot be read.
    pub(crate) fn io(message: impl Into<String>) -> Self {
        Self { io: true, ..Self::at(None, message) }
    }

    /// The same about `object`'s `field`.
    pub(crate) fn about(self, object: String, field: String) -> Self {
        Self { object: Some(object), field, ..self }
    }

    /// Whether it is what `weir` stops for.
    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// One line: `chat.yaml:12:5: error WEIR0303 ProviderNotFound: LLMRoute default/chat spec.targets[1].…: …`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(spot) = &self.spot {
            write!(f, "{spot}: ")?;
        }
        write!(f, "{}", self.severity)?;
        if let Some(code) = self.code {
            write!(f, " {code} {}", code.reason())?;
        }
        write!(f, ": ")?;
        if let Some(object) = &self.object {
            let blank = if self.field.is_empty() { "" } else { " " };
            write!(f, "{object}{blank}{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// The same as an object of JSON, every field always there.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            severity: String,
            file: Option<&'a str>,
            line: Option<usize>,
            column: Option<usize>,
            object: Option<&'a str>,
            field: Option<&'a str>,
            code: Option<String>,
            reason: Option<&'a str>,
            message: &'a str,
        }
        Line {
            severity: self.severity.to_string(),
            file: self.spot.as_ref().map(|spot| &*spot.file),
            line: self.spot.as_ref().map(|spot| spot.place.line),
            column: self.spot.as_ref().map(|spot| spot.place.column),
            object: self.object.as_deref(),
            field: Some(self.field.as_str()).filter(|field| !field.is_empty()),
            code: self.code.map(|code| code.to_string()),
            reason: self.code.map(Code::reason),
            message: &self.message,
        }
        .serialize(to)
    }
}
