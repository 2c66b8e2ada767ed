//! Defaults, nulls and numbers as the API server treats them when it reads an object.

use serde_json::{Map, Value};

/// Puts the defaults of `schema` into `object`. A null stands for an absent property: it gives way to the
/// default, or is dropped. (No property here is `nullable`; one that were would keep its null.) A whole number is an
/// integer however it is written: `60.0` and `6e1` become 60 where an integer may stand.
pub(super) fn apply(schema: &Value, object: &mut Value) {
    match object {
        Value::Number(number) if takes_integers(schema) => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                *object = whole.into();
            }
        }
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = schema.get("properties") {
                apply_to_fields(properties, fields);
            } else if let Some(values) = schema.get("additionalProperties") {
                fields.retain(|_, value| !value.is_null());
                fields.values_mut().for_each(|value| apply(values, value));
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

fn takes_integers(schema: &Value) -> bool {
    schema.get("type").is_some_and(|name| name == "integer")
        || schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true))
}

/// `number` as an integer, if it is whole and so small that no float rounds it. No bound here is as large.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 53 bits")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}
