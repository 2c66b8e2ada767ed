//! `status` of the four kinds: what the operator has to say about an object.
//!
//! Only the operator writes it, compile and gateways never read it. Every list and text has a bound, as in the
//! spec: a status that outgrows its schema would be refused whole, and the object would fall silent.

use crate::choice::OneOf;
use crate::schema::absent_is_not_null;
use crate::{Kind, Timestamp};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What a condition's `type` takes.
pub(crate) const CONDITION_TYPE: &str = r"^([-A-Za-z0-9.]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";
/// What a condition's `reason` takes.
pub(crate) const REASON: &str = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";
/// A code of the table in compile.
pub(crate) const CODE: &str = "^WEIR[0-9]{4}$";

/// Most objects that `LLMGatewayStatus.skipped` lists.
pub const MOST_SKIPPED: usize = 100;
/// Longest message of a condition, in characters.
pub const LONGEST_MESSAGE: usize = 32_768;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody can tell at the moment.
    Unknown,
}

/// One condition, in the shape of Kubernetes' `meta/v1` Condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct Condition {
    /// What it is about: Ready, Accepted, ResolvedRefs, Programmed and others.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316), regex(pattern = CONDITION_TYPE))]
    pub type_: String,
    /// Whether it holds: True, False or Unknown.
    #[schemars(with = "OneOf<ConditionStatus>")]
    pub status: ConditionStatus,
    /// The `metadata.generation` that it speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991i64))]
    pub observed_generation: Option<i64>,
    /// When `status` changed last, RFC 3339 with zone.
    pub last_transition_time: Timestamp,
    /// Why, in one word; docs/reference/conditions.md lists them all.
    #[schemars(length(min = 1, max = 1024), regex(pattern = REASON))]
    pub reason: String,
    /// What happened, where, why, and what to do about it.
    #[schemars(length(max = LONGEST_MESSAGE))]
    pub message: String,
}

/// What is known of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct LLMProviderStatus {
    /// The `metadata.generation` that all of this speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991i64))]
    pub observed_generation: Option<i64>,
    /// What holds: Ready, Accepted, ResolvedRefs, Programmed, and while it lasts Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// How many models it lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub model_count: Option<i32>,
    /// How many routes have a target here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub attached_routes: Option<i32>,
}

/// What is known of a public model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct LLMRouteStatus {
    /// The `metadata.generation` that all of this speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991i64))]
    pub observed_generation: Option<i64>,
    /// What holds: Ready, Accepted, ResolvedRefs, Programmed, and while it lasts Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// The targets of the spec and whether requests can go there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub targets: Vec<TargetStatus>,
    /// How many targets are available, of how many: `2/3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub ready_targets: Option<String>,
}

/// One target of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct TargetStatus {
    /// Its name in the spec.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Whether the configuration lets requests go there; how the upstream fares does not count.
    pub available: bool,
    /// Why it is not available, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = REASON))]
    pub reason: Option<String>,
}

/// What is known of a tenant's key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct LLMKeyStatus {
    /// The `metadata.generation` that all of this speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991i64))]
    pub observed_generation: Option<i64>,
    /// What holds: Ready, Accepted, ResolvedRefs, Programmed, and while it lasts Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// The texts that open it, by label; several while a rotation overlaps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".to_owned()]))]
    pub keys: Vec<KeyTextStatus>,
    /// The Secret of the same namespace in which apps find a generated key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: Option<String>,
}

/// One text of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct KeyTextStatus {
    /// Its label, which is no secret: the id inside a generated key, or the beginning of the digest.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// From this instant on it is refused, RFC 3339 with zone; never, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Whether it opens the key at the moment.
    pub active: bool,
}

/// What is known of a deployment of the gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct LLMGatewayStatus {
    /// The `metadata.generation` that all of this speaks about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991i64))]
    pub observed_generation: Option<i64>,
    /// What holds: Ready, Accepted, ResolvedRefs, Programmed, and while it lasts Reconciling or Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
    /// Where callers find it: the URL of its Service, in the cluster or, as soon as it has an address, of its load
    /// balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub address: Option<String>,
    /// The label selector of its pods, for whoever scales them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub selector: Option<String>,
    /// How many pods there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub replicas: Option<i32>,
    /// How many pods are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub ready_replicas: Option<i32>,
    /// How many objects it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<AttachedStatus>,
    /// The configuration that its pods are to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigStatus>,
    /// Objects that attach to it and are not served, at most 100; the condition's message says how many more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MOST_SKIPPED))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".to_owned(), "namespace".to_owned(), "name".to_owned()]))]
    pub skipped: Vec<SkippedStatus>,
}

/// How many objects a gateway serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct AttachedStatus {
    /// LLMProviders that its routes send requests to.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub providers: i32,
    /// LLMRoutes that it serves.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub routes: i32,
    /// LLMKeys that it takes.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub keys: i32,
}

/// A gateway's configuration as it was published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct ConfigStatus {
    /// Its number; a newer configuration has a higher one.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991i64))]
    pub generation: i64,
    /// What tells it from every other, in hexadecimal digits.
    #[schemars(length(max = 64))]
    pub hash: String,
    /// How long it is, in bytes.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991i64))]
    pub bytes: i64,
    /// How many pods run it.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub pods_current: i32,
    /// How many ready pods there are.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub pods_total: i32,
}

/// An object that attaches to a gateway and is not served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct SkippedStatus {
    /// Its kind.
    #[schemars(with = "OneOf<Kind>")]
    pub kind: Kind,
    /// Its namespace.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Why: a code of docs/reference/codes.md.
    #[schemars(length(max = 8), regex(pattern = CODE))]
    pub code: String,
}
