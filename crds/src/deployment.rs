//! How an `LLMGateway` runs in a cluster: its pods and its Service.
//!
//! `weir up` runs one gateway in its own process and reads none of this.

use crate::choice::OneOf;
use crate::kubernetes::{Amounts, Annotations, MoreLabels, NodeLabels, Quantity, Raw, RawPart};
use crate::reference::DNS_SUBDOMAIN;
use crate::schema::absent_is_not_null;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What `image.reference` takes; registries say more, and the kubelet says what they say.
pub(crate) const IMAGE: &str = "^[A-Za-z0-9][-A-Za-z0-9._:/@]*$";
/// What the name of an environment variable takes.
pub(crate) const VARIABLE: &str = "^[A-Za-z_][-A-Za-z0-9_.]*$";

/// Pods, if an LLMGateway does not say how many.
pub(crate) fn replicas() -> i32 {
    2
}

/// The image that a gateway's pods run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayImage {
    /// The image, with a tag or digest. Default: the one that came with the operator.
    /// Example: `registry.example.com/weir-gateway:1.0.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = IMAGE))]
    pub reference: Option<String>,
    /// When a node fetches it: Always, IfNotPresent or Never. Default: Always for the tag `latest` and for none, else
    /// IfNotPresent. Example: `IfNotPresent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<OneOf<PullPolicy>>")]
    pub pull_policy: Option<PullPolicy>,
    /// Secrets of the same namespace with which it is fetched. Default: none. Example: `[{name: registry}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub pull_secrets: Vec<PullSecret>,
}

/// When a node fetches an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullPolicy {
    /// Each time a container starts.
    Always,
    /// If the node does not have it.
    IfNotPresent,
    /// Not at all.
    Never,
}

/// A Secret by which an image is fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct PullSecret {
    /// Name of a Secret of type kubernetes.io/dockerconfigjson in the same namespace. Required. Example: `registry`.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub name: String,
}

/// What each pod of a gateway takes of its node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayResources {
    /// What is set aside for it, by resource. Default: `{cpu: 100m, memory: 64Mi}`.
    /// Example: `{cpu: "1", memory: 256Mi}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Amounts>")]
    pub requests: Option<BTreeMap<String, Quantity>>,
    /// More than this it does not get, by resource. Half of the memory holds bodies of requests and answers. Default:
    /// `{memory: 512Mi}`. Example: `{memory: 1Gi}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Amounts>")]
    pub limits: Option<BTreeMap<String, Quantity>>,
}

/// The service account of a gateway's pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayServiceAccount {
    /// Annotations of the ServiceAccount, such as a cloud's for a workload's identity. Default: none.
    /// Example: `{eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/llm"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "Annotations")]
    pub annotations: BTreeMap<String, String>,
}

/// What is added to a gateway's pods. A change of any of it replaces them, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayPod {
    /// Labels of the pods, besides Weir's own. Default: none. Example: `{team: platform}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "MoreLabels")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods. Default: none. Example: `{cluster-autoscaler.kubernetes.io/safe-to-evict: "true"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "Annotations")]
    pub annotations: BTreeMap<String, String>,
    /// Labels that a node must have. Default: none. Example: `{kubernetes.io/arch: amd64}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "NodeLabels")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that do not matter, as in a Kubernetes pod. Default: none.
    /// Example: `[{key: dedicated, operator: Equal, value: llm, effect: NoSchedule}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Raw>", length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tolerations: Vec<RawPart>,
    /// Which nodes and neighbours are wanted, as in a Kubernetes pod. Default: none.
    /// Example: `{nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Raw>")]
    pub affinity: Option<RawPart>,
    /// How the pods are spread, as `topologySpreadConstraints` of a Kubernetes pod; one without a `labelSelector` counts
    /// the gateway's pods. Default: over nodes, where that is possible.
    /// Example: `[{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Raw>>", length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub topology_spread: Option<Vec<RawPart>>,
    /// Name of a PriorityClass. Default: the cluster's. Example: `system-cluster-critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_SUBDOMAIN))]
    pub priority_class_name: Option<String>,
    /// Environment variables, besides those that the operator sets itself. Default: none.
    /// Example: `[{name: WEIR_LOG, value: debug}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub extra_env: Vec<ExtraEnv>,
}

/// One environment variable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
#[x_kube(
    validation = ("!has(self.value) || !has(self.valueFrom)", "give either value or valueFrom"),
    // The same names as in the operator's children, which a test there compares.
    validation = ("!(self.name in ['WEIR_GATEWAY', 'WEIR_LISTEN', 'WEIR_ADMIN_LISTEN', 'WEIR_STATE_DIR'])", "WEIR_GATEWAY, WEIR_LISTEN, WEIR_ADMIN_LISTEN and WEIR_STATE_DIR are set by the operator")
)]
pub struct ExtraEnv {
    /// Its name. Required. Example: `WEIR_LOG`.
    #[schemars(length(min = 1, max = 253), regex(pattern = VARIABLE))]
    pub name: String,
    /// Its value. Default: empty. Example: `debug`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32_768))]
    pub value: Option<String>,
    /// Where its value comes from, as in a Kubernetes container. Default: from `value`.
    /// Example: `{fieldRef: {fieldPath: spec.nodeName}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Raw>")]
    pub value_from: Option<RawPart>,
}

/// The Service through which callers reach a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayService {
    /// Who reaches it: ClusterIP (the cluster), NodePort or LoadBalancer (others, too). Default: ClusterIP.
    /// Example: `LoadBalancer`.
    #[serde(rename = "type", default)]
    #[schemars(with = "OneOf<ServiceType>")]
    pub type_: ServiceType,
    /// The port that callers connect to. Default: 80. Example: `8080`.
    #[serde(default = "port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Annotations of the Service, such as a cloud's for its load balancers. Default: none.
    /// Example: `{networking.gke.io/load-balancer-type: Internal}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "Annotations")]
    pub annotations: BTreeMap<String, String>,
}

impl Default for GatewayService {
    fn default() -> Self {
        Self { type_: ServiceType::default(), port: port(), annotations: BTreeMap::new() }
    }
}

fn port() -> i32 {
    80
}

/// Who reaches a Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceType {
    /// The cluster.
    #[default]
    ClusterIP,
    /// Whoever reaches a node.
    NodePort,
    /// Whoever reaches a load balancer of the cloud's.
    LoadBalancer,
}

impl ServiceType {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

impl PullPolicy {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}
