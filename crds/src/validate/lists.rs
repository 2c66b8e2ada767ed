//! Lists whose items must differ: `x-kubernetes-list-type` map and set.

use super::violation::Violation;
use serde_json::{Map, Value};

/// Reports every item of a list that repeats an earlier one, in `value` at `pointer`.
pub(super) fn check(schema: &Value, value: &Value, pointer: &str, violations: &mut Vec<Violation>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let Some(schema) = schema.get("properties").and_then(|properties| properties.get(name)) {
                    check(schema, field, &format!("{pointer}/{name}"), violations);
                }
            }
        }
        Value::Array(items) => {
            violations.extend(repeated(schema, items, pointer));
            if let Some(schema) = schema.get("items") {
                for (at, item) in items.iter().enumerate() {
                    check(schema, item, &format!("{pointer}/{at}"), violations);
                }
            }
        }
        _ => {}
    }
}

fn repeated(schema: &Value, items: &[Value], pointer: &str) -> Vec<Violation> {
    let identify: &dyn Fn(&Value) -> Option<Value> =
        match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("map") => &|item| keys(schema, item),
            Some("set") => &|item| Some(item.clone()),
            _ => return Vec::new(),
        };
    let mut seen: Vec<Option<Value>> = Vec::with_capacity(items.len());
    let mut violations = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let identity = identify(item);
        if let Some(identity) = &identity
            && let Some(first) = seen.iter().position(|other| other.as_ref() == Some(identity))
        {
            violations.push(Violation {
                pointer: format!("{pointer}/{at}"),
                message: format!(
                    "Duplicate value: {identity}: it may stand once in the list, item {first} has it"
                ),
            });
        }
        seen.push(identity);
    }
    violations
}

/// What tells `item` from the others of its list: the values of the list's keys, if it has them all.
fn keys(schema: &Value, item: &Value) -> Option<Value> {
    let names = schema.get("x-kubernetes-list-map-keys")?.as_array()?;
    let keys: Option<Map<String, Value>> = names
        .iter()
        .map(|name| Some((name.as_str()?.to_owned(), item.get(name.as_str()?)?.clone())))
        .collect();
    keys.map(Value::Object)
}
