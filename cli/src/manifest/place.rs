//! Where in a file something stands.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Line and column, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// The places of a value and of all that is in it. A field's place is that of its name: the value may stand lines
/// below, the name is what people look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) at: Place,
    pub(crate) fields: BTreeMap<String, Places>,
    pub(crate) items: Vec<Places>,
}

impl Places {
    /// A value with nothing in it.
    pub(crate) fn leaf(at: Place) -> Self {
        Self { at, fields: BTreeMap::new(), items: Vec::new() }
    }

    /// The place of what the JSON pointer leads to, or of the last step that exists: what is missing is reported
    /// at what should hold it.
    pub(crate) fn find(&self, pointer: &str) -> Place {
        let mut here = self;
        for step in pointer.split('/').skip(1) {
            let next = match step.parse::<usize>() {
                Ok(index) if here.fields.is_empty() => here.items.get(index),
                _ => here.fields.get(&step.replace("~1", "/").replace("~0", "~")),
            };
            let Some(next) = next else { break };
            here = next;
        }
        here.at
    }
}

/// An object's place: the file, as it was named or found, and what is where in it.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) file: Arc<str>,
    pub(crate) places: Arc<Places>,
    /// Leads from the document to the object: empty, or `/items/3` within a `List`.
    pub(crate) base: String,
}

impl Origin {
    /// Where in the file the JSON pointer, seen from the object, leads to.
    pub(crate) fn spot(&self, pointer: &str) -> Spot {
        Spot { file: Arc::clone(&self.file), place: self.places.find(&format!("{}{pointer}", self.base)) }
    }
}

/// A place in a file; shown as `file:line:column`, which editors and terminals turn into a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) file: Arc<str>,
    pub(crate) place: Place,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.place.line, self.place.column)
    }
}

/// `spec.targets[1].name` as a JSON pointer: `/spec/targets/1/name`.
pub(crate) fn pointer(field: &str) -> String {
    let steps = field.split(['.', '[']).filter(|step| !step.is_empty());
    steps.map(|step| format!("/{}", step.trim_end_matches(']'))).collect()
}

/// The JSON pointer `/spec/targets/1/name` as people write it: `spec.targets[1].name`.
pub(crate) fn dotted(pointer: &str) -> String {
    let mut field = String::new();
    for step in pointer.split('/').skip(1) {
        if !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()) {
            field += &format!("[{step}]");
        } else {
            if !field.is_empty() {
                field.push('.');
            }
            field += &step.replace("~1", "/").replace("~0", "~");
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_and_its_pointer_say_the_same() {
        for (field, as_pointer) in [
            ("spec.targets[1].providerRef.name", "/spec/targets/1/providerRef/name"),
            ("metadata.name", "/metadata/name"),
            ("", ""),
        ] {
            assert_eq!(pointer(field), as_pointer);
            assert_eq!(dotted(as_pointer), field);
        }
        assert_eq!(dotted("/metadata/labels/weir.dev~1credential"), "metadata.labels.weir.dev/credential");
    }
}
