//! Format 2. Once a release reads it, it never changes: what is new goes to a format of its own.
//!
//! Its readers refuse what they do not know and what is missing: a field that they passed over could be a cap. It has no
//! word for vendor Anthropic, so its accounts are left out, and none for what a model answers at most. Of what it costs to
//! write to a cache it would say less than all, so a model with such a price has none.

use super::form::{Form, Millis, OrUnknown, Unsayable, form, present};
use super::format::{Format, Section};
use super::fragment::Fragment;
use super::index;
use crate::{Digest, ObjectName, Price, Secret, UnixSeconds};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// The format.
pub(super) struct V2;

impl Format for V2 {
    type Gateway = Gateway;
    type Provider = Provider;
    type Route = Route;
    type Key = Key;
    type Credential = Credential;
    type Index = Index;

    const PUBLIC: &'static [Section] =
        &[("{\"format\":2,\"gateways\":[", "]"), (",\"providers\":[", "]"), (",\"routes\":[", "]}")];
    const SECRET: &'static [Section] = &[("{\"format\":2,\"keys\":[", "]"), (",\"credentials\":[", "]}")];

    fn public(json: &[u8]) -> serde_json::Result<Fragment> {
        let Public { format: Two, gateways, providers, routes } = serde_json::from_slice(json)?;
        Ok(Fragment::public(gateways, providers, routes))
    }

    fn secret(json: &[u8]) -> serde_json::Result<Fragment> {
        let Hidden { format: Two, keys, credentials } = serde_json::from_slice(json)?;
        Ok(Fragment::secret(keys, credentials))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Public {
    format: Two,
    gateways: Vec<Gateway>,
    providers: Vec<Provider>,
    routes: Vec<Route>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hidden {
    format: Two,
    keys: Vec<Key>,
    credentials: Vec<Credential>,
}

/// A part says its format, so that the bytes of one are never read as of another.
#[derive(Deserialize)]
#[serde(try_from = "u32")]
struct Two;

impl TryFrom<u32> for Two {
    type Error = &'static str;

    fn try_from(format: u32) -> Result<Self, Self::Error> {
        if format == 2 { Ok(Self) } else { Err("it is not of format 2") }
    }
}

form! {
    #[serde(deny_unknown_fields)]
    struct Index of index::Index {
        format: u32,
        generation: u64,
        hash: Digest,
        shards: Shards,
        parts: BTreeMap<String, PartRef>,
    }
}
form! { #[serde(deny_unknown_fields)] struct Shards of index::Shards { public: u32, secret: u32, } }
form! {
    #[serde(deny_unknown_fields)]
    struct PartRef of index::PartRef { store: Store, sha256: Digest, bytes: u64, }
}
form! { enum Store of index::Store { ConfigMap, Secret, } }

form! {
    #[serde(deny_unknown_fields)]
    struct Gateway of crate::Gateway { name: ObjectName, listener: Listener, egress: Egress, }
}
form! {
    #[serde(deny_unknown_fields)]
    struct Listener of crate::Listener {
        max_body_bytes: u64,
        drain_timeout: Millis,
        removal_delay: Millis,
        disclosure: Disclosure,
    }
}
form! { enum Disclosure of crate::Disclosure { Names, None, Full, } }
form! { #[serde(deny_unknown_fields)] struct Egress of crate::Egress { allow_private: Vec<IpNet>, } }

form! {
    #[serde(deny_unknown_fields)]
    struct Provider of crate::Provider {
        name: ObjectName,
        vendor: Vendor,
        backend: Backend,
        models: Vec<Model>,
        timeouts: Timeouts,
        on_abort: OnAbort,
        suspended: bool,
    }
}
form! {
    enum Vendor of crate::Vendor { OpenAI, OpenAICompatible, Mock, }
    lacks { Anthropic: "vendor Anthropic", }
}
form! { enum OnAbort of crate::OnAbort { Unknown, Stops, Continues, } }
form! {
    #[serde(deny_unknown_fields)]
    struct Endpoint of crate::Endpoint { tls: bool, host: String, port: u16, base_path: String, }
}
form! {
    #[serde(deny_unknown_fields)]
    struct Mock of crate::Mock {
        latency: Millis,
        first_byte: Millis,
        #[serde(deserialize_with = "present")]
        tokens_per_second: Option<u32>,
        error_percent: u8,
        error_status: u16,
        reply: MockReply,
    }
}
form! { enum MockReply of crate::MockReply { Echo, Lorem, } }
form! {
    #[serde(deny_unknown_fields)]
    struct Model of crate::Model {
        name: String,
        upstream_name: String,
        #[serde(deserialize_with = "present")]
        context_window: Option<u64>,
        #[serde(deserialize_with = "present")]
        prices: OrUnknown<Prices>,
    }
    forgets { max_output_tokens: "models[].maxOutputTokens", }
}
form! {
    #[serde(deny_unknown_fields)]
    struct Prices of crate::Prices {
        input: Price,
        output: Price,
        #[serde(deserialize_with = "present")]
        cache_read: Option<Price>,
    }
    refuses {
        cache_write: "models[].prices.cacheWrite (the model's cost is unknown there)",
        cache_write_1h: "models[].prices.cacheWrite1h (the model's cost is unknown there)",
    }
}
form! {
    #[serde(deny_unknown_fields)]
    struct Timeouts of crate::Timeouts {
        connect: Millis,
        first_byte: Millis,
        first_token: Millis,
        idle: Millis,
        total: Millis,
    }
}

form! {
    #[serde(deny_unknown_fields)]
    struct Route of crate::Route {
        name: ObjectName,
        model: ModelPattern,
        aliases: Vec<Alias>,
        targets: Vec<Target>,
        fallback: Fallback,
        retry: Retry,
    }
}
form! { #[serde(deny_unknown_fields)] struct Alias of crate::Alias { name: String, hidden: bool, } }
form! {
    #[serde(deny_unknown_fields)]
    struct Target of crate::Target {
        name: String,
        provider: ObjectName,
        #[serde(deserialize_with = "present")]
        model: Option<String>,
        priority: u32,
    }
}
form! {
    #[serde(deny_unknown_fields)]
    struct Fallback of crate::Fallback {
        on: FailureSet,
        #[serde(deserialize_with = "present")]
        max_attempts: Option<u32>,
        deadline: Millis,
    }
}
form! {
    #[serde(deny_unknown_fields)]
    struct Retry of crate::Retry { backoff_base: Millis, backoff_max: Millis, budget_percent: u32, }
}
form! {
    enum FailureClass of crate::FailureClass {
        RateLimited,
        Overloaded,
        ServerError,
        Timeout,
        Credential,
        Billing,
        Forbidden,
        ModelMissing,
        TooLarge,
        ContextLength,
        ContentPolicy,
        CallerFault,
        Misdirected,
        Garbled,
    }
}

form! {
    #[serde(deny_unknown_fields)]
    struct Key of crate::Key {
        name: ObjectName,
        tenant: String,
        digests: Vec<KeyDigest>,
        allowed_models: AllowedModels,
        limits: Limits,
        #[serde(deserialize_with = "present")]
        expires_at: Option<UnixSeconds>,
        suspended: bool,
    }
}
form! {
    #[serde(deny_unknown_fields)]
    struct KeyDigest of crate::KeyDigest {
        sha256: Digest,
        #[serde(deserialize_with = "present")]
        not_after: Option<UnixSeconds>,
    }
}
form! {
    #[serde(deny_unknown_fields)]
    struct Limits of crate::Limits {
        #[serde(deserialize_with = "present")]
        requests_per_minute: Option<NonZeroU32>,
    }
}

form! {
    /// Who answers.
    enum Backend of crate::Backend { Http(Endpoint), Mock(Mock), }
}

/// The classes that move on.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FailureSet(Vec<FailureClass>);

impl Form<crate::FailureSet> for FailureSet {
    fn write(domain: &crate::FailureSet) -> Result<Self, Unsayable> {
        let all = crate::FailureClass::ALL.iter().filter(|class| domain.contains(**class));
        Ok(Self(all.map(FailureClass::write).collect::<Result<_, _>>()?))
    }

    fn read(self) -> crate::FailureSet {
        self.0.into_iter().map(FailureClass::read).collect()
    }
}

form! {
    /// The models that a key may ask for.
    struct AllowedModels of crate::AllowedModels as Vec<ModelPattern>
}

form! {
    /// A public model's name, or what several begin with.
    enum ModelPattern of crate::ModelPattern { Exact(String), Prefix(String), }
}

/// A provider and its API key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credential {
    provider: ObjectName,
    api_key: Secret,
}

impl Form<(ObjectName, Secret)> for Credential {
    fn write((provider, api_key): &(ObjectName, Secret)) -> Result<Self, Unsayable> {
        Ok(Self { provider: provider.clone(), api_key: api_key.clone() })
    }

    fn read(self) -> (ObjectName, Secret) {
        (self.provider, self.api_key)
    }
}
