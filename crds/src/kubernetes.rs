//! Parts of objects whose form is Kubernetes' own.
//!
//! What a pod's affinity or toleration looks like is said by Kubernetes, in far more words than a CRD has room for: the
//! schema lets such a part through as it is, the operator reads it, and what it cannot read it says so of.

use crate::value::LABEL_VALUE;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// One object of Kubernetes' own form.
pub type RawPart = Map<String, Value>;

/// A name in labels and annotations that is Weir's own, as a CEL rule on the map.
pub(crate) const NO_OWN_ANNOTATION: &str = "self.all(name, !name.startsWith('weir.dev/'))";
/// The same for labels of pods, of which more are Weir's.
pub(crate) const NO_OWN_LABEL: &str = "self.all(name, !name.startsWith('weir.dev/') && !(name in \
                                       ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/managed-by']))";

/// Stands for a [`RawPart`] in `#[schemars(with = ..)]`.
pub(crate) struct Raw;

impl JsonSchema for Raw {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Raw".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
    }
}

/// An amount of something, as Kubernetes writes it: `2`, `500m`, `256Mi`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Quantity {
    /// A whole number, such as of processors.
    Number(i64),
    /// With a unit, or a fraction.
    Text(String),
}

impl Quantity {
    /// What the schema demands of a text.
    pub const PATTERN: &'static str = r"^[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";
    /// The same in words, to follow "is not".
    pub const WORDS: &'static str =
        "an amount as Kubernetes writes it: a number, with or without a unit, such as 2, 500m or 256Mi";
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Stands for amounts of resources by their name in `#[schemars(with = ..)]`.
pub(crate) struct Amounts;

impl JsonSchema for Amounts {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amounts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "maxProperties": 16,
            "additionalProperties": {
                "x-kubernetes-int-or-string": true,
                "minimum": 0,
                "maximum": 9_007_199_254_740_991i64,
                "maxLength": 32,
                "pattern": Quantity::PATTERN
            }
        })
    }
}

/// Stands for annotations in `#[schemars(with = ..)]`: none of Weir's own.
pub(crate) struct Annotations;

impl JsonSchema for Annotations {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Annotations".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "maxProperties": 64,
            "additionalProperties": { "type": "string", "maxLength": 8192 },
            "x-kubernetes-validations": [
                { "rule": NO_OWN_ANNOTATION, "message": "annotations of weir.dev/ are Weir's own" }
            ]
        })
    }
}

/// Stands for labels that are added to Weir's in `#[schemars(with = ..)]`: none of Weir's own.
pub(crate) struct MoreLabels;

impl JsonSchema for MoreLabels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "MoreLabels".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "maxProperties": 64,
            "additionalProperties": { "type": "string", "maxLength": 63, "pattern": LABEL_VALUE },
            "x-kubernetes-validations": [
                {
                    "rule": NO_OWN_LABEL,
                    "message": "labels of weir.dev/ and app.kubernetes.io/name, instance and managed-by are Weir's own"
                }
            ]
        })
    }
}

/// Stands for labels of nodes in `#[schemars(with = ..)]`.
pub(crate) struct NodeLabels;

impl JsonSchema for NodeLabels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NodeLabels".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "maxProperties": 32,
            "additionalProperties": { "type": "string", "maxLength": 63, "pattern": LABEL_VALUE }
        })
    }
}
