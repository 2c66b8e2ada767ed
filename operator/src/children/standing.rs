//! Whether a child stands as it was applied.
//!
//! Not by comparing it with what is wanted: an API server adds defaults and writes amounts in its own way. It says
//! instead who owns which field: whoever changes one of ours takes it from us. So a child stands if what was applied
//! last is what is wanted, by its digest in an annotation, and all of that is still ours. What others add that we do
//! not care for, such as `kubectl rollout restart`, stays.

use crate::names::APPLIED;
use crate::watch::owned;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::{Map, Value, json};
use weir_config::Digest;

/// A child in the form in which it is applied, with its digest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    /// As JSON, with the digest in it.
    pub(super) object: Value,
    pub(super) digest: String,
}

impl Wanted {
    pub(super) fn new<K: Serialize>(child: &K) -> Result<Self, serde_json::Error> {
        let mut object = serde_json::to_value(child)?;
        let digest = Digest::of(&serde_json::to_vec(&object)?).to_string();
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            if let Value::Object(annotations) = annotations {
                annotations.insert(APPLIED.to_owned(), json!(digest));
            }
        }
        Ok(Self { object, digest })
    }

    /// Whether the object with this metadata stands as this.
    pub(super) fn stands(&self, there: &ObjectMeta) -> bool {
        self.was_applied(there)
            && owned(there)
                .any(|entry| entry.fields_v1.as_ref().is_some_and(|fields| self.is_owned_by(&fields.0)))
    }

    /// Whether this was applied last to the object with this metadata.
    pub(super) fn was_applied(&self, there: &ObjectMeta) -> bool {
        there.annotations.as_ref().and_then(|all| all.get(APPLIED)) == Some(&self.digest)
    }

    fn is_owned_by(&self, fields: &Value) -> bool {
        let Some(object) = self.object.as_object() else { return false };
        object.iter().all(|(name, value)| match name.as_str() {
            "apiVersion" | "kind" => true,
            "metadata" => metadata_is_owned(fields.get("f:metadata"), value),
            _ => fields.get(format!("f:{name}")).is_some_and(|fields| is_owned(fields, value)),
        })
    }
}

/// Nobody owns a name.
fn metadata_is_owned(fields: Option<&Value>, metadata: &Value) -> bool {
    let named = metadata.as_object().into_iter().flatten();
    named.filter(|(name, _)| !matches!(name.as_str(), "name" | "namespace" | "uid")).all(|(name, value)| {
        fields
            .and_then(|fields| fields.get(format!("f:{name}")))
            .is_some_and(|fields| is_owned(fields, value))
    })
}

/// Whether all of `value` is among `fields`, which are in the form of server-side apply: `f:` and a field's name,
/// `k:` and the key of a list's item, `v:` and an item of a set; nothing below what is owned whole.
fn is_owned(fields: &Value, value: &Value) -> bool {
    let Some(fields) = fields.as_object() else { return false };
    match value {
        _ if fields.is_empty() => true,
        Value::Object(object) => object
            .iter()
            .all(|(name, value)| fields.get(&format!("f:{name}")).is_some_and(|it| is_owned(it, value))),
        Value::Array(items) => items.iter().all(|item| item_is_owned(fields, item)),
        _ => true,
    }
}

fn item_is_owned(fields: &Map<String, Value>, item: &Value) -> bool {
    fields.iter().any(|(name, fields)| {
        if let Some(key) = name.strip_prefix("k:") {
            is_keyed(key, item) && is_owned(fields, item)
        } else {
            let value = name.strip_prefix("v:").and_then(|value| serde_json::from_str::<Value>(value).ok());
            value.as_ref() == Some(item)
        }
    })
}

/// Whether `item` has this key; a part of it that the item leaves out has its default.
fn is_keyed(key: &str, item: &Value) -> bool {
    let Ok(Value::Object(key)) = serde_json::from_str(key) else { return false };
    key.iter().all(|(name, value)| item.get(name).is_none_or(|given| given == value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_value;

    fn wanted() -> Wanted {
        Wanted::new(&json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "x", "namespace": "a", "labels": {"l": "1"}, "ownerReferences": [{"uid": "u", "name": "x"}]},
            "spec": {"type": "ClusterIP", "selector": {"app": "x"}, "ports": [{"name": "http", "port": 80}],
                     "drop": ["ALL"]},
        }))
        .unwrap()
    }

    /// What a server says of it when it has been applied.
    fn there() -> Value {
        json!({
            "annotations": {"weir.dev/applied": wanted().digest},
            "managedFields": [
                {"manager": "other", "operation": "Update", "fieldsV1": {}},
                {"manager": "weir", "operation": "Apply", "fieldsV1": {
                    "f:metadata": {
                        "f:annotations": {"f:weir.dev/applied": {}},
                        "f:labels": {"f:l": {}},
                        "f:ownerReferences": {"k:{\"uid\":\"u\"}": {}},
                    },
                    "f:spec": {
                        "f:type": {}, "f:selector": {}, "f:drop": {"v:\"ALL\"": {}},
                        "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:port": {}}},
                    },
                }},
            ],
        })
    }

    fn stands(there: Value) -> bool {
        wanted().stands(&from_value(there).unwrap())
    }

    fn without(pointer: &str, field: &str) -> Value {
        let mut there = there();
        there.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(field).unwrap();
        there
    }

    #[test]
    fn what_is_all_ours_stands() {
        assert!(stands(there()));
        let mut more = there();
        more["managedFields"][1]["fieldsV1"]["f:spec"]["f:more"] = json!({});
        assert!(stands(more));
    }

    #[test]
    fn whatever_somebody_takes_from_us_makes_it_fall() {
        let fields = "/managedFields/1/fieldsV1";
        for (pointer, field) in [
            ("", "f:spec"),
            ("", "f:metadata"),
            ("/f:metadata", "f:labels"),
            ("/f:metadata/f:labels", "f:l"),
            ("/f:metadata/f:annotations", "f:weir.dev/applied"),
            ("/f:metadata", "f:ownerReferences"),
            ("/f:spec", "f:type"),
            ("/f:spec", "f:selector"),
            ("/f:spec/f:drop", "v:\"ALL\""),
            ("/f:spec/f:ports", "k:{\"port\":80,\"protocol\":\"TCP\"}"),
            ("/f:spec/f:ports/k:{\"port\":80,\"protocol\":\"TCP\"}", "f:name"),
        ] {
            let taken = without(&format!("{fields}{pointer}"), field);
            // The last field of a list or map leaves nothing behind, not an empty one.
            let emptied = taken.pointer(&format!("{fields}{pointer}")).unwrap() == &json!({});
            if !emptied {
                assert!(!stands(taken), "{pointer} {field}");
            }
        }
        assert!(!stands(json!({"annotations": {"weir.dev/applied": wanted().digest}})), "nothing is ours");
        assert!(!stands(without("", "annotations")));
        let mut older = there();
        older["annotations"]["weir.dev/applied"] = json!("another");
        assert!(!stands(older));
    }

    #[test]
    fn what_is_owned_of_a_status_does_not_count() {
        let mut there = there();
        there["managedFields"][1]["subresource"] = json!("status");
        assert!(!stands(there));
    }
}
