//! `metadata` of every object. CRDs say nothing of it, the API server knows it.

use crate::pattern::DNS_LABEL;
use crate::reference::DNS_SUBDOMAIN;
use crate::value::LABEL_VALUE;
use serde_json::{Value, json};

/// A schema of `ObjectMeta`: what people write is checked, what the server adds is only known by name.
pub(super) fn schema() -> Value {
    let label = json!({ "type": "string", "maxLength": 63, "pattern": LABEL_VALUE });
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 253,
                "pattern": DNS_SUBDOMAIN,
                "description": "Example: `my-object`."
            },
            "namespace": { "type": "string", "minLength": 1, "maxLength": 63, "pattern": DNS_LABEL },
            "labels": { "type": "object", "additionalProperties": label },
            "annotations": { "type": "object", "additionalProperties": { "type": "string" } },
            "creationTimestamp": {},
            "deletionGracePeriodSeconds": {},
            "deletionTimestamp": {},
            "finalizers": {},
            "generateName": {},
            "generation": {},
            "managedFields": {},
            "ownerReferences": {},
            "resourceVersion": {},
            "selfLink": {},
            "uid": {}
        }
    })
}
