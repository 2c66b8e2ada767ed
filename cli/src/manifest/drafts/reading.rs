//! A text as far as it tells whether more of it is to come.

use crate::manifest::object::{self, Id};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file's text, or why it cannot be read.
pub(super) type Text = Result<String, String>;

/// A text, and what is in it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) text: Text,
    /// As they are written.
    pub(super) objects: BTreeMap<Id, Arc<Value>>,
    last: Option<Id>,
    /// Whether nothing but what is in `objects` can be in it.
    pub(super) is_complete: bool,
    /// Whether it ends as whole files do: with its line, or with JSON's last brace. Some editors leave the last line
    /// open; then it was so before, too.
    pub(super) ends: bool,
}

impl Reading {
    pub(super) fn new(file: &Arc<str>, text: Text) -> Self {
        let contents = text.as_ref().map(|text| object::read(file, text)).ok();
        let is_complete = contents.as_ref().is_some_and(|contents| !contents.incomplete);
        let objects = contents.map(|contents| contents.objects).unwrap_or_default();
        let ends = text.as_ref().is_ok_and(|text| text.is_empty() || text.ends_with(['\n', '\r', '}', ']']));
        let last = objects.last().map(|object| object.id.clone());
        let objects = objects.into_iter().map(|object| (object.id, Arc::new(object.value))).collect();
        Self { text, objects, last, is_complete, ends }
    }

    /// Whether its last object lacks something that is `known` of it: a text that breaks off between two lines reads
    /// like a whole one, but for its end.
    pub(super) fn is_cut(&self, known: &BTreeMap<Id, Arc<Value>>) -> bool {
        let last = self.last.as_ref().and_then(|id| Some((known.get(id)?, self.objects.get(id)?)));
        last.is_some_and(|(before, now)| is_less(now, before))
    }
}

/// Whether `now` may be the beginning of something like `before`. Of a list only the last item can be cut.
fn is_less(now: &Value, before: &Value) -> bool {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            before.iter().any(|(name, before)| now.get(name).is_none_or(|now| is_less(now, before)))
        }
        (Value::Array(now), Value::Array(before)) if now.len() == before.len() => {
            now.last().zip(before.last()).is_some_and(|(now, before)| is_less(now, before))
        }
        (Value::Array(now), Value::Array(before)) => now.len() < before.len(),
        // A text of several lines.
        (Value::String(now), Value::String(before)) => {
            before.strip_prefix(now.trim_end()).is_some_and(|rest| rest.trim().contains(char::is_whitespace))
        }
        (Value::Null, before) => !before.is_null(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_lacks_its_end_is_less_and_what_says_something_else_is_not() {
        let before =
            json!({ "a": 1, "b": [{ "x": 1, "y": 2 }, { "x": 3 }], "c": "one two\nthree four\n", "d": {} });
        let with = |pointer: &str, value: Value| {
            let mut it = before.clone();
            *it.pointer_mut(pointer).unwrap() = value;
            it
        };
        for less in [
            json!({ "a": 1 }),
            with("/b", json!([{ "x": 1 }])),
            with("/b/1", json!({})),
            with("/c", json!("one two\n")),
            with("/a", json!(null)),
            with("/d", json!(null)),
        ] {
            assert!(is_less(&less, &before), "{less}");
        }
        for other in [
            before.clone(),
            with("/a", json!(2)),
            with("/b/0", json!({ "z": 1 })),
            with("/b", json!([1, 2, 3])),
            with("/c", json!("five")),
            with("/d", json!("text")),
        ] {
            assert!(!is_less(&other, &before), "{other}");
        }
    }
}
