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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;
    use weir_config::{
        Disclosure, Egress, Endpoint, Gateway, Listener, ObjectName, OnAbort, Timeouts, Vendor,
    };

    /// Whether a provider at `host` is said to be out of reach of a gateway that allows `allowed`.
    fn is_refused(host: &str, allowed: &[&str]) -> bool {
        let name = ObjectName::new("default", "one");
        let listener = Listener {
            max_body_bytes: 1,
            drain_timeout: Duration::ZERO,
            removal_delay: Duration::ZERO,
            disclosure: Disclosure::Names,
        };
        let egress = Egress { allow_private: allowed.iter().map(|range| range.parse().unwrap()).collect() };
        let mut snapshot = Snapshot::empty(Gateway { name: name.clone(), listener, egress });
        let once = Duration::from_secs(1);
        snapshot.providers.push(Arc::new(Provider {
            name,
            vendor: Vendor::OpenAICompatible,
            backend: Backend::Http(Endpoint {
                tls: true,
                host: host.to_owned(),
                port: 443,
                base_path: String::new(),
            }),
            models: Vec::new(),
            timeouts: Timeouts {
                connect: once,
                first_byte: once,
                first_token: once,
                idle: once,
                total: once,
            },
            on_abort: OnAbort::Unknown,
            suspended: false,
        }));
        let mut findings = Vec::new();
        check(&snapshot, &mut findings);
        !findings.is_empty()
    }

    #[test]
    fn s10_4_a_literal_address_is_judged_as_the_gateway_judges_it() {
        assert!(is_refused("10.0.0.1", &[]) && !is_refused("10.0.0.1", &["10.0.0.0/8"]));
        assert!(!is_refused("llm.example", &[]) && !is_refused("8.8.8.8", &[]));
        assert!(!is_refused("64:ff9b::8.8.8.8", &[]), "behind NAT64 the address inside counts");
        assert!(is_refused("64:ff9b::10.0.0.1", &["64:ff9b::/96"]));
        assert!(!is_refused("64:ff9b::10.0.0.1", &["10.0.0.0/8"]));
        assert!(is_refused("64:ff9b:1::8.8.8.8", &["8.0.0.0/8"]));
    }
}
