//! Parts of an LLMGateway in Kubernetes' own form, read as strictly as an API server reads a pod: what is misspelt
//! there would else be dropped without a word.
//!
//! What is wrong is named by its place and not quoted.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use weir_compile::{Code, Finding};
use weir_config::ObjectName;
use weir_crds::{Kind, RawPart};

/// Reads parts of one gateway and notes what cannot be read.
pub(super) struct Parts {
    object: (Kind, ObjectName),
    findings: Vec<Finding>,
}

impl Parts {
    pub(super) fn of(gateway: &ObjectName) -> Self {
        Self { object: (Kind::Gateway, gateway.clone()), findings: Vec::new() }
    }

    /// The part at `field`.
    pub(super) fn read<T: DeserializeOwned + Serialize>(&mut self, field: &str, raw: &RawPart) -> Option<T> {
        let raw = Value::Object(raw.clone());
        let Ok(part) = serde_json::from_value::<T>(raw.clone()) else {
            self.note(field.to_owned(), "it is not of the form that Kubernetes gives it");
            return None;
        };
        let read = serde_json::to_value(&part).unwrap_or_default();
        if let Some(lost) = lost(&raw, &read, field) {
            self.note(lost, "Kubernetes has no such field, or a newer one than this version of Weir");
            return None;
        }
        Some(part)
    }

    /// The parts of the list at `field`.
    pub(super) fn each<T: DeserializeOwned + Serialize>(&mut self, field: &str, raw: &[RawPart]) -> Vec<T> {
        raw.iter()
            .enumerate()
            .filter_map(|(index, raw)| self.read(&format!("{field}[{index}]"), raw))
            .collect()
    }

    fn note(&mut self, field: String, what: &str) {
        let code = Code::InvalidValue;
        let message = format!("{what}; correct it, until then the gateway's pods stay as they are");
        let object = self.object.clone();
        self.findings.push(Finding { object, severity: code.severity(), code, field, message });
    }

    /// What was noted.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// Where `raw` says something that `read` does not, if it does.
fn lost(raw: &Value, read: &Value, at: &str) -> Option<String> {
    match (raw, read) {
        (Value::Object(raw), Value::Object(read)) => {
            raw.iter().filter(|(_, value)| !value.is_null()).find_map(|(name, value)| match read.get(name) {
                Some(read) => lost(value, read, &format!("{at}.{name}")),
                None => Some(format!("{at}.{name}")),
            })
        }
        (Value::Array(raw), Value::Array(read)) => raw
            .iter()
            .zip(read)
            .enumerate()
            .find_map(|(index, (raw, read))| lost(raw, read, &format!("{at}[{index}]"))),
        _ => None,
    }
}
