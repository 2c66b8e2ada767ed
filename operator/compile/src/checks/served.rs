//! Allowed models that no route of the gateway serves: a wave that is still to come, or a typing error. Never
//! more than a remark: a key does not wait for routes.

use crate::codes::Code;
use crate::finding::{Finding, Report};
use crate::key;
use crate::values::{is_allowed_pattern, quoted};
use std::collections::{BTreeMap, BTreeSet};
use weir_config::{ModelPattern, ObjectName, Snapshot};
use weir_crds::Kind;

/// Says on each key which of its `allowedModels` open nothing yet.
pub(crate) fn check(
    snapshots: &BTreeMap<ObjectName, Snapshot>,
    keys: &[key::Draft<'_>],
    findings: &mut Vec<Finding>,
) {
    let served: BTreeMap<&ObjectName, Served<'_>> =
        snapshots.iter().map(|(gateway, snapshot)| (gateway, Served::by(snapshot))).collect();
    for key in keys {
        let Some((gateway, served)) = key.gateway.as_ref().and_then(|name| served.get_key_value(name)) else {
            continue;
        };
        let mut report = Report::on(Kind::Key, &key.node.name);
        for (index, text) in key.node.object.spec.allowed_models.iter().enumerate() {
            if is_allowed_pattern(text) && !served.has_some_of(text) {
                let message = format!(
                    "no LLMRoute of LLMGateway {gateway} serves {}; create one, or correct the name",
                    quoted(text)
                );
                report.add(Code::ModelNotServed, format!("spec.allowedModels[{index}]"), message);
            }
        }
        findings.extend(report.into_findings());
    }
}

/// The public names of a gateway, so that ten thousand keys need not look at a thousand routes each.
struct Served<'a> {
    names: BTreeSet<&'a str>,
    prefixes: BTreeSet<&'a str>,
}

impl<'a> Served<'a> {
    fn by(snapshot: &'a Snapshot) -> Self {
        let mut served = Self { names: BTreeSet::new(), prefixes: BTreeSet::new() };
        for route in &snapshot.routes {
            match &route.model {
                ModelPattern::Exact(name) => served.names.insert(name),
                ModelPattern::Prefix(prefix) => served.prefixes.insert(prefix),
            };
            served.names.extend(route.aliases.iter().map(|alias| alias.name.as_str()));
        }
        served
    }

    /// Whether some name is both allowed and served.
    fn has_some_of(&self, allowed: &str) -> bool {
        match allowed.strip_suffix('*') {
            None => self.names.contains(allowed) || self.covers(allowed),
            Some(prefix) => {
                begins(&self.names, prefix) || begins(&self.prefixes, prefix) || self.covers(prefix)
            }
        }
    }

    /// Whether a prefix that is served begins `text`.
    fn covers(&self, text: &str) -> bool {
        if self.prefixes.is_empty() {
            return false;
        }
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        ends.filter_map(|end| text.get(..end)).any(|start| self.prefixes.contains(start))
    }
}

/// Whether one of `texts` begins with `prefix`.
fn begins(texts: &BTreeSet<&str>, prefix: &str) -> bool {
    let from = (std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded);
    texts.range::<str, _>(from).next().is_some_and(|text| text.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern() -> impl Strategy<Value = ModelPattern> {
        "[ab]{0,4}\\*?".prop_map(ModelPattern::from)
    }

    proptest! {
        #[test]
        fn a_pattern_is_served_if_some_name_is_covered_by_it_and_by_a_route(
            routes in prop::collection::vec(pattern(), 0..4),
            allowed in pattern(),
        ) {
            let mut served = Served { names: BTreeSet::new(), prefixes: BTreeSet::new() };
            for route in &routes {
                match route {
                    ModelPattern::Exact(name) => served.names.insert(name),
                    ModelPattern::Prefix(prefix) => served.prefixes.insert(prefix),
                };
            }
            // Every text of up to five of these letters: longer ones are covered as their beginnings are.
            let texts = (0..6u32).flat_map(|length| {
                (0..2u32.pow(length)).map(move |bits| {
                    (0..length).map(|at| if bits >> at & 1 == 0 { 'a' } else { 'b' }).collect::<String>()
                })
            });
            let some = texts.filter(|text| allowed.matches(text)).any(|text| routes.iter().any(|route| route.matches(&text)));
            prop_assert_eq!(served.has_some_of(&allowed.to_string()), some);
        }
    }
}
