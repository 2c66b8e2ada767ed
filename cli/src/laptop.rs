//! What differs on a laptop: the gateway that nobody wrote a manifest for.
//!
//! Where the manifests have no LLMGateway of the name, one is implied; where they have one, what it says stands
//! and only what it leaves open differs from a cluster: answers tell all that they know (disclosure Full),
//! providers may be on this machine, and nobody waits for a load balancer to notice the end.

use crate::args::GatewayName;
use crate::manifest::{Id, What, World};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use weir_config::ObjectName;
use weir_crds::{API_VERSION, Kind, LLMGateway, validate};

/// Whether `id` is the LLMGateway that `wanted` names.
pub(crate) fn is_wanted(wanted: &GatewayName, id: &Id) -> bool {
    id.what == What::Ours(Kind::Gateway)
        && id.name.name == wanted.name
        && wanted.namespace.as_ref().is_none_or(|namespace| *namespace == id.name.namespace)
}

/// Fills in what an LLMGateway leaves open, before the schema's defaults do.
pub(crate) fn adjust(gateway: &mut Value) {
    default_at(gateway, &["spec", "listener"], "disclosure", json!("Full"));
    default_at(gateway, &["spec", "listener"], "removalDelay", json!("0s"));
    default_at(gateway, &["spec", "egress"], "allowPrivate", json!(["127.0.0.0/8", "::1/128"]));
}

/// Sets `field` of the object at `path`, unless it is there. What is no object is left for the schema to refuse.
fn default_at(object: &mut Value, path: &[&str], field: &str, value: Value) {
    let mut here = object;
    for step in path {
        let Value::Object(fields) = here else { return };
        let below = fields.entry(*step).or_insert(Value::Null);
        if below.is_null() {
            *below = Value::Object(Map::new());
        }
        here = below;
    }
    if let Value::Object(fields) = here {
        let there = fields.entry(field).or_insert(Value::Null);
        if there.is_null() {
            *there = value;
        }
    }
}

/// The gateway's full name. Without a namespace it is where an LLMGateway of that name is, else where all routes
/// and keys look for it; with several or none of these: `default`.
pub(crate) fn full_name(wanted: &GatewayName, world: &World) -> ObjectName {
    let only = |namespaces: BTreeSet<&str>| match namespaces.into_iter().collect::<Vec<_>>().as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    };
    let declared = || {
        let gateways = world.all(What::Ours(Kind::Gateway)).filter(|(id, _)| is_wanted(wanted, id));
        only(gateways.map(|(id, _)| id.name.namespace.as_str()).collect())
    };
    let attached = || only(wanted_in(world, &wanted.name).collect());
    let namespace = wanted.namespace.clone().or_else(declared).or_else(attached);
    ObjectName::new(namespace.unwrap_or_else(|| "default".to_owned()), wanted.name.as_str())
}

/// Whether the manifests have this LLMGateway.
pub(crate) fn is_declared(world: &World, name: &ObjectName) -> bool {
    world.objects.contains_key(&Id { what: What::Ours(Kind::Gateway), name: name.clone() })
}

/// The namespaces in which routes and keys look for a gateway called `gateway`.
pub(crate) fn wanted_in<'w>(world: &'w World, gateway: &'w str) -> impl Iterator<Item = &'w str> {
    let all = |kind| world.all(What::Ours(kind));
    all(Kind::Route).chain(all(Kind::Key)).filter_map(move |(id, held)| {
        let named = |field| held.value.pointer("/spec/gatewayRef")?.get(field)?.as_str();
        (named("name")? == gateway).then(|| named("namespace").unwrap_or(&id.name.namespace))
    })
}

/// The gateway that is implied under this name. It serves whoever names it: that it does not is for a manifest to say.
pub(crate) fn implied(name: &ObjectName) -> Option<LLMGateway> {
    let mut gateway = json!({
        "apiVersion": API_VERSION,
        "kind": Kind::Gateway.name(),
        "metadata": { "name": name.name, "namespace": name.namespace },
        "spec": { "allowedNamespaces": { "routes": { "from": "All" }, "keys": { "from": "All" } } },
    });
    adjust(&mut gateway);
    validate::apply_defaults(Kind::Gateway, &mut gateway);
    serde_json::from_value(gateway).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_config::Disclosure;

    #[test]
    fn s10_4_the_implied_gateway_allows_loopback_and_nothing_else() {
        let spec = implied(&ObjectName::new("team-a", "default")).unwrap().spec;
        assert_eq!(spec.listener.disclosure, Disclosure::Full);
        assert_eq!(spec.listener.removal_delay.0, "0s");
        assert_eq!(spec.listener.drain_timeout.0, "300s");
        assert_eq!(spec.egress.unwrap().allow_private, ["127.0.0.0/8", "::1/128"]);
    }

    #[test]
    fn what_a_gateway_says_stands() {
        let mut gateway = json!({ "spec": { "listener": { "disclosure": "None", "removalDelay": null }, "egress": { "allowPrivate": [] } } });
        adjust(&mut gateway);
        let spec = json!({ "listener": { "disclosure": "None", "removalDelay": "0s" }, "egress": { "allowPrivate": [] } });
        assert_eq!(gateway["spec"], spec);
        let mut nonsense = json!({ "spec": "x" });
        adjust(&mut nonsense);
        assert_eq!(nonsense, json!({ "spec": "x" }));
    }
}
