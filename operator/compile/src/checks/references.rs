//! What refers to no gateway, and what nothing refers to.

use crate::codes::Code;
use crate::finding::{Finding, Report};
use crate::resolve::resolve_ref;
use crate::values::quoted;
use crate::{key, route};
use std::collections::{BTreeMap, BTreeSet};
use weir_config::ObjectName;
use weir_crds::Kind;

/// The gateway that an object attaches to; a finding on the object if there is none.
pub(crate) fn gateway<T>(
    gateways: &BTreeMap<ObjectName, T>,
    (kind, from): (Kind, &ObjectName),
    wanted: &str,
    findings: &mut Vec<Finding>,
) -> Option<ObjectName> {
    let found = resolve_ref(gateways, from, wanted).map(|(name, _)| name.clone());
    if found.is_none() {
        let mut report = Report::on(kind, from);
        let message = format!(
            "there is no LLMGateway {} in namespace {}, so nothing serves this object; create it, or name \
             another",
            quoted(wanted),
            from.namespace
        );
        report.add(Code::NoMatchingGateway, "spec.gatewayRef.name", message);
        findings.extend(report.into_findings());
    }
    found
}

/// Gateways without routes and keys, providers without routes.
pub(crate) fn unreferenced<G, P>(
    (gateways, providers): (&BTreeMap<ObjectName, G>, &BTreeMap<ObjectName, P>),
    routes: &[route::Draft<'_>],
    keys: &[key::Draft<'_>],
    findings: &mut Vec<Finding>,
) {
    let named = routes.iter().map(|route| &route.gateway).chain(keys.iter().map(|key| &key.gateway));
    let attached: BTreeSet<&ObjectName> = named.flatten().collect();
    let targeted: BTreeSet<&ObjectName> =
        routes.iter().flat_map(|route| targeted(route, providers)).collect();
    for name in gateways.keys().filter(|name| !attached.contains(name)) {
        let message =
            "no LLMRoute or LLMKey names this gateway, so it answers nothing; create some, or remove it";
        findings.extend(not_referenced(Kind::Gateway, name, message));
    }
    for name in providers.keys().filter(|name| !targeted.contains(name)) {
        let message = "no LLMRoute has a target here, so nothing is sent to it; create one, or remove this";
        findings.extend(not_referenced(Kind::Provider, name, message));
    }
}

/// The providers that a route names, usable or not.
fn targeted<'p, P>(
    route: &route::Draft<'_>,
    providers: &'p BTreeMap<ObjectName, P>,
) -> impl Iterator<Item = &'p ObjectName> {
    let node = route.node;
    let wanted = node.object.spec.targets.iter().map(|target| &target.provider_ref.name);
    wanted.filter_map(|name| resolve_ref(providers, &node.name, name)).map(|(name, _)| name)
}

fn not_referenced(kind: Kind, name: &ObjectName, message: &str) -> Vec<Finding> {
    let mut report = Report::on(kind, name);
    report.add(Code::NotReferenced, "metadata.name", message);
    report.into_findings()
}
