//! Weir's API: the four kinds of `weir.dev/v1alpha1` as Rust types and as CRDs.
//!
//! This crate says what an object may hold. It resolves no reference and decides no default that a gateway may
//! set: that is compile's.
#![expect(clippy::duplicated_attributes, reason = "two printer columns may be of one type")]

mod attempt;
mod choice;
mod deployment;
mod gateway;
mod key;
mod kind;
mod kubernetes;
mod near;
mod pattern;
mod provider;
mod reference;
mod route;
mod schema;
mod status;
pub mod validate;
mod value;
mod yaml;

pub use attempt::{Backoff, Fallback, Retry, Timeouts};
pub use deployment::{
    ExtraEnv, GatewayImage, GatewayPod, GatewayResources, GatewayService, GatewayServiceAccount, PullPolicy,
    PullSecret, ServiceType,
};
pub use gateway::{
    GatewayAllowedNamespaces, GatewayDefaults, GatewayEgress, GatewayListener, GatewayTenant, LLMGateway,
    LLMGatewaySpec,
};
pub use key::{GenerateKey, KeyLimits, KeySource, LLMKey, LLMKeySpec, SourceDigest};
pub use kind::{API_VERSION, GROUP, Kind, Origin, VERSION, crds};
pub use kubernetes::{Quantity, RawPart};
pub use provider::{
    Credentials, LLMProvider, LLMProviderSpec, MockSpec, ModelPrices, NoCredential, ProviderEndpoint,
    ProviderModel,
};
pub use reference::{
    AllowedNamespaces, FromNamespaces, GatewayRef, NamespaceSelector, ProviderRef, SecretKeyRef,
};
pub use route::{LLMRoute, LLMRouteSpec, RouteAlias, RouteTarget};
pub use status::{
    AttachedStatus, Condition, ConditionStatus, ConfigStatus, KeyTextStatus, LLMGatewayStatus, LLMKeyStatus,
    LLMProviderStatus, LLMRouteStatus, LONGEST_MESSAGE, MOST_SKIPPED, SkippedStatus, TargetStatus,
};
pub use value::{ByteSize, Duration, ParseValueError, Timestamp, Usd};
pub use yaml::crd_yaml;
