//! `LLMRoute`: one public model.

use crate::pattern::{DNS_LABEL, MODEL_NAME};
use crate::reference::{GatewayRef, ProviderRef};
use crate::schema::absent_is_not_null;
use crate::status::LLMRouteStatus;
use crate::{Fallback, Retry};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// A public model name, or with a final `*` every name that begins so.
pub(crate) const PUBLIC_MODEL: &str = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*\*?$";
/// A public model name.
pub(crate) const PUBLIC_NAME: &str = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$";

/// One public model: the name that callers use and the targets that answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "LLMRoute",
    plural = "llmroutes",
    shortname = "llmr",
    category = "llm",
    namespaced,
    status = "LLMRouteStatus",
    derive = "PartialEq",
    doc = "One public model: the name that callers use and the targets that answer.",
    printcolumn(name = "Model", type_ = "string", json_path = ".spec.model"),
    printcolumn(name = "Targets", type_ = "string", json_path = ".status.readyTargets"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct LLMRouteSpec {
    /// The gateway that serves it. Default: `{name: default}`. Example: `{name: default}`.
    #[serde(default)]
    pub gateway_ref: GatewayRef,
    /// Name that callers ask for; with a final `*` every name that begins so. An exact name beats a prefix, and
    /// the longest prefix wins. Required. Example: `gpt-4o`.
    #[schemars(length(min = 1, max = 256), regex(pattern = PUBLIC_MODEL))]
    pub model: String,
    /// More names for the same model. Default: none. Example: `[{name: chat}, {name: old-chat, hidden: true}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub aliases: Vec<RouteAlias>,
    /// Who answers. Required. Example: `[{name: main, providerRef: {name: openai}, model: gpt-4o}]`.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub targets: Vec<RouteTarget>,
    /// When the next target is tried. Default: the gateway's `defaults.fallback`, else see the fields.
    /// Example: `{maxAttempts: 3, deadline: 60s}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// How the same target is tried again. Default: the gateway's `defaults.retry`, else see the fields.
    /// Example: `{budgetPercent: 10}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// Another public name of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct RouteAlias {
    /// The name. Required. Example: `chat`.
    #[schemars(length(min = 1, max = 256), regex(pattern = PUBLIC_NAME))]
    pub name: String,
    /// Answers, but isn't listed by `GET /v1/models`. Default: false. Example: `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
}

/// One (provider, model) behind a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct RouteTarget {
    /// Its name within the route. Required. Example: `main`.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub name: String,
    /// The provider that answers. Required. Example: `{name: openai}`.
    pub provider_ref: ProviderRef,
    /// The provider's model. Default: the name that the caller asked for. Example: `gpt-4o`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = MODEL_NAME))]
    pub model: Option<String>,
    /// Targets with a lower number go first; those with the same number in the order of the list.
    /// Default: 0. Example: `1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub priority: Option<i32>,
}
