//! The network and the mounts of a cluster's namespaces. All of it is private to them and goes with them.

use super::command::run;
use crate::flags::SERVICES;
use crate::pki::NODE_IP;
use anyhow::{Context as _, Result};
use std::fs;

/// What containerd, CNI plugins and iptables keep: the pods' network namespaces, leases of addresses, a lock.
const STATE: [&str; 2] = ["/run", "/var/lib/cni"];

/// Once per namespace.
pub(super) fn prepare() -> Result<()> {
    for folder in STATE {
        fs::create_dir_all(folder).with_context(|| format!("create {folder}"))?;
        run("mount", &["-t", "tmpfs", "-o", "mode=755", "tmpfs", folder])?;
    }
    fs::create_dir_all("/run/lock").context("create /run/lock")?;
    let address = format!("{NODE_IP}/24");
    for line in [
        "link set lo up",
        // Some kernels have no type dummy.
        "link add node0 type veth peer name node0p",
        "link set node0p up",
        &format!("addr add {address} dev node0"),
        "link set node0 up",
        // A connect to a service's address needs a route before kube-proxy's rules see it. There is no default route:
        // whatever else is called is unreachable at once.
        &format!("route add {SERVICES} dev node0"),
    ] {
        run("ip", &line.split(' ').collect::<Vec<_>>())?;
    }
    forward()
}

/// The second makes a service's pods reachable for pods of the same bridge.
fn forward() -> Result<()> {
    set("/proc/sys/net/ipv4/ip_forward")?;
    set("/proc/sys/net/bridge/bridge-nf-call-iptables")
        .context("does the kernel have br_netfilter? `modprobe br_netfilter` loads it")
}

fn set(path: &str) -> Result<()> {
    fs::write(path, "1").with_context(|| format!("write 1 to {path}"))
}
