//! How one object names another: always by name, always in its own namespace.

use crate::schema::absent_is_not_null;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What `metadata.name` of most kinds takes.
pub(crate) const DNS_SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// A key of a Secret's `data`.
pub(crate) const SECRET_KEY: &str = r"^[-._A-Za-z0-9]+$";

/// The gateway that an object attaches to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayRef {
    /// Name of an LLMGateway in the same namespace. Default: `default`. Example: `default`.
    #[serde(default = "default_gateway")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub name: String,
}

impl Default for GatewayRef {
    fn default() -> Self {
        Self { name: default_gateway() }
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
    /// Name of an LLMProvider in the same namespace. Required. Example: `openai`.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub name: String,
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
