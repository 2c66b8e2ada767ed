//! The compiled configuration of one gateway. References are resolved, defaults filled in, prices integers;
//! what is here is right by construction, and nobody checks it again.

use crate::{FailureSet, Key, ModelPattern, ObjectName, OnAbort, Prices, Secret, Vendor};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// All that one gateway needs to know. Objects are sorted by name; each is a fragment of its own, shared with
/// the snapshot before where it did not change.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Settings of the gateway itself.
    pub gateway: Arc<Gateway>,
    /// The upstream accounts that routes refer to.
    pub providers: Vec<Arc<Provider>>,
    /// The public models.
    pub routes: Vec<Arc<Route>>,
    /// The tenants' keys. Secret: digests are in it.
    pub keys: Vec<Arc<Key>>,
    /// The providers' API keys, by provider. Secret.
    pub credentials: BTreeMap<ObjectName, Secret>,
}

impl Snapshot {
    /// A snapshot of `gateway` with nothing in it: it counts as configuration (semantics S9.2).
    pub fn empty(gateway: Gateway) -> Self {
        Self {
            gateway: Arc::new(gateway),
            providers: Vec::new(),
            routes: Vec::new(),
            keys: Vec::new(),
            credentials: BTreeMap::new(),
        }
    }

    /// Takes over from `previous` every fragment that did not change, so that both share it (semantics S8.3).
    pub fn share_with(&mut self, previous: &Self) {
        /// Both are sorted, so one walk along both finds each item's predecessor.
        fn share<T: PartialEq>(new: &mut [Arc<T>], old: &[Arc<T>], name: impl Fn(&T) -> &ObjectName) {
            let mut old = old.iter().peekable();
            for item in new {
                while old.next_if(|other| !Arc::ptr_eq(other, item) && name(other) < name(item)).is_some() {}
                if let Some(same) = old.next_if(|other| Arc::ptr_eq(other, item) || *other == item) {
                    *item = Arc::clone(same);
                }
            }
        }
        if self.gateway == previous.gateway {
            self.gateway = Arc::clone(&previous.gateway);
        }
        share(&mut self.providers, &previous.providers, |provider| &provider.name);
        share(&mut self.routes, &previous.routes, |route| &route.name);
        share(&mut self.keys, &previous.keys, |key| &key.name);
    }
}

/// One `LLMGateway`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// The object.
    pub name: ObjectName,
    /// How it meets callers.
    pub listener: Listener,
    /// Where it may connect to.
    pub egress: Egress,
}

/// How a gateway meets its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// A request's body may have so many bytes.
    pub max_body_bytes: u64,
    /// How long running answers may take to finish after `removal_delay`.
    pub drain_timeout: Duration,
    /// How long new connections are still accepted after the signal to stop.
    pub removal_delay: Duration,
    /// How much callers learn of what is behind.
    pub disclosure: Disclosure,
}

/// What callers learn of the objects behind a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disclosure {
    /// Objects' names in headers, outcomes without reasons.
    Names,
    /// Nothing, nor a refusal's own words.
    None,
    /// Names, reasons, sanitised messages.
    Full,
}

/// Where upstream connections may go beyond public addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// Private and loopback ranges that are allowed. What is refused always stays refused (semantics S10.4).
    pub allow_private: Vec<IpNet>,
}

/// One `LLMProvider`: an upstream account.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// The object.
    pub name: ObjectName,
    /// The vendor whose row applies.
    pub vendor: Vendor,
    /// Who answers.
    pub backend: Backend,
    /// The models it offers; empty: whatever a route asks for.
    pub models: Vec<Model>,
    /// Its timers.
    pub timeouts: Timeouts,
    /// Whether it bills on after we hang up.
    pub on_abort: OnAbort,
    /// Takes no new requests while set.
    pub suspended: bool,
}

impl Provider {
    /// The model called `name` here, or `None` if a list is given and it isn't in it. Without a list every name
    /// is offered under itself.
    pub fn model(&self, name: &str) -> Option<Model> {
        if self.models.is_empty() {
            return Some(Model::unlisted(name));
        }
        self.models.iter().find(|model| model.name == name).cloned()
    }
}

/// Who answers for a provider.
#[derive(Debug, Clone, PartialEq)]
pub enum Backend {
    /// A server.
    Http(Endpoint),
    /// The gateway itself.
    Mock(Mock),
}

/// A server's origin and the path in front of that of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether it is reached over TLS.
    pub tls: bool,
    /// DNS name or literal address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Empty, or begins with `/` and doesn't end with one: `/v1`.
    pub base_path: String,
}

/// How a provider of vendor Mock answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mock {
    /// How long a unary answer takes before its headers.
    pub latency: Duration,
    /// How long a stream takes to its first content.
    pub first_byte: Duration,
    /// How fast a stream goes on; `None`: at once.
    pub tokens_per_second: Option<u32>,
    /// How many of a hundred requests fail, 0 to 100.
    pub error_percent: u8,
    /// The status of those that fail, 400 to 599.
    pub error_status: u16,
    /// What it says.
    pub reply: MockReply,
}

/// What a Mock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MockReply {
    /// The last user message.
    Echo,
    /// A fixed text of about a hundred tokens.
    Lorem,
}

/// One model of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The name that routes use.
    pub name: String,
    /// The name that is sent upstream.
    pub upstream_name: String,
    /// Tokens that fit into its context, if known.
    pub context_window: Option<u64>,
    /// Tokens of an answer at most, if known.
    pub max_output_tokens: Option<u64>,
    /// What it costs, if known. Unknown is never zero.
    pub prices: Option<Prices>,
}

impl Model {
    /// A model that no list describes: sent as it is called, nothing else known.
    pub fn unlisted(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            upstream_name: name.to_owned(),
            context_window: None,
            max_output_tokens: None,
            prices: None,
        }
    }
}

/// An attempt's timers (semantics S2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name lookup, TCP and TLS together.
    pub connect: Duration,
    /// Streams: from the request to the first byte of the answer's body.
    pub first_byte: Duration,
    /// Streams: from the request to the first content, reasoning or tool call.
    pub first_token: Duration,
    /// Streams: between bytes of the body.
    pub idle: Duration,
    /// The whole attempt.
    pub total: Duration,
}

/// One `LLMRoute`: a public model.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The object.
    pub name: ObjectName,
    /// The public name; a prefix pattern serves every name it covers.
    pub model: ModelPattern,
    /// More public names.
    pub aliases: Vec<Alias>,
    /// Who answers, in the order of the manifest. Empty: nobody usable (semantics S8.6: 503, never 404).
    pub targets: Vec<Target>,
    /// When the next target is tried.
    pub fallback: Fallback,
    /// How the same target is tried again, and how much rescue a route may cause.
    pub retry: Retry,
}

/// Another public name of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// Answers, but isn't listed.
    pub hidden: bool,
}

/// One (provider, model) behind a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name within the route.
    pub name: String,
    /// Who answers: a provider of this snapshot.
    pub provider: ObjectName,
    /// The provider's model; `None`: the one asked for.
    pub model: Option<String>,
    /// Lower goes first.
    pub priority: u32,
}

/// When the next target is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The classes that move on.
    pub on: FailureSet,
    /// Attempts of one request, the first included, repeats too; `None`: each target once, at most 5 of them, and then
    /// at most two repeats in all (semantics S1.4).
    pub max_attempts: Option<u32>,
    /// No attempt starts later than this after the request came, not counting the time for which attempts ran.
    pub deadline: Duration,
}

/// How a target is tried again, and how many attempts beyond the first a route may cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The first wait; doubles, jittered.
    pub backoff_base: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
    /// Attempts beyond the first, in percent of the last 10 seconds' requests (semantics S1.3).
    pub budget_percent: u32,
}
