//! How callers reach a gateway, and how many of its pods may go at once.

use super::{Owner, match_pods, meta, name, pod_selector};
use crate::watch::{Ingress, Picture};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;
use weir_compile::origin;
use weir_config::ObjectName;
use weir_crds::{LLMGateway, ServiceType};

/// The name of the port that callers connect to, in the Service and in the container.
pub(super) const HTTP: &str = "http";

pub(super) fn build(gateway: &LLMGateway, owner: &Owner) -> Service {
    let spec = &gateway.spec.service;
    Service {
        metadata: meta(owner, &spec.annotations),
        spec: Some(ServiceSpec {
            type_: Some(spec.type_.name().to_owned()),
            selector: Some(pod_selector(&owner.name.name)),
            ports: Some(vec![ServicePort {
                name: Some(HTTP.to_owned()),
                port: spec.port,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(HTTP.to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// A pod that is not ready anyhow is in nobody's way: else a gateway that cannot start would keep nodes from being
/// drained.
pub(super) fn disruption_budget(gateway: &LLMGateway, owner: &Owner) -> Option<PodDisruptionBudget> {
    (gateway.spec.replicas >= 2).then(|| PodDisruptionBudget {
        metadata: meta(owner, &BTreeMap::new()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(match_pods(&owner.name.name)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    })
}

/// The port of a gateway's Service.
pub fn port(gateway: &LLMGateway) -> u16 {
    u16::try_from(gateway.spec.service.port).unwrap_or(weir_compile::DEFAULT_PORT)
}

/// Where callers find `gateway`: at its load balancer as soon as that has an address, else in the cluster.
pub fn address_of(picture: &Picture, gateway: &LLMGateway) -> String {
    let owner = super::owner(gateway);
    let (namespace, name) = (owner.name.namespace.as_str(), name(&owner.name.name));
    let service = picture.children.services.get(&ObjectName::new(namespace, name.as_str()));
    let ours = service.filter(|service| owner.owns(&service.meta));
    let is_balanced = gateway.spec.service.type_ == ServiceType::LoadBalancer;
    let ingress = ours.filter(|_| is_balanced).map(|service| service.state.clone()).unwrap_or_default();
    let in_cluster = || format!("{name}.{namespace}.svc");
    let Ingress(host) = ingress;
    origin(&host.unwrap_or_else(in_cluster), port(gateway))
}
