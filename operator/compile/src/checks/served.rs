//! Allowed models that no route of the gateway serves: a wave that is still to come, or a typing error. Never
//! more than a remark: a key does not wait for routes.

use crate::codes::Code;
use crate::finding::{Finding, Report};
use crate::key;
use crate::values::{is_allowed_pattern, quoted};
use std::collections::BTreeMap;
use weir_config::{ModelPattern, ObjectName, Route, Snapshot};
use weir_crds::Kind;

/// Says on each key which of its `allowedModels` open nothing yet.
pub(crate) fn check(
    snapshots: &BTreeMap<ObjectName, Snapshot>,
    keys: &[key::Draft<'_>],
    findings: &mut Vec<Finding>,
) {
    for key in keys {
        let Some(snapshot) = key.gateway.as_ref().and_then(|gateway| snapshots.get(gateway)) else {
            continue;
        };
        let mut report = Report::on(Kind::Key, &key.node.name);
        for (index, text) in key.node.object.spec.allowed_models.iter().enumerate() {
            if is_allowed_pattern(text) && !is_served(snapshot, &ModelPattern::from(text.clone())) {
                let message = format!(
                    "no LLMRoute of LLMGateway {} serves {}; create one, or correct the name",
                    snapshot.gateway.name,
                    quoted(text)
                );
                report.add(Code::ModelNotServed, format!("spec.allowedModels[{index}]"), message);
            }
        }
        findings.extend(report.into_findings());
    }
}

fn is_served(snapshot: &Snapshot, allowed: &ModelPattern) -> bool {
    let serves = |route: &Route| {
        overlap(&route.model, allowed) || route.aliases.iter().any(|alias| allowed.matches(&alias.name))
    };
    snapshot.routes.iter().any(|route| serves(route))
}

/// Whether some name is covered by both.
fn overlap(one: &ModelPattern, other: &ModelPattern) -> bool {
    match (one, other) {
        (ModelPattern::Exact(name), pattern) | (pattern, ModelPattern::Exact(name)) => pattern.matches(name),
        (ModelPattern::Prefix(a), ModelPattern::Prefix(b)) => {
            a.starts_with(b.as_str()) || b.starts_with(a.as_str())
        }
    }
}
