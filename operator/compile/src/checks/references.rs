//! What refers to no gateway, and what nothing refers to.

use crate::attachments::Attachments;
use crate::codes::Code;
use crate::finding::{Finding, Report};
use crate::gateway::Draft;
use crate::resolve::{Wanted, leads_nowhere, resolve_ref};
use std::collections::BTreeMap;
use weir_config::ObjectName;
use weir_crds::{GatewayRef, Kind};

/// The gateway that an object attaches to; a finding on the object if there is none.
pub(crate) fn gateway<'w>(
    gateways: &'w BTreeMap<ObjectName, Draft>,
    from: (Kind, &ObjectName),
    wanted: &GatewayRef,
    findings: &mut Vec<Finding>,
) -> Option<(&'w ObjectName, &'w Draft)> {
    let wanted = Wanted::from(wanted);
    let found = resolve_ref(gateways, from, wanted);
    if found.is_none() {
        let (kind, name) = from;
        let mut report = Report::on(kind, name);
        let message = leads_nowhere(Kind::Gateway, name, wanted, ", so nothing serves this object");
        report.add(Code::NoMatchingGateway, "spec.gatewayRef.name", message);
        findings.extend(report.into_findings());
    }
    found
}

/// Gateways without routes and keys, providers without routes.
pub(crate) fn unreferenced(attachments: &Attachments, findings: &mut Vec<Finding>) {
    for (name, _) in attachments.gateways.iter().filter(|(_, gateway)| !gateway.is_referenced) {
        let message =
            "no LLMRoute or LLMKey names this gateway, so it answers nothing; create some, or remove it";
        findings.extend(not_referenced(Kind::Gateway, name, message));
    }
    for (name, _) in attachments.providers.iter().filter(|(_, provider)| provider.routes == 0) {
        let message = "no LLMRoute has a target here, so nothing is sent to it; create one, or remove this";
        findings.extend(not_referenced(Kind::Provider, name, message));
    }
}

fn not_referenced(kind: Kind, name: &ObjectName, message: &str) -> Vec<Finding> {
    let mut report = Report::on(kind, name);
    report.add(Code::NotReferenced, "metadata.name", message);
    report.into_findings()
}
