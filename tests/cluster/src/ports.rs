//! Free ports of loopback, below the range from which the kernel gives ports to outgoing connections: a port from
//! there may be taken again between our look and the listener's, and also while an API server is stopped for a test.

use anyhow::{Result, bail};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

const RANGE: Range<u16> = 12_000..32_000;

/// Where a plane listens. Ports that were free a moment ago: whoever listens must still cope with one that was taken
/// since.
pub(crate) struct Ports {
    /// The API server's address; etcd is on loopback in any case.
    pub(crate) host: Ipv4Addr,
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) api: u16,
}

impl Ports {
    pub(crate) fn find() -> Result<Self> {
        // Held until all are found, or one could be found twice.
        let (etcd, first) = free()?;
        let (etcd_peer, second) = free()?;
        let (api, third) = free()?;
        drop([first, second, third]);
        Ok(Self { host: Ipv4Addr::LOCALHOST, etcd, etcd_peer, api })
    }

    /// The usual ones, for whoever has a network to itself; the API server is at `host`, which pods can reach.
    pub(crate) fn usual(host: Ipv4Addr) -> Self {
        Self { host, etcd: 2379, etcd_peer: 2380, api: 6443 }
    }
}

/// By chance, so that planes which start at the same moment rarely look at the same port.
fn free() -> Result<(u16, TcpListener)> {
    for _ in 0..1000 {
        let random = u16::try_from(getrandom::u32()? % u32::from(RANGE.end - RANGE.start))?;
        let port = RANGE.start + random;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok((port, listener));
        }
    }
    bail!("no free port of loopback in {RANGE:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ports_are_different_and_can_be_listened_on() {
        let ports = Ports::find().unwrap();
        let ports = [ports.etcd, ports.etcd_peer, ports.api];
        assert!(ports.iter().all(|port| RANGE.contains(port)));
        // A process that another test starts holds our listeners between its fork and its exec.
        let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
        let all = async || Ok(ports.map(listen).into_iter().collect::<Option<Vec<_>>>());
        let listeners = crate::wait::until("the ports are free", std::time::Duration::from_secs(10), all);
        assert_eq!(listeners.await.unwrap().len(), ports.len());
    }
}
