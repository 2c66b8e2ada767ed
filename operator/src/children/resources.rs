//! What a gateway's container takes of its node where the LLMGateway does not say.
//!
//! Memory: a gateway takes some 16 MiB at rest and 38 MiB with ten thousand keys (docs/reference/performance.md). Half
//! of the limit is for bodies: of 512 MiB that are eight of the longest at once. The other half has room for fifteen
//! thousand connections and the last good configuration, which is in memory, too. Processors have no limit: a gateway
//! that waits for its turn makes every stream wait.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Amount;
use std::collections::BTreeMap;
use weir_crds::{GatewayResources, Quantity};

const REQUESTS: [(&str, &str); 2] = [("cpu", "100m"), ("memory", "64Mi")];
const LIMITS: [(&str, &str); 1] = [("memory", "512Mi")];

/// A default gives way to what is given on the other side: nothing may be limited to less than is set aside.
pub(super) fn resources(spec: Option<&GatewayResources>) -> ResourceRequirements {
    let given = |side: fn(&GatewayResources) -> &Option<BTreeMap<String, Quantity>>| {
        spec.and_then(|spec| side(spec).as_ref())
            .map(|amounts| amounts.iter().map(|(name, amount)| (name.clone(), amount.to_string())).collect())
    };
    let (requests, limits): (Option<Amounts>, Option<Amounts>) =
        (given(|spec| &spec.requests), given(|spec| &spec.limits));
    let lower = |name: &str, default: &str| bounded(default, limits.as_ref(), name, |one, other| one > other);
    let higher =
        |name: &str, default: &str| bounded(default, requests.as_ref(), name, |one, other| one < other);
    let requested = requests.clone().unwrap_or_else(|| defaults(&REQUESTS, lower));
    let limited = limits.clone().unwrap_or_else(|| defaults(&LIMITS, higher));
    ResourceRequirements {
        requests: some(requested),
        limits: some(limited),
        ..ResourceRequirements::default()
    }
}

type Amounts = BTreeMap<String, String>;

fn defaults(all: &[(&str, &str)], bounded: impl Fn(&str, &str) -> String) -> Amounts {
    all.iter().map(|(name, default)| ((*name).to_owned(), bounded(name, default))).collect()
}

/// `default`, or what the other side gives where the default is beyond it.
fn bounded(
    default: &str,
    other: Option<&Amounts>,
    name: &str,
    is_beyond: impl Fn(f64, f64) -> bool,
) -> String {
    let given = other.and_then(|other| other.get(name));
    match given.filter(|given| is_beyond(value(default), value(given))) {
        Some(given) => given.clone(),
        None => default.to_owned(),
    }
}

/// For comparing only.
fn value(amount: &str) -> f64 {
    const UNITS: [(&str, f64); 11] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let with_unit = UNITS.iter().find_map(|(unit, scale)| Some((amount.strip_suffix(unit)?, *scale)));
    let (number, scale) = with_unit.unwrap_or((amount, 1.0));
    number.parse::<f64>().unwrap_or_default() * scale
}

fn some(amounts: Amounts) -> Option<BTreeMap<String, Amount>> {
    let amounts: BTreeMap<_, _> = amounts.into_iter().map(|(name, amount)| (name, Amount(amount))).collect();
    (!amounts.is_empty()).then_some(amounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(spec: Value) -> Value {
        let spec: GatewayResources = serde_json::from_value(spec).unwrap();
        serde_json::to_value(resources(Some(&spec))).unwrap()
    }

    #[test]
    fn a_side_that_is_not_given_has_its_default() {
        let both = json!({"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}});
        assert_eq!(of(json!({})), both);
        assert_eq!(serde_json::to_value(resources(None)).unwrap(), both);
        assert_eq!(of(json!({"requests": {}, "limits": {}})), json!({}));
        assert_eq!(of(json!({"requests": {"cpu": 2}}))["requests"], json!({"cpu": "2"}));
    }

    #[test]
    fn a_default_never_contradicts_what_is_given() {
        assert_eq!(of(json!({"requests": {"memory": "1Gi"}}))["limits"]["memory"], "1Gi");
        assert_eq!(of(json!({"requests": {"memory": "600M"}}))["limits"]["memory"], "600M");
        assert_eq!(of(json!({"requests": {"memory": "256Mi"}}))["limits"]["memory"], "512Mi");
        assert_eq!(of(json!({"limits": {"memory": "48Mi"}}))["requests"]["memory"], "48Mi");
        assert_eq!(
            of(json!({"limits": {"cpu": "0.05"}}))["requests"],
            json!({"cpu": "0.05", "memory": "64Mi"})
        );
        assert_eq!(of(json!({"limits": {"cpu": 4}}))["requests"]["cpu"], "100m");
    }
}
