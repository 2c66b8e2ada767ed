//! Literal private addresses that a gateway would refuse at connect (semantics S10.4). Names are not looked up
//! here: what they resolve to is known at connect only.

use crate::codes::Code;
use crate::finding::{Finding, Report};
use std::net::IpAddr;
use weir_config::{AddressKind, Backend, Provider, Snapshot, leads_to};
use weir_crds::Kind;

/// Says on each provider that the snapshot's gateway cannot reach it.
pub(crate) fn check(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let gateway = &snapshot.gateway;
    for provider in &snapshot.providers {
        let Some(address) = literal(provider) else { continue };
        if AddressKind::of(address) != AddressKind::Private {
            continue;
        }
        if gateway.egress.allow_private.iter().any(|range| range.contains(&address)) {
            continue;
        }
        let mut report = Report::on(Kind::Provider, &provider.name);
        let message = format!(
            "the endpoint is a private address that LLMGateway {} does not allow, so every attempt fails; add \
             its range to spec.egress.allowPrivate there",
            gateway.name
        );
        report.add(Code::EgressRefused, "spec.endpoint.url", message);
        findings.extend(report.into_findings());
    }
}

fn literal(provider: &Provider) -> Option<IpAddr> {
    match &provider.backend {
        Backend::Http(endpoint) => endpoint.host.parse().ok().map(leads_to),
        Backend::Mock(_) => None,
    }
}
