//! `LLMKey`: one tenant's key.

use crate::Timestamp;
use crate::pattern::DNS_LABEL;
use crate::reference::{DNS_SUBDOMAIN, GatewayRef, SecretKeyRef};
use crate::schema::absent_is_not_null;
use crate::status::LLMKeyStatus;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// A SHA-256 in hexadecimal digits.
pub(crate) const SHA256: &str = "^[0-9a-f]{64}$";
/// A public model name, with a final `*` every name that begins so, or `*` alone.
pub(crate) const MODEL_PATTERN: &str = r"^(\*|[A-Za-z0-9][A-Za-z0-9._:/@+-]*\*?)$";

/// One tenant's key: what it is and what it may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "LLMKey",
    plural = "llmkeys",
    shortname = "llmk",
    category = "llm",
    namespaced,
    status = "LLMKeyStatus",
    derive = "PartialEq",
    doc = "One tenant's key: what it is and what it may do.",
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenant"),
    printcolumn(name = "Models", type_ = "string", json_path = ".spec.allowedModels", priority = 1),
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
    printcolumn(name = "Expires", type_ = "string", json_path = ".spec.expiresAt", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct LLMKeySpec {
    /// The gateway that takes it. Default: `{name: default}`. Example: `{name: default}`.
    #[serde(default)]
    pub gateway_ref: GatewayRef,
    /// Whose bill its requests are on. Two namespaces with one tenant share that bill, so that another name than the
    /// key's namespace must be admitted by the gateway's `tenants`. Default: the key's namespace.
    /// Example: `research`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub tenant: Option<String>,
    /// Where the key comes from; exactly one of the fields. Required. Example: `{generate: {secretName: my-app-llm}}`.
    pub source: KeySource,
    /// Public models that it may ask for: a name, with a final `*` every name that begins so, or `*` alone for all.
    /// Required. Example: `[gpt-4o, "team/*"]`.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 256), regex(pattern = MODEL_PATTERN)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_models: Vec<String>,
    /// Its rates. Default: unlimited. Example: `{requestsPerMinute: 60}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<KeyLimits>,
    /// From this instant on it is refused, RFC 3339 with zone. Default: never. Example: `2027-01-31T00:00:00Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Refused while true. Default: false. Example: `true`.
    #[serde(default)]
    pub suspend: bool,
}

/// Where a key comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
#[x_kube(validation = ("[has(self.secretRef), has(self.digests), has(self.generate)].filter(x, x).size() == 1", "exactly one of secretRef, digests and generate must be set"))]
pub struct KeySource {
    /// A key that you bring, in a Secret; at least 32 characters. Default: unset.
    /// Example: `{name: my-app, key: llm-key}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// Only SHA-256 digests of keys that you keep elsewhere; all are valid. Default: unset.
    /// Example: `[{sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["sha256".to_owned()]))]
    pub digests: Option<Vec<SourceDigest>>,
    /// A key that the operator makes, once. Default: unset. Example: `{secretName: my-app-llm}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate: Option<GenerateKey>,
}

/// One key by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct SourceDigest {
    /// SHA-256 of the whole key, 64 lower-case hexadecimal digits. Required.
    /// Example: `ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad`.
    #[schemars(length(min = 64, max = 64), regex(pattern = SHA256))]
    pub sha256: String,
    /// From this instant on this digest is refused, RFC 3339 with zone. Default: never.
    /// Example: `2027-01-31T00:00:00Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// A key that the operator makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GenerateKey {
    /// Name of the Secret that it is written to, in the same namespace. Required. Example: `my-app-llm`.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub secret_name: String,
}

/// A key's rates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct KeyLimits {
    /// Requests in any 60 seconds; to allow none use `suspend`. Default: unlimited. Example: `60`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests_per_minute: Option<i32>,
}
