//! What is wrong with a part, in words for whoever operates the gateway.
//!
//! Never what the part says: it may be secret, and so would be a parser's quotation of it. An object's name and a field's
//! are no secrets.

use super::format::Format;
use super::index::Store;
use crate::ObjectName;
use serde::de::DeserializeOwned;
use serde_json::{Error, Value};

/// Why `json`, a part of format `F` in `store`, failed with `error`: the object and its field, where they can be told;
/// else the place.
pub(super) fn flaw<F: Format>(store: Store, json: &[u8], error: &Error) -> String {
    let part: Value = serde_json::from_slice(json).unwrap_or_default();
    let found = match store {
        Store::ConfigMap => first::<F::Gateway>(&part, "gateways", "the gateway")
            .or_else(|| first::<F::Provider>(&part, "providers", "provider"))
            .or_else(|| first::<F::Route>(&part, "routes", "route")),
        Store::Secret => first::<F::Key>(&part, "keys", "key")
            .or_else(|| first::<F::Credential>(&part, "credentials", "the credential of")),
    };
    found.or_else(|| Some(format!("it has {}", field(error)?))).unwrap_or_else(|| at(error))
}

/// Of the first object in `list` that is no `T`.
fn first<T: DeserializeOwned>(part: &Value, list: &str, kind: &str) -> Option<String> {
    part.get(list)?.as_array()?.iter().find_map(|object| {
        let error = T::deserialize(object).err()?;
        let name = ["name", "provider"].iter().find_map(|field| object.get(field)).or_else(|| object.get(0));
        let name: ObjectName = name?.as_str()?.parse().ok()?;
        let what = field(&error).unwrap_or_else(|| "a value that this version does not know".to_owned());
        Some(format!("{kind} {name} has {what}"))
    })
}

/// What the parser says of a field. Of its message nothing else is taken: it may quote a value.
fn field(error: &Error) -> Option<String> {
    let text = error.to_string();
    let (word, rest) = match (text.strip_prefix("unknown field `"), text.strip_prefix("missing field `")) {
        (Some(rest), _) => ("the field", rest),
        (None, rest) => ("no field", rest?),
    };
    let (name, _) = rest.split_once('`')?;
    let is_plain = name.len() <= 60 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let what = if word == "the field" { ", which this version does not know" } else { "" };
    is_plain.then(|| format!("{word} {name}{what}"))
}

fn at(error: &Error) -> String {
    format!("{:?} at line {} column {}", error.classify(), error.line(), error.column())
}
