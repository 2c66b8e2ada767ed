//! A node: what runs pods. containerd, kubelet, kube-proxy and cluster DNS beside a control plane, in namespaces of
//! their own ([`inside`]), so that nothing of the machine changes and nothing stays.
//!
//! The network is the same in every cluster: the node is 10.99.0.1, where the API server and DNS are, pods are in
//! 10.88.0.0/24, services in 10.96.0.0/16. Anything else is unreachable, at once.

mod cgroups;
mod command;
mod containerd;
mod dns;
pub mod images;
pub mod init;
pub mod inside;
mod kubelet;
mod need;
mod network;
pub mod pods;
mod proxy;
mod rights;
pub mod supervisor;

use crate::pki::{NODE_IP, NODE_NAME};
use crate::plane::Plane;
use crate::ports::Ports;
use crate::work::WorkDir;
use crate::{binaries, wait};
use anyhow::{Context as _, Result};
use inside::Place;
use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::Api;
pub use need::all as check_machine;
use std::path::PathBuf;
use std::time::Duration;

/// Pods' addresses.
const PODS: &str = "10.88.0.0/24";
/// How long a part may take to answer; 5 s for all of them when nothing else runs.
const READY: Duration = Duration::from_secs(90);

/// A control plane with a node that runs pods. It ends with the namespaces it is in, or when dropped.
pub struct Node {
    /// The control plane.
    pub plane: Plane,
}

impl Node {
    /// Starts one; it is ready when this returns. Once per process that runs [`inside`], for addresses are fixed.
    ///
    /// # Errors
    /// This process isn't inside; a program can't be built; a part doesn't answer, and then the error holds the
    /// logs' ends.
    pub async fn start() -> Result<Self> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let place = Place::here()?;
        let programs = tokio::task::spawn_blocking(Programs::built).await.context("build")??;
        network::prepare()?;
        cgroups::create(&place.cgroup)?;
        let plane =
            Plane::prepare(programs.plane, Ports::usual(NODE_IP), WorkDir::of_another(place.work.clone()))?;
        let node = Self { plane };
        let started = node.run(&place, &programs.dns, &programs.archives).await;
        started.with_context(|| node.plane.tails())?;
        Ok(node)
    }

    async fn run(&self, place: &Place, dns: &std::path::Path, archives: &[PathBuf]) -> Result<()> {
        let plane = &self.plane;
        kubelet::write_files(plane, &place.cgroup)?;
        let images = async {
            containerd::start(plane).await?;
            for archive in archives {
                images::import(archive).await?;
            }
            Ok(())
        };
        tokio::try_join!(images, plane.run())?;
        rights::grant_api_server(&plane.admin()?).await?;
        proxy::start(plane)?;
        kubelet::start(plane)?;
        dns::start(plane, dns).await?;
        self.until_ready().await
    }

    /// Imports Weir's images ([`images::weir`]); they are then `test.local/weir-operator` and `test.local/weir-gateway`
    /// with the version of this crate as their tag.
    ///
    /// # Errors
    /// They aren't there.
    pub async fn import_weir(&self) -> Result<()> {
        let folder = self.plane.work_dir().to_owned();
        let archives =
            tokio::task::spawn_blocking(move || images::weir(&folder)).await.context("images")??;
        for archive in archives {
            images::import(&archive).await?;
        }
        Ok(())
    }

    async fn until_ready(&self) -> Result<()> {
        let nodes: Api<NodeObject> = Api::all(self.plane.admin()?);
        wait::until("the node is ready", READY, async || {
            self.plane.check()?;
            let node = nodes.get_opt(NODE_NAME).await?;
            let conditions = node.and_then(|node| node.status?.conditions).unwrap_or_default();
            let ready = |condition: &_| is_true(condition);
            Ok(conditions.iter().any(ready).then_some(()))
        })
        .await
    }
}

fn is_true(condition: &k8s_openapi::api::core::v1::NodeCondition) -> bool {
    condition.type_ == "Ready" && condition.status == "True"
}

/// What is built before anything starts: it may take minutes.
struct Programs {
    plane: PathBuf,
    dns: PathBuf,
    archives: Vec<PathBuf>,
}

impl Programs {
    fn built() -> Result<Self> {
        Ok(Self { plane: binaries::plane()?, dns: binaries::dns()?, archives: images::archives()? })
    }
}
