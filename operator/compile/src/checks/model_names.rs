//! Two routes of a gateway, one public name: the oldest keeps it, the other goes on with its other names.
//!
//! Each name is decided on its own, so a conflict concerns only those who claim that very name. A route without
//! usable targets keeps its names, too: a name must not move to another model because a provider broke.

use crate::codes::Code;
use crate::finding::{Finding, Report};
use crate::route::{Draft, PublicName};
use crate::values::listed;
use std::collections::BTreeMap;
use weir_config::{ModelPattern, ObjectName};
use weir_crds::Kind;

type Owners = BTreeMap<(ObjectName, ModelPattern), ObjectName>;

/// Takes from every route the names that an older one of its gateway claims.
pub(crate) fn award(routes: &mut [Draft<'_>], findings: &mut Vec<Finding>) {
    routes.sort_by(|a, b| a.node.seniority().cmp(&b.node.seniority()));
    let mut owners = Owners::new();
    for route in routes {
        let Some(gateway) = route.gateway.clone() else { continue };
        let name = &route.node.name;
        let mut lost = Vec::new();
        route.names.retain(|claim| {
            let place = (gateway.clone(), claim.pattern.clone());
            let owner = owners.entry(place).or_insert_with(|| name.clone());
            if owner != name {
                lost.push((claim.clone(), owner.clone()));
            }
            owner == name
        });
        findings.extend(report(route, &gateway, &lost).into_findings());
    }
}

fn report(route: &Draft<'_>, gateway: &ObjectName, lost: &[(PublicName, ObjectName)]) -> Report {
    let mut report = Report::on(Kind::Route, &route.node.name);
    let kept: Vec<&ModelPattern> = route.names.iter().map(|claim| &claim.pattern).collect();
    let rest = if kept.is_empty() {
        "this route has no other name, so it is left out".to_owned()
    } else {
        format!("this route still answers to {}", listed(&kept))
    };
    for (claim, owner) in lost {
        let message = format!(
            "{} belongs to LLMRoute {owner}, the oldest of LLMGateway {gateway} to claim it; {rest}; rename \
             one of the two",
            claim.pattern
        );
        report.add(Code::ModelNameConflict, claim.field.as_str(), message);
    }
    report
}
