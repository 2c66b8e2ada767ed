//! kube-proxy: services' addresses, as rules of iptables in the cluster's namespace.

use crate::pki::{NODE_IP, NODE_NAME};
use crate::plane::Plane;
use anyhow::Result;
use serde_json::json;

pub(super) fn start(plane: &Plane) -> Result<()> {
    let kubeconfig = plane.work.write("proxy.kubeconfig", &plane.kubeconfig_of(&plane.pki.proxy))?;
    let configuration = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": { "kubeconfig": kubeconfig },
        "clusterCIDR": super::PODS,
        "hostnameOverride": NODE_NAME,
        "bindAddress": NODE_IP,
        // Limits of conntrack are the machine's, and stay as they are.
        "conntrack": { "maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s" },
        // At once; by default a change of pods waits up to a second.
        "iptables": { "minSyncPeriod": "0s" },
    });
    let file = plane.work.write("proxy.json", &configuration.to_string())?;
    plane.keep(plane.process("kube-proxy", &[format!("--config={}", file.display())])?);
    Ok(())
}
