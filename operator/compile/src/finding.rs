//! What compile has to say about one object.
//!
//! A message says what happened, why, and what to do. It never holds text from a Secret, nor a URL or other
//! value into which people put secrets by mistake: findings end up in statuses, events and logs.

use crate::codes::{Code, Severity};
use serde::{Serialize, Serializer};
use std::fmt;
use weir_config::ObjectName;
use weir_crds::Kind;

/// One remark about one field of one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Finding {
    /// Which object.
    #[serde(serialize_with = "by_name")]
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

/// `{"kind": "LLMRoute", "name": "default/chat"}`.
fn by_name<S: Serializer>((kind, name): &(Kind, ObjectName), to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Named<'a> {
        kind: &'static str,
        name: &'a ObjectName,
    }
    Named { kind: kind.name(), name }.serialize(to)
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

    /// Says of an object that is suspended what follows from it.
    pub(crate) fn suspended(&mut self, consequence: &str) {
        let message = format!("it is suspended: {consequence}; set suspend: false to end that");
        self.add(Code::Suspended, "spec.suspend", message);
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
