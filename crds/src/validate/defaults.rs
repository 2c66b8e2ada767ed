//! Defaults and nulls as the API server treats them when it reads an object.

use serde_json::{Map, Value};

/// Puts the defaults of `schema` into `object`. A null stands for an absent property: it gives way to the
/// default, or is dropped. (No property here is `nullable`; one that were would keep its null.)
pub(super) fn apply(schema: &Value, object: &mut Value) {
    match object {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = schema.get("properties") {
                apply_to_fields(properties, fields);
            } else if schema.get("additionalProperties").is_some() {
                fields.retain(|_, value| !value.is_null());
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| apply(schema, item));
            }
        }
        _ => {}
    }
}

fn apply_to_fields(properties: &Map<String, Value>, fields: &mut Map<String, Value>) {
    for (name, schema) in properties {
        if fields.get(name).is_none_or(Value::is_null) {
            match schema.get("default") {
                Some(default) => fields.insert(name.clone(), default.clone()),
                None => fields.remove(name),
            };
        }
        if let Some(field) = fields.get_mut(name) {
            apply(schema, field);
        }
    }
}
