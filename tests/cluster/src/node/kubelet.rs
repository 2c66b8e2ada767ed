//! The kubelet. Its configuration is what any cluster sets, but for what is said here.

use super::containerd::SOCKET;
use crate::pki::{NODE_IP, NODE_NAME};
use crate::plane::Plane;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// Pods' volumes: on a tmpfs, private to the cluster's namespaces.
const ROOT: &str = "/run/weir-kubelet";

/// What it reads, and what the API server reads to call it.
pub(super) fn write_files(plane: &Plane, cgroup: &str) -> Result<()> {
    let (work, pki) = (&plane.work, &plane.pki);
    for (name, text) in [
        ("kubelet.crt", &pki.kubelet.cert),
        ("kubelet.key", &pki.kubelet.key),
        ("kubelet-client.crt", &pki.kubelet_client.cert),
        ("kubelet-client.key", &pki.kubelet_client.key),
        ("kubelet.kubeconfig", &plane.kubeconfig_of(&pki.node)),
        // Nobody outside is asked for names.
        ("resolv.conf", &"nameserver 127.0.0.1\n".to_owned()),
        ("kubelet.json", &configuration(work.path(), cgroup).to_string()),
    ] {
        work.write(name, text)?;
    }
    Ok(())
}

pub(super) fn start(plane: &Plane) -> Result<()> {
    let file = |name: &str| plane.work.path().join(name).display().to_string();
    let flags = [
        format!("--config={}", file("kubelet.json")),
        format!("--kubeconfig={}", file("kubelet.kubeconfig")),
        format!("--hostname-override={NODE_NAME}"),
        format!("--node-ip={NODE_IP}"),
        format!("--root-dir={ROOT}"),
    ];
    plane.keep(plane.process("kubelet", &flags)?);
    Ok(())
}

fn configuration(work: &Path, cgroup: &str) -> Value {
    let file = |name: &str| work.join(name).display().to_string();
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        // The first version of control groups still does.
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{cgroup}"),
        "failSwapOn": false,
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": file("ca.crt") },
        },
        "authorization": { "mode": "Webhook" },
        "tlsCertFile": file("kubelet.crt"),
        "tlsPrivateKeyFile": file("kubelet.key"),
        "clusterDNS": [NODE_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": file("resolv.conf"),
        "podLogsDir": file("logs/pods"),
        "volumePluginDir": format!("{ROOT}/plugins"),
        // A full disk is the machine's business: no pod is evicted, no image removed.
        "evictionHard": {
            "memory.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "oomScoreAdj": 0,
        // How late a changed ConfigMap or Secret may reach a mounted volume; a minute by default.
        "syncFrequency": "5s",
        "nodeStatusUpdateFrequency": "5s",
    })
}
