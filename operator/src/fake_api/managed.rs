//! Who owns which field, as server-side apply counts it. Lists are owned whole.

use serde_json::{Value, json};

/// All fields of `object`.
fn fields(object: &Value) -> Value {
    let Some(fields_of) = object.as_object() else { return json!({}) };
    fields_of.iter().map(|(name, value)| (format!("f:{name}"), fields(value))).collect()
}

/// Notes that `manager` owns all that it sent, and forgets what it owned in this way before.
pub fn own(object: &mut Value, sent: &Value, manager: &str, operation: &str) {
    let mut sent = sent.clone();
    for nobodys in ["name", "namespace", "uid", "resourceVersion", "managedFields"] {
        if let Some(metadata) = sent["metadata"].as_object_mut() {
            metadata.remove(nobodys);
        }
    }
    let entry = json!({"manager": manager, "operation": operation, "fieldsV1": fields(&sent)});
    let entries = &mut object["metadata"]["managedFields"];
    let mut all = entries.as_array().cloned().unwrap_or_default();
    all.retain(|entry| entry["manager"] != manager || entry["operation"] != operation);
    all.push(entry);
    *entries = json!(all);
}

/// Somebody else has made `after` of `before`: what differs is nobody's of before any more.
pub fn disown(before: &Value, after: &mut Value) {
    let mut entries = after["metadata"]["managedFields"].take();
    for entry in entries.as_array_mut().into_iter().flatten() {
        lose(&mut entry["fieldsV1"], before, after);
    }
    if entries.is_null() {
        after["metadata"].as_object_mut().unwrap().remove("managedFields");
    } else {
        after["metadata"]["managedFields"] = entries;
    }
}

fn lose(fields: &mut Value, before: &Value, after: &Value) {
    let Some(fields) = fields.as_object_mut() else { return };
    fields.retain(|name, below| {
        let name = name.strip_prefix("f:").unwrap();
        let (before, after) = (&before[name], &after[name]);
        let is_leaf = below.as_object().is_none_or(serde_json::Map::is_empty);
        lose(below, before, after);
        if is_leaf { before == after } else { below.as_object().is_some_and(|below| !below.is_empty()) }
    });
}
