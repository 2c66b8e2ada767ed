//! Objects in, one configuration per gateway and findings out: pure and total.
//!
//! compile decides what of the custom resources is served and says about each object what is not. It has no
//! clock (instants go into the Snapshot, gateways compare them with theirs), no memory (the same objects give
//! the same bytes, in whatever order they come) and no cluster: the operator, the CLI and tests run this very
//! code. It never fails: of a broken object the valid part serves, and its neighbours do not notice.

mod admission;
mod attachments;
mod attempt;
mod checks;
mod codes;
mod condition;
mod endpoint;
mod finding;
mod gateway;
mod key;
mod minted;
mod models;
mod pages;
mod provider;
mod resolve;
mod route;
mod source;
mod targets;
mod values;
mod world;

pub use admission::Namespaces;
pub use attachments::{
    Attachments, GatewayAttachment, KeyAttachment, KeyText, ProviderAttachment, RouteAttachment, Skipped,
};
pub use codes::{Code, Severity};
pub use condition::Condition;
pub use finding::Finding;
pub use minted::{
    DEFAULT_PORT, MINTED_DIGESTS, MINTED_TEXT, MINTED_TOKEN, MintedDigest, minted_addresses, minted_data,
    minted_into, origin,
};
pub use pages::{codes_markdown, conditions_markdown};
pub use resolve::{CREDENTIAL_LABEL, SecretContent, Secrets};
pub use targets::TargetState;
pub use weir_crds::Kind;

use checks::references;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use targets::Providers;
use weir_config::{ObjectName, Snapshot};
use weir_crds::{LLMGateway, LLMKey, LLMProvider, LLMRoute};

/// The world as compile sees it. Objects without a namespace are in `default`. Not `Debug`: Secrets are in it.
#[derive(Clone, Default)]
pub struct Input {
    /// Every `LLMGateway`.
    pub gateways: Vec<Arc<LLMGateway>>,
    /// Every `LLMProvider`.
    pub providers: Vec<Arc<LLMProvider>>,
    /// Every `LLMRoute`.
    pub routes: Vec<Arc<LLMRoute>>,
    /// Every `LLMKey`.
    pub keys: Vec<Arc<LLMKey>>,
    /// The Secrets that they refer to, decoded; more do no harm.
    pub secrets: Secrets,
    /// Keys whose Secret is somebody else's: nothing of it is theirs (semantics S10.8).
    pub taken: BTreeSet<ObjectName>,
    /// Whether providers may only use Secrets that carry [`CREDENTIAL_LABEL`] (semantics S10.7).
    pub require_credential_label: bool,
    /// The labels of namespaces. One that isn't here matches no selector.
    pub namespaces: Namespaces,
}

/// What compile makes of an [`Input`].
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// One configuration per gateway, complete. A gateway with nothing attached has an empty one.
    pub gateways: BTreeMap<ObjectName, Snapshot>,
    /// Where each object ended up.
    pub attachments: Attachments,
    /// Sorted by object, then by severity, worst first; each once.
    pub findings: Vec<Finding>,
}

/// Compiles the world. The order of `input` does not matter.
pub fn compile(input: &Input) -> Output {
    let mut findings = Vec::new();
    let found = &mut findings;
    let gateways = gateways(input, found);
    let providers = providers(input, found);
    let (routes, keys) =
        (world::index(Kind::Route, &input.routes, found), world::index(Kind::Key, &input.keys, found));
    let mut routes = self::routes(&routes, &gateways, found);
    let mut keys = self::keys(&keys, &gateways, input, found);

    checks::model_names::award(&mut routes, found);
    checks::key_digests::award(&mut keys, found);
    for route in &mut routes {
        route.targets = kept(targets::resolve(route, &providers), found);
    }
    let snapshots = snapshots(&gateways, &providers, &routes, &keys);
    let mut attachments = attachments::find(&snapshots, &providers, &routes, &keys);
    references::unreferenced(&attachments, found);
    checks::unpriced::check(&providers, found);
    snapshots.values().for_each(|snapshot| checks::egress::check(snapshot, found));
    checks::served::check(&snapshots, &keys, found);
    findings.sort();
    findings.dedup();
    attachments::skip(&mut attachments, &providers, (&routes, &keys), &findings);
    Output { gateways: snapshots, attachments, findings }
}

/// Every gateway, read.
type Gateways = BTreeMap<ObjectName, gateway::Draft>;

fn gateways(input: &Input, found: &mut Vec<Finding>) -> Gateways {
    let nodes = world::index(Kind::Gateway, &input.gateways, found);
    let read = |node| kept(gateway::read(node, &input.namespaces), found);
    nodes.values().map(|node| node.name.clone()).zip(nodes.values().map(read)).collect()
}

fn providers(input: &Input, found: &mut Vec<Finding>) -> Providers {
    let nodes = world::index(Kind::Provider, &input.providers, found);
    let around = provider::Surroundings {
        secrets: &input.secrets,
        require_label: input.require_credential_label,
        namespaces: &input.namespaces,
    };
    let read = |node| kept(provider::read(node, around), found);
    nodes.values().map(|node| node.name.clone()).zip(nodes.values().map(read)).collect()
}

fn routes<'a>(
    nodes: &'a world::Index<'a, LLMRoute>,
    gateways: &Gateways,
    found: &mut Vec<Finding>,
) -> Vec<route::Draft<'a>> {
    let read = |node: &'a world::Node<'a, LLMRoute>| {
        let wanted = &node.object.spec.gateway_ref;
        let gateway = references::gateway(gateways, (Kind::Route, &node.name), wanted, found);
        kept(route::read(node, gateway.map(|(name, _)| name.clone())), found)
    };
    nodes.values().map(read).collect()
}

fn keys<'a>(
    nodes: &'a world::Index<'a, LLMKey>,
    gateways: &Gateways,
    input: &Input,
    found: &mut Vec<Finding>,
) -> Vec<key::Draft<'a>> {
    let read = |node: &'a world::Node<'a, LLMKey>| {
        let wanted = &node.object.spec.gateway_ref;
        let gateway = references::gateway(gateways, (Kind::Key, &node.name), wanted, found);
        kept(key::read(node, gateway, (&input.secrets, &input.taken)), found)
    };
    nodes.values().map(read).collect()
}

/// The value, once what there is to say about it is noted.
fn kept<T>((value, report): (T, finding::Report), findings: &mut Vec<Finding>) -> T {
    findings.extend(report.into_findings());
    value
}

fn snapshots(
    gateways: &Gateways,
    providers: &Providers,
    routes: &[route::Draft<'_>],
    keys: &[key::Draft<'_>],
) -> BTreeMap<ObjectName, Snapshot> {
    let mut snapshots: BTreeMap<ObjectName, Snapshot> =
        gateways.iter().map(|(name, draft)| (name.clone(), Snapshot::empty(draft.gateway.clone()))).collect();
    for route in routes {
        let Some(gateway) = route.gateway.as_ref() else { continue };
        let Some((snapshot, draft)) = snapshots.get_mut(gateway).zip(gateways.get(gateway)) else { continue };
        snapshot.routes.extend(route.effective(draft).map(Arc::new));
    }
    for key in keys {
        let Some(snapshot) = key.gateway.as_ref().and_then(|name| snapshots.get_mut(name)) else { continue };
        snapshot.keys.extend(key.effective().map(Arc::new));
    }
    for (name, snapshot) in &mut snapshots {
        if let Some(draft) = gateways.get(name) {
            complete(snapshot, draft, providers);
        }
    }
    snapshots
}

/// Adds the providers that the routes refer to, with their credentials, and sorts.
fn complete(snapshot: &mut Snapshot, gateway: &gateway::Draft, providers: &Providers) {
    snapshot.routes.sort_by(|a, b| a.name.cmp(&b.name));
    snapshot.keys.sort_by(|a, b| a.name.cmp(&b.name));
    let referred: BTreeSet<&ObjectName> =
        snapshot.routes.iter().flat_map(|route| &route.targets).map(|target| &target.provider).collect();
    for name in referred {
        let Some(draft) = providers.get(name).and_then(|account| account.draft.as_ref()) else { continue };
        snapshot.providers.push(Arc::new(draft.effective(&gateway.timeouts)));
        if let Some(secret) = &draft.credential {
            snapshot.credentials.insert(name.clone(), secret.clone());
        }
    }
}
