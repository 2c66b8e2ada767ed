//! A gateway's pods: who is ready, who is going, and where each says what it runs.

use crate::names::{ADMIN_PORT, DEFAULT_ADMIN_PORT, GATEWAY_LABEL};
use crate::watch::{Picture, Trouble, is_ready, trouble};
use k8s_openapi::api::core::v1::Pod;
use std::net::{IpAddr, SocketAddr};
use weir_config::ObjectName;

/// One pod of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayPod {
    /// The pod's identity: a name can be taken again.
    pub uid: String,
    /// Its name, for people.
    pub name: String,
    /// Where its /status is; none before it has an address.
    pub admin: Option<SocketAddr>,
    /// Whether the kubelet calls it ready, and it stays.
    pub ready: bool,
    /// It has begun to go. It still serves: who is connected, and for a while who comes.
    pub leaving: bool,
}

/// The pods of `gateway` that serve or will, those that are leaving among them.
pub fn all(picture: &Picture, gateway: &ObjectName) -> Vec<GatewayPod> {
    let pods = picture.pods.all();
    pods.iter().filter(|pod| belongs(pod, gateway) && !is_over(pod)).map(|pod| read(pod)).collect()
}

/// The pods of `gateway` that have not begun to go.
pub fn of(picture: &Picture, gateway: &ObjectName) -> Vec<GatewayPod> {
    let mut pods = all(picture, gateway);
    pods.retain(|pod| !pod.leaving);
    pods
}

/// What the pods of `gateway` that are not ready say of it, each with its name.
pub fn troubles(picture: &Picture, gateway: &ObjectName) -> Vec<(String, Trouble)> {
    let pods = picture.pods.all();
    let staying = pods.iter().filter(|pod| belongs(pod, gateway) && !is_over(pod) && !is_leaving(pod));
    staying.filter_map(|pod| Some((pod.metadata.name.clone()?, trouble(pod)?))).collect()
}

fn belongs(pod: &Pod, gateway: &ObjectName) -> bool {
    let label = pod.metadata.labels.as_ref().and_then(|labels| labels.get(GATEWAY_LABEL));
    pod.metadata.namespace.as_ref() == Some(&gateway.namespace) && label == Some(&gateway.name)
}

fn is_leaving(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether all of its containers have ended for good.
fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn read(pod: &Pod) -> GatewayPod {
    let address = pod.status.as_ref().and_then(|status| status.pod_ip.as_ref()?.parse::<IpAddr>().ok());
    GatewayPod {
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        admin: address.map(|address| SocketAddr::new(address, admin_port(pod))),
        ready: is_ready(pod) && !is_leaving(pod),
        leaving: is_leaving(pod),
    }
}

fn admin_port(pod: &Pod) -> u16 {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let named = ports.find(|port| port.name.as_deref() == Some(ADMIN_PORT));
    named.and_then(|port| u16::try_from(port.container_port).ok()).unwrap_or(DEFAULT_ADMIN_PORT)
}
