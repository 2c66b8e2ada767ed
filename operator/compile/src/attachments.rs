//! Where each object ended up, and what its status says of it: what the operator would otherwise derive again from
//! snapshots and findings, and then differently.

use crate::codes::Code;
use crate::finding::Finding;
use crate::provider::Account;
use crate::targets::{Providers, TargetState};
use crate::{key, route};
use std::collections::{BTreeMap, BTreeSet};
use weir_config::{ObjectName, Snapshot, UnixSeconds};
use weir_crds::{ConditionStatus, Kind};

/// Every object that has a name, by kind. One that was left out is here, too, in no gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachments {
    /// Every LLMGateway.
    pub gateways: BTreeMap<ObjectName, GatewayAttachment>,
    /// Every LLMProvider.
    pub providers: BTreeMap<ObjectName, ProviderAttachment>,
    /// Every LLMRoute.
    pub routes: BTreeMap<ObjectName, RouteAttachment>,
    /// Every LLMKey.
    pub keys: BTreeMap<ObjectName, KeyAttachment>,
}

/// What a gateway serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayAttachment {
    /// How many providers its snapshot has.
    pub providers: usize,
    /// How many routes its snapshot has.
    pub routes: usize,
    /// How many keys its snapshot has.
    pub keys: usize,
    /// What attaches to it and isn't in its snapshot, by kind and name.
    pub skipped: Vec<Skipped>,
    /// Whether any route or key attaches to it, served or not.
    pub is_referenced: bool,
}

/// An object that attaches to a gateway and isn't served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Which object.
    pub object: (Kind, ObjectName),
    /// The worst that there is to say about it.
    pub code: Code,
}

/// Who uses a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderAttachment {
    /// The gateways whose snapshots have it.
    pub gateways: BTreeSet<ObjectName>,
    /// How many models it lists.
    pub models: usize,
    /// How many routes have a target here that it admits, served or not.
    pub routes: usize,
}

/// Who serves a route, and how its targets are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteAttachment {
    /// The gateway whose snapshot has it.
    pub gateway: Option<ObjectName>,
    /// Its targets in their order, each name once.
    pub targets: Vec<TargetState>,
}

/// Who takes a key, and the texts that open it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyAttachment {
    /// The gateway whose snapshot has it.
    pub gateway: Option<ObjectName>,
    /// Its texts, each label once. They open nothing without a gateway.
    pub texts: Vec<KeyText>,
}

/// One text of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyText {
    /// Its label, which is no secret: the id inside a generated key, or the first 12 digits of the SHA-256.
    pub id: String,
    /// From this instant on it is refused; `None`: never.
    pub not_after: Option<UnixSeconds>,
}

impl Attachments {
    /// The gateways whose snapshots have a fragment of the object; of a gateway itself.
    pub fn gateways_of(&self, kind: Kind, name: &ObjectName) -> Vec<&ObjectName> {
        match kind {
            Kind::Gateway => self.gateways.get_key_value(name).map(|(name, _)| name).into_iter().collect(),
            Kind::Provider => self.providers.get(name).into_iter().flat_map(|it| &it.gateways).collect(),
            Kind::Route => self.routes.get(name).and_then(|it| it.gateway.as_ref()).into_iter().collect(),
            Kind::Key => self.keys.get(name).and_then(|it| it.gateway.as_ref()).into_iter().collect(),
        }
    }
}

/// Looks up where everything is. What is skipped comes last, once everything is said: [`skip`].
pub(crate) fn find(
    snapshots: &BTreeMap<ObjectName, Snapshot>,
    providers: &Providers,
    routes: &[route::Draft<'_>],
    keys: &[key::Draft<'_>],
) -> Attachments {
    let unused = |account: &Account| ProviderAttachment { models: account.models, ..Default::default() };
    let mut found = Attachments {
        gateways: snapshots.iter().map(|(name, snapshot)| (name.clone(), counted(snapshot))).collect(),
        providers: providers.iter().map(|(name, account)| (name.clone(), unused(account))).collect(),
        routes: routes.iter().map(|route| (route.node.name.clone(), of_route(route, snapshots))).collect(),
        keys: keys.iter().map(|key| (key.node.name.clone(), of_key(key, snapshots))).collect(),
    };
    for (gateway, snapshot) in snapshots {
        for provider in &snapshot.providers {
            found.providers.entry(provider.name.clone()).or_default().gateways.insert(gateway.clone());
        }
    }
    for name in routes.iter().flat_map(|route| &route.targets.providers) {
        found.providers.entry(name.clone()).or_default().routes += 1;
    }
    let named = routes.iter().map(|route| &route.gateway).chain(keys.iter().map(|key| &key.gateway));
    for name in named.flatten() {
        found.gateways.entry(name.clone()).or_default().is_referenced = true;
    }
    found
}

fn counted(snapshot: &Snapshot) -> GatewayAttachment {
    GatewayAttachment {
        providers: snapshot.providers.len(),
        routes: snapshot.routes.len(),
        keys: snapshot.keys.len(),
        ..GatewayAttachment::default()
    }
}

fn of_route(route: &route::Draft<'_>, snapshots: &BTreeMap<ObjectName, Snapshot>) -> RouteAttachment {
    let gateway = route.gateway.as_ref().filter(|it| route.is_effective() && snapshots.contains_key(it));
    RouteAttachment { gateway: gateway.cloned(), targets: route.targets.states.clone() }
}

fn of_key(key: &key::Draft<'_>, snapshots: &BTreeMap<ObjectName, Snapshot>) -> KeyAttachment {
    let gateway = key.gateway.as_ref().filter(|it| key.is_effective() && snapshots.contains_key(it));
    let mut seen = BTreeSet::new();
    let texts = key.digests.iter().filter(|text| seen.insert(&text.id));
    let texts = texts.map(|text| KeyText { id: text.id.clone(), not_after: text.digest.not_after });
    KeyAttachment { gateway: gateway.cloned(), texts: texts.collect() }
}

/// Notes on each gateway what attaches to it and is not in its snapshot, with the worst of `findings`, which are
/// sorted.
pub(crate) fn skip(
    attachments: &mut Attachments,
    providers: &Providers,
    (routes, keys): (&[route::Draft<'_>], &[key::Draft<'_>]),
    findings: &[Finding],
) {
    let mut worst: BTreeMap<&(Kind, ObjectName), Code> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.code.status() != ConditionStatus::True) {
        worst.entry(&finding.object).or_insert(finding.code);
    }
    let mut skipped: BTreeMap<ObjectName, BTreeSet<Skipped>> = BTreeMap::new();
    let mut note = |gateway: &Option<ObjectName>, object: (Kind, ObjectName)| {
        if let (Some(gateway), Some(&code)) = (gateway, worst.get(&object)) {
            skipped.entry(gateway.clone()).or_default().insert(Skipped { object, code });
        }
    };
    for route in routes {
        let name = &route.node.name;
        if attachments.routes.get(name).is_some_and(|it| it.gateway.is_none()) {
            note(&route.gateway, (Kind::Route, name.clone()));
        }
        let is_left_out = |name: &&ObjectName| providers.get(name).is_some_and(|it| it.draft.is_none());
        for provider in route.targets.providers.iter().filter(is_left_out) {
            note(&route.gateway, (Kind::Provider, provider.clone()));
        }
    }
    for key in keys {
        let name = &key.node.name;
        if attachments.keys.get(name).is_some_and(|it| it.gateway.is_none()) {
            note(&key.gateway, (Kind::Key, name.clone()));
        }
    }
    for (gateway, objects) in skipped {
        attachments.gateways.entry(gateway).or_default().skipped = objects.into_iter().collect();
    }
}
