//! Cluster DNS: a process of the node, so that it needs no image and is there before any pod.

use super::READY;
use crate::pki::NODE_IP;
use crate::plane::Plane;
use crate::process::Process;
use crate::wait;
use anyhow::Result;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

/// Starts it and waits until it listens, which it does only when it knows the services. Other names than the
/// cluster's don't exist.
pub(super) async fn start(plane: &Plane, program: &Path) -> Result<()> {
    let corefile = plane.work.write("Corefile", &corefile(plane))?;
    let mut dns = Command::new(program);
    dns.arg("-conf").arg(corefile);
    plane.keep(Process::run("dns", dns, plane.work.log("dns"))?);
    wait::until("cluster DNS listens", READY, async || {
        plane.check()?;
        Ok(TcpStream::connect((NODE_IP, 53)).ok())
    })
    .await?;
    Ok(())
}

fn corefile(plane: &Plane) -> String {
    let kubeconfig = plane.kubeconfig_path();
    format!(
        ".:53 {{
  bind {NODE_IP}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {}
  }}
  cache 5
}}
",
        kubeconfig.display()
    )
}
