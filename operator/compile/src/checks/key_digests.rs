//! Two keys of a gateway, one text: whose is a request that presents it? The oldest key's; the other loses that
//! text and keeps its others.

use crate::codes::Code;
use crate::finding::{Finding, Report};
use crate::key::Draft;
use std::collections::{BTreeMap, HashMap};
use weir_config::{Digest, ObjectName};
use weir_crds::Kind;

/// Takes from every key the texts that an older one of its gateway has, and those that it has twice.
pub(crate) fn award(keys: &mut [Draft<'_>], findings: &mut Vec<Finding>) {
    let mut by_age: Vec<&mut Draft<'_>> = keys.iter_mut().collect();
    by_age.sort_by(|a, b| a.node.seniority().cmp(&b.node.seniority()));
    let mut owners: BTreeMap<ObjectName, HashMap<Digest, ObjectName>> = BTreeMap::new();
    for key in by_age {
        let Some(gateway) = &key.gateway else { continue };
        let owners = owners.entry(gateway.clone()).or_default();
        let name = &key.node.name;
        let mut report = Report::on(Kind::Key, name);
        key.digests.retain(|sourced| {
            let Some(owner) = owners.get(&sourced.digest.sha256) else {
                owners.insert(sourced.digest.sha256, name.clone());
                return true;
            };
            let message = if owner == name {
                "the same digest stands before, and that entry applies; remove one of the two".to_owned()
            } else {
                format!(
                    "LLMKey {owner}, the oldest of LLMGateway {gateway} to have it, is the same key text, so it \
                     opens nothing here; give this key another text"
                )
            };
            report.add(Code::DuplicateKey, sourced.field.as_str(), message);
            false
        });
        findings.extend(report.into_findings());
    }
}
