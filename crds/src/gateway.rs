//! `LLMGateway`: one deployment of the gateway.

use crate::choice::OneOf;
use crate::deployment::{
    GatewayImage, GatewayPod, GatewayResources, GatewayService, GatewayServiceAccount, replicas,
};
use crate::pattern::DNS_LABEL;
use crate::reference::AllowedNamespaces;
use crate::schema::absent_is_not_null;
use crate::status::LLMGatewayStatus;
use crate::value::Cidr;
use crate::{ByteSize, Duration, Fallback, Retry, Timeouts};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use weir_config::Disclosure;

/// One deployment of the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "LLMGateway",
    plural = "llmgateways",
    shortname = "llmgw",
    category = "llm",
    namespaced,
    status = "LLMGatewayStatus",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    derive = "PartialEq",
    doc = "One deployment of the gateway: what callers connect to.",
    // Its Service is `<name>-gateway`, and a Service's name is a DNS label of at most 63 characters that begins with
    // a letter. Labels carry the name, too.
    validation = ("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 55", "metadata.name must be a DNS label of at most 55 characters that begins with a letter: the gateway's Service is called <name>-gateway"),
    printcolumn(name = "Address", type_ = "string", json_path = ".status.address"),
    printcolumn(name = "Pods", type_ = "integer", json_path = ".status.readyReplicas"),
    printcolumn(name = "Routes", type_ = "integer", json_path = ".status.attached.routes"),
    printcolumn(name = "Keys", type_ = "integer", json_path = ".status.attached.keys"),
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
    printcolumn(name = "Config", type_ = "integer", json_path = ".status.config.generation", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct LLMGatewaySpec {
    /// How many pods run it; 0 stops it. Who scales the LLMGateway by its scale subresource, such as a
    /// HorizontalPodAutoscaler, sets this. Default: 2. Example: `3`.
    #[serde(default = "replicas")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: i32,
    /// What its pods run. Default: the image that came with the operator.
    /// Example: `{reference: "registry.example.com/weir-gateway:1.0.0", pullSecrets: [{name: registry}]}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<GatewayImage>,
    /// What each pod takes of its node. Default: see the fields. Example: `{limits: {memory: 1Gi}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<GatewayResources>,
    /// The service account of its pods. Default: one of its own without annotations.
    /// Example: `{annotations: {iam.gke.io/gcp-service-account: llm@project.iam.gserviceaccount.com}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<GatewayServiceAccount>,
    /// What is added to its pods, and where they run. Default: nothing, anywhere.
    /// Example: `{nodeSelector: {kubernetes.io/arch: amd64}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<GatewayPod>,
    /// The Service `<name>-gateway`, through which callers reach it. Default: see the fields.
    /// Example: `{type: LoadBalancer, port: 8080}`.
    #[serde(default)]
    pub service: GatewayService,
    /// How it meets callers. Default: see its fields. Example: `{maxBodyBytes: 64Mi, disclosure: None}`.
    #[serde(default)]
    pub listener: GatewayListener,
    /// What holds for providers and routes that say nothing of their own. Default: see the fields.
    /// Example: `{timeouts: {total: 5m}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defaults: Option<GatewayDefaults>,
    /// Where it may connect to. Default: public addresses only. Example: `{allowPrivate: ["10.1.0.0/16"]}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<GatewayEgress>,
    /// Whose routes and keys it serves, besides those of its own namespace. Default: nobody's.
    /// Example: `{routes: {from: All}, keys: {from: Selector, selector: {matchLabels: {llm: allowed}}}}`.
    #[serde(default)]
    pub allowed_namespaces: GatewayAllowedNamespaces,
    /// Tenants beyond namespaces: whose keys may say `tenant` with a name other than their own namespace's. All keys
    /// of one tenant share its bill. Default: none. Example: `[{name: research, namespaces: [team-a, team-b]}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub tenants: Vec<GatewayTenant>,
}

impl Default for LLMGatewaySpec {
    fn default() -> Self {
        Self {
            replicas: replicas(),
            image: None,
            resources: None,
            service_account: None,
            pod: None,
            service: GatewayService::default(),
            listener: GatewayListener::default(),
            defaults: None,
            egress: None,
            allowed_namespaces: GatewayAllowedNamespaces::default(),
            tenants: Vec::new(),
        }
    }
}

/// How a gateway meets its callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayListener {
    /// How long a request's body may be, in bytes or with Ki, Mi or Gi; from 1Ki to 1Gi. Default: 32Mi. Example: `64Mi`.
    #[serde(default = "max_body_bytes")]
    #[x_kube(validation = ("!quantity(self).isLessThan(quantity('1Ki')) && !quantity(self).isGreaterThan(quantity('1Gi'))", "must be from 1Ki to 1Gi"))]
    pub max_body_bytes: ByteSize,
    /// How long running answers may take to finish when a pod stops, after `removalDelay`. A change replaces the pods:
    /// Kubernetes grants each the time when it is made. Default: 300s. Example: `60s`.
    #[serde(default = "drain_timeout")]
    pub drain_timeout: Duration,
    /// How long a pod that stops still accepts connections, until load balancers have noticed. A change replaces the
    /// pods. Default: 10s. Example: `30s`.
    #[serde(default = "removal_delay")]
    pub removal_delay: Duration,
    /// What callers learn of the objects behind a route: Names (objects' names in headers, outcomes without
    /// reasons), None (nor an upstream's words on a request that it refuses), or Full (reasons and sanitised messages,
    /// too). Default: Names. Example: `None`.
    #[serde(default = "names")]
    #[schemars(with = "OneOf<Disclosure>")]
    pub disclosure: Disclosure,
}

impl Default for GatewayListener {
    fn default() -> Self {
        Self {
            max_body_bytes: max_body_bytes(),
            drain_timeout: drain_timeout(),
            removal_delay: removal_delay(),
            disclosure: names(),
        }
    }
}

fn max_body_bytes() -> ByteSize {
    "32Mi".into()
}

fn drain_timeout() -> Duration {
    "300s".into()
}

fn removal_delay() -> Duration {
    "10s".into()
}

fn names() -> Disclosure {
    Disclosure::Names
}

/// Whose objects a gateway serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayAllowedNamespaces {
    /// Namespaces of routes. Default: `{from: Same}`. Example: `{from: All}`.
    #[serde(default)]
    pub routes: AllowedNamespaces,
    /// Namespaces of keys. Default: `{from: Same}`.
    /// Example: `{from: Selector, selector: {matchLabels: {llm: allowed}}}`.
    #[serde(default)]
    pub keys: AllowedNamespaces,
}

/// A tenant that isn't a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayTenant {
    /// The name that keys give in `tenant`. Required. Example: `research`.
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub name: String,
    /// Namespaces whose keys may be of this tenant; the gateway must admit their keys, too. Required.
    /// Example: `[team-a, team-b]`.
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = 63), regex(pattern = DNS_LABEL)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub namespaces: Vec<String>,
}

/// What holds where a provider or a route says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayDefaults {
    /// Timers, for providers. Default: see the fields. Example: `{total: 5m}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
    /// When the next target is tried, for routes. Default: see the fields. Example: `{maxAttempts: 3}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// How the same target is tried again, for routes. Default: see the fields. Example: `{budgetPercent: 10}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// Where a gateway may connect to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct GatewayEgress {
    /// Private and loopback ranges (CIDR) in which providers may be. Metadata and link-local addresses stay refused.
    /// Default: none. Example: `["10.1.0.0/16", "fd00::/8"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Cidr>", length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allow_private: Vec<String>,
}
