//! How one object names another, and whom it lets name itself.
//!
//! Both sides must agree: who refers says where to, who is referred to says from where. Secrets are outside of it:
//! they are only ever read from the object's own namespace.

use crate::choice::OneOf;
use crate::pattern::DNS_LABEL;
use crate::schema::absent_is_not_null;
use crate::value::Labels;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What `metadata.name` of most kinds takes.
pub(crate) const DNS_SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// A key of a Secret's `data`.
pub(crate) const SECRET_KEY: &str = r"^[-._A-Za-z0-9]+$";

/// The gateway that an object attaches to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayRef {
    /// Name of an LLMGateway. Default: `default`. Example: `default`.
    #[serde(default = "default_gateway")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub name: String,
    /// Namespace of that LLMGateway; another than the object's own must be admitted by the gateway's
    /// `allowedNamespaces`. Default: the object's own. Example: `llm-platform`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub namespace: Option<String>,
}

impl Default for GatewayRef {
    fn default() -> Self {
        Self { name: default_gateway(), namespace: None }
    }
}

fn default_gateway() -> String {
    "default".to_owned()
}

/// A provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct ProviderRef {
    /// Name of an LLMProvider. Required. Example: `openai`.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub name: String,
    /// Namespace of that LLMProvider; another than the route's own must be admitted by the provider's
    /// `allowedNamespaces`. Default: the route's own. Example: `llm-platform`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub namespace: Option<String>,
}

/// The namespaces whose objects may refer to an object, besides its own, which always may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
#[x_kube(
    validation = ("self.from == 'Selector' || !has(self.selector)", "selector is only for from: Selector"),
    validation = ("self.from != 'Selector' || has(self.selector)", "from: Selector needs a selector, such as {matchLabels: {team: a}}")
)]
pub struct AllowedNamespaces {
    /// Same (none but its own), All, or Selector (those that `selector` matches). Default: Same.
    /// Example: `Selector`.
    #[serde(default)]
    #[schemars(with = "OneOf<FromNamespaces>")]
    pub from: FromNamespaces,
    /// Which namespaces; with `from: Selector` only. Default: unset. Example: `{matchLabels: {team: a}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<NamespaceSelector>,
}

impl Default for AllowedNamespaces {
    fn default() -> Self {
        Self { from: FromNamespaces::Same, selector: None }
    }
}

/// Where references may come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromNamespaces {
    /// The object's own namespace.
    #[default]
    Same,
    /// Every namespace.
    All,
    /// The namespaces that a selector matches.
    Selector,
}

/// Namespaces by their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct NamespaceSelector {
    /// Labels that a namespace must have, all of them. Required.
    /// Example: `{kubernetes.io/metadata.name: team-a}`.
    #[schemars(with = "Labels")]
    pub match_labels: BTreeMap<String, String>,
}

/// One value of a Secret in the object's own namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct SecretKeyRef {
    /// Name of the Secret, in the same namespace. Required. Example: `openai`.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub name: String,
    /// Key within the Secret's `data`. Required. Example: `api-key`.
    #[schemars(length(min = 1, max = 253), regex(pattern = SECRET_KEY))]
    pub key: String,
}
