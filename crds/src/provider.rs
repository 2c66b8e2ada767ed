//! `LLMProvider`: one upstream account.

use crate::choice::OneOf;
use crate::pattern::MODEL_NAME;
use crate::reference::{AllowedNamespaces, SecretKeyRef};
use crate::schema::absent_is_not_null;
use crate::status::LLMProviderStatus;
use crate::{Duration, Timeouts, Usd};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use weir_config::{MockReply, OnAbort, Vendor};

/// Anything that can stand in a request: visible ASCII.
pub(crate) const UPSTREAM_NAME: &str = "^[!-~]+$";

/// One upstream account: a vendor, where it is, how to sign in, what it offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "LLMProvider",
    plural = "llmproviders",
    shortname = "llmp",
    category = "llm",
    namespaced,
    status = "LLMProviderStatus",
    derive = "PartialEq",
    doc = "One upstream account: a vendor, where it is, how to sign in, what it offers.",
    printcolumn(name = "Vendor", type_ = "string", json_path = ".spec.vendor"),
    printcolumn(name = "Models", type_ = "integer", json_path = ".status.modelCount"),
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
#[x_kube(
    validation = ("self.vendor == 'Mock' || !has(self.mock)", "mock is only for vendor Mock"),
    validation = ("self.vendor != 'Mock' || !has(self.endpoint)", "vendor Mock answers from inside the gateway: it takes no endpoint"),
    validation = ("self.vendor != 'OpenAICompatible' || (has(self.endpoint) && has(self.endpoint.url))", "vendor OpenAICompatible needs endpoint.url, such as https://llm.example.com/v1"),
    validation = ("self.vendor == 'Mock' || has(self.credentials)", "credentials are required: name a Secret in apiKeySecretRef, or say that there are none with none: {}")
)]
pub struct LLMProviderSpec {
    /// Who is behind it: OpenAI, Anthropic (asked in its Messages API), OpenAICompatible (anything that speaks OpenAI's
    /// chat completions at `endpoint.url`), or Mock (answers from inside the gateway, free of charge). Immutable.
    /// Required. Example: `OpenAI`.
    #[schemars(with = "OneOf<Vendor>")]
    #[x_kube(validation = ("self == oldSelf", "vendor is immutable: create another LLMProvider instead"))]
    pub vendor: Vendor,
    /// Where it is.
    /// Default: the vendor's own address; OpenAICompatible needs `url`.
    /// Example: `{url: "https://llm.example.com/v1"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<ProviderEndpoint>,
    /// How to sign in; exactly one of the fields. Required, except for vendor Mock.
    /// Example: `{apiKeySecretRef: {name: openai, key: api-key}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// The models that it offers. Default: none listed, which offers every model that a route asks for.
    /// Example: `[{name: gpt-4o, prices: {input: "2.50", output: "10"}}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub models: Vec<ProviderModel>,
    /// Timers of each attempt here. Default: the gateway's `defaults.timeouts`, else see the fields.
    /// Example: `{connect: 3s, total: 5m}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
    /// Whether the vendor bills on after a caller left: Unknown (hang up, assume the charge), Stops (hang up), or
    /// Continues (read the rest, so that the true usage is booked).
    /// Default: what is known of the vendor. Example: `Continues`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<OneOf<OnAbort>>")]
    pub on_abort: Option<OnAbort>,
    /// Takes no new requests while true; running ones finish. Default: false. Example: `true`.
    #[serde(default)]
    pub suspend: bool,
    /// How vendor Mock answers; for no other vendor. Default: at once, without failures.
    /// Example: `{latency: 200ms, tokensPerSecond: 50, errorRate: 5}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mock: Option<MockSpec>,
    /// Whose routes may name it, besides those of its own namespace. Default: nobody's. Example: `{from: All}`.
    #[serde(default)]
    pub allowed_namespaces: AllowedNamespaces,
}

/// Where a provider is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
#[x_kube(validation = ("!has(self.url) || self.allowInsecure || !self.url.startsWith('http:')", "url must be https: http sends credential and prompts in the clear (allowInsecure: true permits it)"))]
pub struct ProviderEndpoint {
    /// Address up to and without the path of a call, which is `/chat/completions`, of vendor Anthropic `/messages`: https,
    /// no user info, no query, no fragment.
    /// Default: the vendor's own; required for OpenAICompatible. Example: `https://llm.example.com/v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = ("self.matches('^https?://[!-.0-~][!-~]*$')", "must be an absolute URL, such as https://llm.example.com/v1"),
        validation = ("!self.matches('^https?://[^/?#]*@')", "must hold no user info: put the credential into a Secret and name it in apiKeySecretRef"),
        validation = ("!self.contains('?') && !self.contains('#')", "must have neither query nor fragment")
    )]
    pub url: Option<String>,
    /// Lets `url` be http, which sends credential and prompts in the clear. Default: false. Example: `true`.
    #[serde(default)]
    pub allow_insecure: bool,
}

/// How to sign in at a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
#[x_kube(validation = ("[has(self.apiKeySecretRef), has(self.none)].filter(x, x).size() == 1", "exactly one of apiKeySecretRef and none must be set (none: {} says that there is no credential)"))]
pub struct Credentials {
    /// An API key in a Secret. Default: unset. Example: `{name: openai, key: api-key}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_secret_ref: Option<SecretKeyRef>,
    /// No credential at all, said explicitly. Default: unset. Example: `{}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none: Option<NoCredential>,
}

/// The provider wants no credential.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct NoCredential {}

/// One model that a provider offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct ProviderModel {
    /// Name that routes use. Required. Example: `gpt-4o`.
    #[schemars(length(min = 1, max = 256), regex(pattern = MODEL_NAME))]
    pub name: String,
    /// Name that is sent upstream. Default: `name`. Example: `gpt-4o-2024-11-20`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = UPSTREAM_NAME))]
    pub upstream_name: Option<String>,
    /// How much fits into its context, input and output together, in tokens. Default: unknown. Example: `128000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub context_window: Option<i64>,
    /// How much it answers at most, in tokens: sent to vendors that want a bound with every request, where a caller gives
    /// none. Default: unknown. Example: `64000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_output_tokens: Option<i64>,
    /// What it costs, in USD per million tokens. Default: unknown, which is never zero.
    /// Example: `{input: "2.50", output: "10", cacheRead: "1.25"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices: Option<ModelPrices>,
}

/// What a model costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct ModelPrices {
    /// Input, in USD per million tokens, at most 9000000, quoted. Required. Example: `"2.50"`.
    pub input: Usd,
    /// Output, reasoning included, in USD per million tokens, at most 9000000, quoted. Required. Example: `"10"`.
    pub output: Usd,
    /// Input that the vendor reads from its cache, in USD per million tokens, at most 9000000, quoted.
    /// Default: as `input`. Example: `"1.25"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Usd>,
    /// Input that the vendor writes to its cache, to be kept for minutes, in USD per million tokens, at most 9000000,
    /// quoted.
    /// Default: as `input`. Example: `"3.125"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Usd>,
    /// Input that the vendor writes to its cache, to be kept for an hour, in USD per million tokens, at most 9000000,
    /// quoted.
    /// Default: as `cacheWrite`. Example: `"5"`.
    #[serde(rename = "cacheWrite1h", skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Usd>,
}

/// How vendor Mock answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct MockSpec {
    /// How long an answer that isn't streamed takes. Default: 0s. Example: `200ms`.
    #[serde(default = "at_once")]
    pub latency: Duration,
    /// How long a stream takes to its first content. Default: 0s. Example: `100ms`.
    #[serde(default = "at_once")]
    pub first_byte: Duration,
    /// How fast a stream goes on, in tokens per second. Default: at once. Example: `50`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub tokens_per_second: Option<i32>,
    /// How many requests fail, in percent. Default: 0. Example: `5`.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub error_rate: i32,
    /// HTTP status of those that fail. Default: 500. Example: `429`.
    #[serde(default = "server_error")]
    #[schemars(range(min = 400, max = 599))]
    pub error_status: i32,
    /// What it says: Echo (the last user message, at most 16 KiB of it) or Lorem (a fixed text of about a hundred
    /// tokens).
    /// Default: Echo. Example: `Lorem`.
    #[serde(default = "echo")]
    #[schemars(with = "OneOf<MockReply>")]
    pub reply: MockReply,
}

impl Default for MockSpec {
    fn default() -> Self {
        Self {
            latency: at_once(),
            first_byte: at_once(),
            tokens_per_second: None,
            error_rate: 0,
            error_status: server_error(),
            reply: echo(),
        }
    }
}

fn at_once() -> Duration {
    "0s".into()
}

fn server_error() -> i32 {
    500
}

fn echo() -> MockReply {
    MockReply::Echo
}
