//! The structural schema: types, bounds, unknown and missing fields.

use super::violation::Violation;
use super::{message, metadata};
use jsonschema::error::ValidationErrorKind as Wrong;
use serde_json::{Value, json};

/// A kind's schema, ready to check objects.
pub(super) struct Structure {
    /// As it is checked: of the whole object, closed.
    pub(super) schema: Value,
    /// `Err` only if the schema is none, which the tests rule out.
    validator: Result<jsonschema::Validator, String>,
}

impl Structure {
    /// From the schema of a [`whole`] object.
    pub(super) fn new(whole: &Value) -> Self {
        let mut schema = whole.clone();
        close(&mut schema);
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .map_err(|error| format!("the schema itself is broken: {error}"));
        Self { schema, validator }
    }
}

/// A CRD's `openAPIV3Schema` and what the API server knows besides: `apiVersion`, `kind`, `metadata`.
pub(super) fn whole(mut crd_schema: Value) -> Value {
    if let Some(Value::Object(properties)) = crd_schema.get_mut("properties") {
        properties.insert("apiVersion".to_owned(), json!({ "type": "string" }));
        properties.insert("kind".to_owned(), json!({ "type": "string" }));
        properties.insert("metadata".to_owned(), metadata::schema());
    }
    if let Some(Value::Array(required)) = crd_schema.get_mut("required") {
        required.extend([json!("apiVersion"), json!("kind"), json!("metadata")]);
    }
    crd_schema
}

/// Lets every object of `schema` have the properties that it lists and no other, unless it says that it takes any, and
/// takes out what is Kubernetes' own: list types and rules are checked elsewhere.
fn close(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    let says = |keyword: &str| keywords.get(keyword) == Some(&Value::Bool(true));
    let (is_open, is_either) =
        (says("x-kubernetes-preserve-unknown-fields"), says("x-kubernetes-int-or-string"));
    if is_either {
        keywords.insert("type".to_owned(), json!(["integer", "string"]));
    }
    keywords.retain(|keyword, _| !keyword.starts_with("x-kubernetes-"));
    if keywords.get("type").is_some_and(|name| name == "object")
        && !keywords.contains_key("additionalProperties")
        && !is_open
    {
        // The validator names what is unexpected only where something is expected.
        if keywords.contains_key("properties") {
            keywords.insert("additionalProperties".to_owned(), json!(false));
        } else {
            keywords.insert("maxProperties".to_owned(), json!(0));
        }
    }
    if let Some(Value::Object(properties)) = keywords.get_mut("properties") {
        properties.values_mut().for_each(close);
    }
    for below in ["items", "additionalProperties"] {
        if let Some(schema) = keywords.get_mut(below) {
            close(schema);
        }
    }
}

/// What is wrong with `object`, and whether rules can be evaluated on it nevertheless: the API server does so
/// unless something is missing, of the wrong type, or too long.
pub(super) fn check(structure: &Structure, object: &Value) -> (Vec<Violation>, bool) {
    let validator = match &structure.validator {
        Ok(validator) => validator,
        Err(message) => {
            return (vec![Violation { pointer: String::new(), message: message.clone() }], false);
        }
    };
    let mut decidable = true;
    let mut violations = Vec::new();
    for error in validator.iter_errors(object) {
        decidable &= !matches!(
            error.kind(),
            Wrong::Required { .. } | Wrong::Type { .. } | Wrong::MaxLength { .. } | Wrong::MaxItems { .. }
        );
        violations.extend(message::violations(&structure.schema, &error));
    }
    (violations, decidable)
}
