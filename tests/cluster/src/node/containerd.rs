//! containerd of our own: Debian's program with our configuration, not Debian's service.

use super::{READY, command};
use crate::plane::Plane;
use crate::process::Process;
use crate::wait;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

/// In a folder that is private to the cluster's namespaces.
pub(super) const SOCKET: &str = "/run/containerd/containerd.sock";
/// Where the images' and containers' files are: overlays can't lie on another overlay, and a machine's disk may be one.
const ROOT: &str = "/run/weir-containerd";
/// Where CNI plugins are in Debian, and in most other places.
pub(super) const PLUGINS: [&str; 2] = ["/usr/lib/cni", "/opt/cni/bin"];

/// Starts it and waits until it answers.
pub(super) async fn start(plane: &Plane) -> Result<()> {
    let network = plane.work.path().join("cni");
    fs::create_dir_all(&network).context("create a folder for the pods' network")?;
    plane.work.write("cni/10-test.conflist", &pods_network())?;
    let configuration = plane.work.write("containerd.toml", &configuration(&network))?;
    let mut containerd = Command::new("containerd");
    containerd.arg("--config").arg(configuration);
    plane.keep(Process::run("containerd", containerd, plane.work.log("containerd"))?);
    wait::until("containerd answers", READY, async || {
        plane.check()?;
        Ok(command::output(ctr(&["version"]), READY).await.ok())
    })
    .await?;
    Ok(())
}

/// `ctr` for it.
pub(super) fn ctr(arguments: &[&str]) -> Command {
    let mut ctr = Command::new("ctr");
    ctr.args(["--address", SOCKET]).args(arguments);
    ctr
}

/// Without what wants the rights of a whole machine: other snapshotters, AppArmor, lower scores for the OOM killer.
fn configuration(network: &Path) -> String {
    let plugins = PLUGINS.iter().find(|folder| Path::new(folder).exists()).unwrap_or(&"/usr/lib/cni");
    let (network, sandbox) = (network.display(), super::images::PAUSE);
    format!(
        r#"version = 2
root = "{ROOT}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{sandbox}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{network}"
"#
    )
}

/// One bridge; pods reach themselves through their service, and the node.
fn pods_network() -> String {
    json!({ "cniVersion": "0.4.0", "name": "test", "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": true,
            "hairpinMode": true,
            "ipMasq": false,
            "ipam": {
                "type": "host-local",
                "ranges": [[{ "subnet": super::PODS }]],
                "routes": [{ "dst": "0.0.0.0/0" }],
            },
        },
        { "type": "portmap", "capabilities": { "portMappings": true } },
    ]})
    .to_string()
}
