//! What every schema here has in common.

use schemars::Schema;
use serde_json::Value;

/// Lets no property take `null`. The API server then drops a `null` before it validates, or puts the default in
/// its place, so that `field:` without a value means what its author sees: nothing. CEL rules never meet a null.
pub(crate) fn absent_is_not_null(schema: &mut Schema) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for property in properties.values_mut() {
        let Value::Object(property) = property else { continue };
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|name| name != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                property.insert("type".to_owned(), one);
            }
        }
        if let Some(Value::Array(values)) = property.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
    }
}
