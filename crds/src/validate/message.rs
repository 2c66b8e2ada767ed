//! What is wrong, in the API server's words, and then what is allowed.
//!
//! Its words come first, so that a search finds the same text for both, and so that one corpus of invalid objects
//! serves both.

use super::violation::Violation;
use crate::near::nearest;
use crate::{
    ByteSize, Duration, Quantity, Timestamp, Usd, deployment, key, pattern, provider, reference, route,
    status, value,
};
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Wrong};
use serde_json::Value;

/// Every pattern of the schemas in words, to follow "must be".
pub(super) const PATTERNS: [(&str, &str); 20] = [
    (Duration::PATTERN, Duration::WORDS),
    (Usd::PATTERN, Usd::WORDS),
    (ByteSize::PATTERN, ByteSize::WORDS),
    (Timestamp::PATTERN, Timestamp::WORDS),
    (Quantity::PATTERN, Quantity::WORDS),
    (deployment::IMAGE, "an image: a name with or without registry, and a tag or digest"),
    (
        deployment::VARIABLE,
        "the name of an environment variable: letters, digits, '_', '-' and '.', no digit first",
    ),
    (
        reference::DNS_SUBDOMAIN,
        "a lowercase RFC 1123 subdomain: lower-case letters, digits, '-' and '.', such as my-object",
    ),
    (reference::SECRET_KEY, "a key of a Secret: letters, digits, '-', '_' and '.'"),
    (pattern::DNS_LABEL, "a lowercase RFC 1123 label: lower-case letters, digits and '-', such as main"),
    (
        route::PUBLIC_MODEL,
        "a model's name, or the beginning of one and '*': letters, digits and . _ : / @ + -",
    ),
    (route::PUBLIC_NAME, "a model's name: letters, digits and . _ : / @ + -"),
    (pattern::MODEL_NAME, "a model's name: letters, digits and . _ : / @ + -"),
    (provider::UPSTREAM_NAME, "visible ASCII without blanks"),
    (key::SHA256, "a SHA-256 as 64 lower-case hexadecimal digits"),
    (key::MODEL_PATTERN, "a model's name, the beginning of one and '*', or '*' alone"),
    (status::CONDITION_TYPE, "a condition's type, such as Ready"),
    (status::REASON, "a reason in CamelCase"),
    (status::CODE, "a code, such as WEIR0303"),
    (
        value::LABEL_VALUE,
        "a valid label: letters, digits, '-', '_' and '.', with a letter or digit at both ends",
    ),
];

/// What `error` says of an object that was checked against `schema`.
pub(super) fn violations(schema: &Value, error: &ValidationError<'_>) -> Vec<Violation> {
    let pointer = error.instance_path().to_string();
    let at = node(schema, &pointer);
    let value = error.instance();
    let message = match error.kind() {
        Wrong::AdditionalProperties { unexpected } => {
            return unexpected.iter().map(|name| unknown(at, &pointer, name)).collect();
        }
        // Nothing may stand there: that is how `close` says it.
        Wrong::MaxProperties { limit: 0 } => {
            let names = value.as_object().into_iter().flatten().map(|(name, _)| name);
            return names.map(|name| unknown(at, &pointer, name)).collect();
        }
        Wrong::Required { property } => missing(at, property.as_str().unwrap_or_default()),
        Wrong::Enum { options } => unsupported(value, options),
        Wrong::Type { kind: TypeKind::Single(expected) } => {
            let expected = expected.to_string();
            let words = in_words(at);
            let hint = if words.is_empty() { remedy(&expected, value) } else { "" };
            format!("must be of type {expected}: {}{words}{hint}", type_name(value))
        }
        // Of one type or the other: an amount.
        Wrong::Type { .. } => {
            format!("must be of type integer or string: {}{}", type_name(value), in_words(at))
        }
        Wrong::Pattern { pattern } => format!("{value} should match '{pattern}'{}", in_words(at)),
        Wrong::Format { format } => format!("must be of type {format}: {value}{}", in_words(at)),
        Wrong::Minimum { limit } => format!("{value} should be greater than or equal to {}", whole(limit)),
        Wrong::Maximum { limit } => format!("{value} should be less than or equal to {}", whole(limit)),
        Wrong::MinLength { limit } => format!("should be at least {limit} chars long"),
        Wrong::MaxLength { limit } => format!("Too long: may not be more than {limit} bytes"),
        Wrong::MinItems { limit } => format!("should have at least {limit} items"),
        Wrong::MinProperties { limit } => format!("should have at least {limit} properties"),
        Wrong::MaxItems { limit } | Wrong::MaxProperties { limit } => {
            format!("Too many: must have at most {limit} items")
        }
        _ => error.to_string(),
    };
    vec![Violation { pointer, message }]
}

/// The schema of what `pointer` points at.
fn node<'s>(schema: &'s Value, pointer: &str) -> Option<&'s Value> {
    pointer.split('/').skip(1).try_fold(schema, |at, step| match at.get("items") {
        Some(items) => Some(items),
        None => at.get("properties").and_then(|fields| fields.get(step)).or(at.get("additionalProperties")),
    })
}

fn unknown(at: Option<&Value>, pointer: &str, name: &str) -> Violation {
    let known: Vec<&str> = at
        .and_then(|schema| schema.get("properties")?.as_object())
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let hint = if let Some(near) = nearest(name, known.iter().copied(), |known| known) {
        format!("did you mean {near:?}?")
    } else if known.is_empty() {
        "nothing may stand here".to_owned()
    } else {
        format!("here may stand {}", known.join(", "))
    };
    Violation {
        pointer: format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")),
        message: format!("unknown field {:?}: {hint}", dotted(pointer, name)),
    }
}

/// The field `name` at `pointer`, as the API server writes it: `spec.targets[0].name`.
fn dotted(pointer: &str, name: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1) {
        if step.bytes().all(|byte| byte.is_ascii_digit()) {
            path += &format!("[{step}]");
        } else {
            path += &format!("{}{step}", if path.is_empty() { "" } else { "." });
        }
    }
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn missing(at: Option<&Value>, name: &str) -> String {
    let example = at
        .and_then(|schema| schema.get("properties")?.get(name)?.get("description")?.as_str())
        .and_then(|description| description.split_once("Example: `")?.1.rsplit_once('`'))
        .map(|(example, _)| format!(", for example {name}: {example}"))
        .unwrap_or_default();
    format!("Required value: {name} is missing{example}")
}

fn unsupported(value: &Value, options: &Value) -> String {
    let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let near = value.as_str().and_then(|text| nearest(text, options.iter().copied(), |option| option));
    let hint = near.map(|near| format!(": did you mean {near:?}?")).unwrap_or_default();
    let listed: Vec<String> = options.iter().map(|option| format!("{option:?}")).collect();
    format!("Unsupported value: {value}: supported values: {}{hint}", listed.join(", "))
}

/// What the schema's pattern means, if it has one.
fn in_words(at: Option<&Value>) -> String {
    at.and_then(|schema| schema.get("pattern")?.as_str())
        .and_then(|pattern| PATTERNS.iter().find(|(known, _)| *known == pattern))
        .map(|(_, words)| format!(": it must be {words}"))
        .unwrap_or_default()
}

/// What makes `value` one of the `expected` type, where that is certain.
fn remedy(expected: &str, value: &Value) -> &'static str {
    match (expected, value) {
        ("string", Value::Number(_) | Value::Bool(_)) => ": put it in quotes",
        ("integer", Value::Number(_)) => ": write a whole number",
        ("integer", Value::String(text)) if text.parse::<i64>().is_ok() => ": write it without quotes",
        ("boolean", Value::String(text)) if text.parse::<bool>().is_ok() => ": write it without quotes",
        _ => "",
    }
}

/// The type of `value`, quoted as the API server does.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "\"null\"",
        Value::Bool(_) => "\"boolean\"",
        Value::Number(number) if number.is_f64() => "\"number\"",
        Value::Number(_) => "\"integer\"",
        Value::String(_) => "\"string\"",
        Value::Array(_) => "\"array\"",
        Value::Object(_) => "\"object\"",
    }
}

/// Bounds are floats in a CRD: `1.0` is meant as `1`.
fn whole(limit: &Value) -> String {
    limit.to_string().trim_end_matches(".0").to_owned()
}
