//! What compile has to say about one object.
//!
//! A message says what happened, why, and what to do. It never holds text from a Secret, nor a URL or other
//! value into which people put secrets by mistake: findings end up in statuses, events and logs.

use crate::codes::{Code, Severity};
use serde::Serialize;
use std::fmt;
use weir_config::ObjectName;

/// The four kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Kind {
    /// One deployment of the gateway.
    LLMGateway,
    /// One upstream account.
    LLMProvider,
    /// One public model.
    LLMRoute,
    /// One tenant's key.
    LLMKey,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LLMGateway => "LLMGateway",
            Self::LLMProvider => "LLMProvider",
            Self::LLMRoute => "LLMRoute",
            Self::LLMKey => "LLMKey",
        })
    }
}

/// One remark about one field of one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Finding {
    /// Which object.
    pub object: (Kind, ObjectName),
    /// Its code's severity: errors sort first.
    pub severity: Severity,
    /// What it is about.
    pub code: Code,
    /// Where, as a path: `spec.targets[1].providerRef.name`.
    pub field: String,
    /// What happened, why, and what to do. No secret is in it.
    pub message: String,
}

/// One line: `error WEIR0303 ProviderNotFound LLMRoute default/chat spec.targets[1].providerRef.name: …`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object: (kind, name), severity, code, field, message } = self;
        write!(f, "{severity} {code} {} {kind} {name} {field}: {message}", code.reason())
    }
}

/// Collects the findings on one object.
pub(crate) struct Report {
    object: (Kind, ObjectName),
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn on(kind: Kind, name: &ObjectName) -> Self {
        Self { object: (kind, name.clone()), findings: Vec::new() }
    }

    pub(crate) fn add(&mut self, code: Code, field: impl Into<String>, message: impl Into<String>) {
        self.findings.push(Finding {
            object: self.object.clone(),
            severity: code.severity(),
            code,
            field: field.into(),
            message: message.into(),
        });
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
