//! What governs attempts: timers, fallback, retry. Providers and routes set them, `LLMGateway.defaults` sets
//! them for all that don't, so nothing here has a default in the schema: compile fills in what nobody set.

use crate::Duration;
use crate::choice::OneOf;
use crate::schema::absent_is_not_null;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use weir_config::FailureClass;

/// An attempt's timers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct Timeouts {
    /// Longest time for name lookup, TCP and TLS together.
    /// Default: the gateway's `defaults.timeouts.connect`, else 5s. Example: `3s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = ("duration(self) > duration('0s')", "must be longer than 0"))]
    pub connect: Option<Duration>,
    /// Streams only: longest time from the request to the first byte of the answer's body.
    /// Default: the gateway's `defaults.timeouts.firstByte`, else 60s. Example: `20s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = ("duration(self) > duration('0s')", "must be longer than 0"))]
    pub first_byte: Option<Duration>,
    /// Streams only: longest time from the request to the first content, reasoning or tool call; comments and empty
    /// pieces do not end it.
    /// Default: the gateway's `defaults.timeouts.firstToken`, else 10m. Example: `2m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = ("duration(self) > duration('0s')", "must be longer than 0"))]
    pub first_token: Option<Duration>,
    /// Streams only: longest silence between two pieces of the answer's body.
    /// Default: the gateway's `defaults.timeouts.idle`, else 60s. Example: `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = ("duration(self) > duration('0s')", "must be longer than 0"))]
    pub idle: Option<Duration>,
    /// Longest time for the whole attempt, streams included.
    /// Default: the gateway's `defaults.timeouts.total`, else 15m. Example: `5m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = ("duration(self) > duration('0s')", "must be longer than 0"))]
    pub total: Option<Duration>,
}

/// When the next target is tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct Fallback {
    /// Failures after which the next target is tried; an empty list means none.
    /// Default: the gateway's `defaults.fallback.onFailure`, else all but ContentPolicy.
    /// Example: `[RateLimited, Overloaded, ServerError, Timeout]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<OneOf<FailureClass>>>", length(max = 13))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub on_failure: Option<Vec<FailureClass>>,
    /// Most attempts that one request may cause, the first and repeats of a target included.
    /// Default: the gateway's `defaults.fallback.maxAttempts`, else each target once, at most 5, and two repeats.
    /// Example: `3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32))]
    pub max_attempts: Option<i32>,
    /// Until when, once a request has arrived, another attempt may start, counted without the time that attempts
    /// themselves ran; a running one is never ended by it.
    /// Default: the gateway's `defaults.fallback.deadline`, else 120s. Example: `60s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
}

/// How a target is tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
pub struct Retry {
    /// How long to wait before the same target is tried again.
    /// Default: see its fields. Example: `{base: 200ms, max: 5s}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// Attempts beyond a request's first, in percent of the requests of the last 10 seconds.
    /// Default: the gateway's `defaults.retry.budgetPercent`, else 20. Example: `10`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub budget_percent: Option<i32>,
}

/// Waits between attempts at the same target; jittered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = absent_is_not_null)]
#[x_kube(validation = ("!has(self.base) || !has(self.max) || duration(self.base) <= duration(self.max)", "base must not be longer than max"))]
pub struct Backoff {
    /// The first wait; each further one is twice as long.
    /// Default: the gateway's `defaults.retry.backoff.base`, else 200ms. Example: `500ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Duration>,
    /// The longest wait.
    /// Default: the gateway's `defaults.retry.backoff.max`, else 5s. Example: `2s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Duration>,
}
