//! Format 1, as it is since the first release. It never changes: pods of that release read nothing else.
//!
//! Its readers pass over what they do not know, so nothing may ever be added here. It has no word for a stream's first
//! token: whoever reads it, and knows of it, waits ten minutes. It lacks failure classes: see [`FailureSet`]. Of a
//! model's name that ends with `*` it would make every name that begins so: an object that needs it is refused. What else
//! it lacks format 2 lacks, too, and says there.

use super::form::{Form, Millis, OrUnknown, Unsayable, form};
use super::format::{Format, Section};
use super::fragment::Fragment;
use super::index;
use crate::{Digest, ObjectName, Price, Secret, UnixSeconds};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

/// The format.
pub(super) struct V1;

impl Format for V1 {
    type Gateway = Gateway;
    type Provider = Provider;
    type Route = Route;
    type Key = Key;
    type Credential = Credential;
    type Index = Index;

    const PUBLIC: &'static [Section] =
        &[("{\"gateways\":[", "]"), (",\"providers\":[", "]"), (",\"routes\":[", "]}")];
    const SECRET: &'static [Section] = &[("{\"keys\":[", "]"), (",\"credentials\":[", "]}")];

    fn public(json: &[u8]) -> serde_json::Result<Fragment> {
        let Public { gateways, providers, routes } = serde_json::from_slice(json)?;
        Ok(Fragment::public(gateways, providers, routes))
    }

    fn secret(json: &[u8]) -> serde_json::Result<Fragment> {
        let Hidden { keys, credentials } = serde_json::from_slice(json)?;
        Ok(Fragment::secret(keys, credentials))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Public {
    gateways: Vec<Gateway>,
    providers: Vec<Provider>,
    routes: Vec<Route>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hidden {
    keys: Vec<Key>,
    credentials: Vec<Credential>,
}

form! {
    struct Index of index::Index {
        format: u32,
        generation: u64,
        hash: Digest,
        shards: Shards,
        parts: BTreeMap<String, PartRef>,
    }
}
form! { struct Shards of index::Shards { public: u32, secret: u32, } }
form! { struct PartRef of index::PartRef { store: Store, sha256: Digest, bytes: u64, } }
form! { enum Store of index::Store { ConfigMap, Secret, } }

form! { struct Gateway of crate::Gateway { name: ObjectName, listener: Listener, egress: Egress, } }
form! {
    struct Listener of crate::Listener {
        max_body_bytes: u64,
        drain_timeout: Millis,
        removal_delay: Millis,
        disclosure: Disclosure,
    }
}
form! { enum Disclosure of crate::Disclosure { Names, None, Full, } }
form! { struct Egress of crate::Egress { allow_private: Vec<IpNet>, } }

form! {
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
form! { struct Endpoint of crate::Endpoint { tls: bool, host: String, port: u16, base_path: String, } }
form! {
    struct Mock of crate::Mock {
        latency: Millis,
        first_byte: Millis,
        tokens_per_second: Option<u32>,
        error_percent: u8,
        error_status: u16,
        reply: MockReply,
    }
}
form! { enum MockReply of crate::MockReply { Echo, Lorem, } }
form! {
    struct Model of crate::Model {
        name: String,
        upstream_name: String,
        context_window: Option<u64>,
        prices: OrUnknown<Prices>,
    }
    forgets { max_output_tokens: "models[].maxOutputTokens", }
}
form! {
    struct Prices of crate::Prices { input: Price, output: Price, cache_read: Option<Price>, }
    refuses {
        cache_write: "models[].prices.cacheWrite (the model's cost is unknown there)",
        cache_write_1h: "models[].prices.cacheWrite1h (the model's cost is unknown there)",
    }
}

form! {
    struct Route of crate::Route {
        name: ObjectName,
        model: ModelPattern,
        aliases: Vec<Alias>,
        targets: Vec<Target>,
        fallback: Fallback,
        retry: Retry,
    }
}
form! { struct Alias of crate::Alias { name: String, hidden: bool, } }
form! {
    struct Target of crate::Target {
        name: String,
        provider: ObjectName,
        model: Option<String>,
        priority: u32,
    }
}
form! { struct Fallback of crate::Fallback { on: FailureSet, max_attempts: Option<u32>, deadline: Millis, } }
form! { struct Retry of crate::Retry { backoff_base: Millis, backoff_max: Millis, budget_percent: u32, } }
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
        Garbled,
    }
    lacks { Misdirected: "whether fallback.onFailure has Misdirected", }
}

form! {
    struct Key of crate::Key {
        name: ObjectName,
        tenant: String,
        digests: Vec<KeyDigest>,
        allowed_models: AllowedModels,
        limits: Limits,
        expires_at: Option<UnixSeconds>,
        suspended: bool,
    }
}
form! { struct KeyDigest of crate::KeyDigest { sha256: Digest, not_after: Option<UnixSeconds>, } }
form! { struct Limits of crate::Limits { requests_per_minute: Option<NonZeroU32>, } }

form! {
    /// Who answers.
    enum Backend of crate::Backend { Http(Endpoint), Mock(Mock), }
}

/// What readers make of it that a stream's first token is not spoken of: the default of all that have that timer.
const FIRST_TOKEN: Duration = Duration::from_secs(600);

/// An attempt's timers, but that of the first token: pods of that release had none.
#[derive(Serialize, Deserialize)]
pub(super) struct Timeouts {
    connect: Millis,
    first_byte: Millis,
    idle: Millis,
    total: Millis,
}

impl Form<crate::Timeouts> for Timeouts {
    fn write(domain: &crate::Timeouts) -> Result<Self, Unsayable> {
        let crate::Timeouts { connect, first_byte, first_token: _, idle, total } = domain;
        let write = Millis::write;
        Ok(Self {
            connect: write(connect)?,
            first_byte: write(first_byte)?,
            idle: write(idle)?,
            total: write(total)?,
        })
    }

    fn forgets(domain: &crate::Timeouts) -> Option<Unsayable> {
        (domain.first_token != FIRST_TOKEN).then_some(Unsayable("timeouts.firstToken"))
    }

    fn read(self) -> crate::Timeouts {
        let Self { connect, first_byte, idle, total } = self;
        crate::Timeouts {
            connect: connect.read(),
            first_byte: first_byte.read(),
            first_token: FIRST_TOKEN,
            idle: idle.read(),
            total: total.read(),
        }
    }
}

/// The classes that move on. Those that this format lacks are left out: pods of that release do not tell them from
/// others. Readers that do take them for listed where all are that move on by default, for whoever listed these meant
/// the default; a shorter list means what it says.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FailureSet(Vec<FailureClass>);

impl FailureSet {
    /// Whether all of this format's classes that move on by default are in `set`.
    fn is_default(set: crate::FailureSet) -> bool {
        use crate::FailureClass::{CallerFault, ContentPolicy};
        let moves_on = |class: &crate::FailureClass| !matches!(class, CallerFault | ContentPolicy);
        let mut all = crate::FailureClass::ALL.iter().filter(|class| FailureClass::write(class).is_ok());
        all.all(|class| set.contains(*class) || !moves_on(class))
    }
}

impl Form<crate::FailureSet> for FailureSet {
    fn write(domain: &crate::FailureSet) -> Result<Self, Unsayable> {
        let all = crate::FailureClass::ALL.iter().filter(|class| domain.contains(**class));
        Ok(Self(all.filter_map(|class| FailureClass::write(class).ok()).collect()))
    }

    fn forgets(domain: &crate::FailureSet) -> Option<Unsayable> {
        let is_default = Self::is_default(*domain);
        let other = crate::FailureClass::ALL.iter().filter(|class| domain.contains(**class) != is_default);
        other.filter_map(|class| FailureClass::write(class).err()).next()
    }

    fn read(self) -> crate::FailureSet {
        let listed: crate::FailureSet = self.0.into_iter().map(FailureClass::read).collect();
        let is_default = Self::is_default(listed);
        let is_in = |class: &crate::FailureClass| {
            listed.contains(*class) || is_default && FailureClass::write(class).is_err()
        };
        crate::FailureClass::ALL.into_iter().filter(is_in).collect()
    }
}

form! {
    /// The models that a key may ask for.
    struct AllowedModels of crate::AllowedModels as Vec<ModelPattern>
}

/// A model's name, or with a final `*` every name that begins so.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ModelPattern(String);

impl Form<crate::ModelPattern> for ModelPattern {
    fn write(domain: &crate::ModelPattern) -> Result<Self, Unsayable> {
        match domain {
            crate::ModelPattern::Exact(name) if name.ends_with('*') => Err(Unsayable(
                "a model's name that ends with *, which would stand for every name that begins so",
            )),
            crate::ModelPattern::Exact(_) | crate::ModelPattern::Prefix(_) => Ok(Self(domain.to_string())),
        }
    }

    fn read(self) -> crate::ModelPattern {
        self.0.into()
    }
}

/// A provider and its API key.
#[derive(Serialize, Deserialize)]
pub(super) struct Credential(ObjectName, Secret);

impl Form<(ObjectName, Secret)> for Credential {
    fn write((provider, secret): &(ObjectName, Secret)) -> Result<Self, Unsayable> {
        Ok(Self(provider.clone(), secret.clone()))
    }

    fn read(self) -> (ObjectName, Secret) {
        (self.0, self.1)
    }
}
