//! A control plane's life: started in order, each part when the one before answers, stopped with SIGKILL.

use crate::kubeconfig::{self, User};
use crate::pki::{Pair, Pki};
use crate::ports::Ports;
use crate::process::Process;
use crate::work::WorkDir;
use crate::{binaries, flags, wait};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a part may take to answer; 4 s when nothing else runs.
const READY: Duration = Duration::from_secs(90);
/// How often other ports are tried when one was taken.
const STARTS: usize = 5;

/// A running control plane. Dropping it kills its processes and removes its folder; if this process is killed
/// before, they end by themselves.
pub struct Plane {
    // Dropped in this order: the folder goes when nobody writes there.
    api: Mutex<Option<Process>>,
    /// The controllers and the scheduler, while there is an API server.
    clients: Mutex<Vec<Process>>,
    others: Mutex<Vec<Process>>,
    binary: PathBuf,
    ports: Ports,
    pub(crate) pki: Pki,
    pub(crate) work: WorkDir,
}

impl Plane {
    /// Starts one; it is ready when this returns. Several at once don't meet.
    ///
    /// # Errors
    /// The binary can't be built ([`binaries::plane`]), or a part doesn't answer; then the error holds the logs' ends.
    pub async fn start() -> Result<Self> {
        Self::start_on(Ports::find).await
    }

    /// Tries other ports when one was taken in between.
    async fn start_on(mut ports: impl FnMut() -> Result<Ports>) -> Result<Self> {
        // Whoever was first has set the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let binary = tokio::task::spawn_blocking(binaries::plane).await.context("build")??;
        let mut left = STARTS;
        loop {
            left -= 1;
            let plane = Self::prepare(binary.clone(), ports()?, WorkDir::create()?)?;
            match plane.run().await {
                Ok(()) => return Ok(plane),
                Err(_) if left > 0 && plane.tails().contains("address already in use") => {}
                Err(error) => return Err(error.context(plane.tails())),
            }
        }
    }

    /// Nothing runs yet.
    pub(crate) fn prepare(binary: PathBuf, ports: Ports, work: WorkDir) -> Result<Self> {
        let (api, clients, others) = Default::default();
        let plane = Self { api, clients, others, binary, ports, pki: Pki::new()?, work };
        plane.write_files()?;
        Ok(plane)
    }

    fn write_files(&self) -> Result<()> {
        let Self { work, pki, .. } = self;
        let kubeconfig = |pair| self.kubeconfig_of(pair);
        for (name, text) in [
            ("ca.crt", &pki.ca),
            ("server.crt", &pki.server.cert),
            ("server.key", &pki.server.key),
            ("accounts.pub", &pki.accounts.cert),
            ("accounts.key", &pki.accounts.key),
            ("admin.kubeconfig", &kubeconfig(&pki.admin)),
            ("controllers.kubeconfig", &kubeconfig(&pki.controllers)),
            ("scheduler.kubeconfig", &kubeconfig(&pki.scheduler)),
            ("audit-policy.yaml", &flags::AUDIT_POLICY.to_owned()),
        ] {
            work.write(name, text)?;
        }
        Ok(())
    }

    pub(crate) fn kubeconfig_of(&self, pair: &Pair) -> String {
        kubeconfig::text(&self.url(), Some(&self.pki.ca), &User::Pair(pair))
    }

    /// Starts all of it; it is ready when this returns.
    pub(crate) async fn run(&self) -> Result<()> {
        let work = self.work.path();
        if self.work.is_ours() {
            // First, or a kill in between would leave the folder.
            self.keep(self.process("sweep", &[work.display().to_string()])?);
        }
        self.keep(self.process("etcd", &flags::etcd(work, &self.ports))?);
        wait::until("etcd listens", READY, async || {
            self.check()?;
            Ok(std::net::TcpStream::connect(("127.0.0.1", self.ports.etcd)).ok())
        })
        .await?;
        self.run_api_server().await
    }

    /// Kills the API server; its data stays, and what the controllers want waits. For a plane of a test's own.
    ///
    /// The controllers end with it, as real ones do that cannot renew their Lease. Ours have none, and one that went on
    /// would try again less and less often: its garbage collector may still be waiting a minute after the return.
    pub fn stop_api_server(&self) {
        self.api().take();
        self.clients().clear();
    }

    /// Starts the API server, on the port it had before, and then the controllers; waits until it is ready. Does nothing
    /// if it runs.
    ///
    /// # Errors
    /// It doesn't become ready; then the error holds the logs' ends.
    pub async fn start_api_server(&self) -> Result<()> {
        self.run_api_server().await.with_context(|| self.tails())
    }

    async fn run_api_server(&self) -> Result<()> {
        let work = self.work.path();
        if self.api().is_none() {
            *self.api() = Some(self.process("kube-apiserver", &flags::api_server(work, &self.ports))?);
        }
        wait::until("the API server is ready", READY, async || {
            self.check()?;
            Ok(self.is_ready().await.then_some(()))
        })
        .await?;
        if self.clients().is_empty() {
            let controllers = self.process("kube-controller-manager", &flags::controllers(work))?;
            self.clients().extend([controllers, self.process("kube-scheduler", &flags::scheduler(work))?]);
        }
        self.check()
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut config) = self.admin_config() else { return false };
        config.default_retry = false;
        // Whoever listens there may be another, and silent.
        config.connect_timeout = Some(Duration::from_secs(2));
        config.read_timeout = Some(Duration::from_secs(10));
        let Ok(client) = kube::Client::try_from(config) else { return false };
        let Ok(request) = http::Request::get("/readyz").body(Vec::new()) else { return false };
        client.request_text(request).await.is_ok()
    }

    pub(crate) fn process(&self, role: &'static str, flags: &[String]) -> Result<Process> {
        Process::start(&self.binary, role, flags, self.work.log(role))
    }

    /// Looks after `process`, and kills it when it is itself dropped.
    pub(crate) fn keep(&self, process: Process) {
        self.others().push(process);
    }

    /// # Errors
    /// A part has ended by itself.
    pub(crate) fn check(&self) -> Result<()> {
        let (mut others, mut clients, mut api) = (self.others(), self.clients(), self.api());
        others.iter_mut().chain(clients.iter_mut()).chain(api.as_mut()).try_for_each(Process::check)
    }

    /// The last lines of every part's log, for a failure's message.
    pub fn tails(&self) -> String {
        let (others, clients, api) = (self.others(), self.clients(), self.api());
        let all = others.iter().chain(clients.iter()).chain(api.as_ref());
        all.map(Process::tail).collect::<Vec<_>>().join("\n")
    }

    fn api(&self) -> MutexGuard<'_, Option<Process>> {
        self.api.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> MutexGuard<'_, Vec<Process>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn others(&self) -> MutexGuard<'_, Vec<Process>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the API server is: `https://127.0.0.1:<port>`, or on the node's address if there is one.
    pub fn url(&self) -> String {
        format!("https://{}:{}", self.ports.host, self.ports.api)
    }

    /// The certificate that vouches for the API server.
    pub fn ca_pem(&self) -> &str {
        &self.pki.ca
    }

    /// A kubeconfig of somebody who may do everything.
    pub fn kubeconfig_path(&self) -> PathBuf {
        self.work.path().join("admin.kubeconfig")
    }

    /// Every call to the API server so far, with who made it: a JSON `audit.k8s.io/v1` Event per line, level Metadata.
    pub fn audit_log(&self) -> PathBuf {
        self.work.path().join("logs/audit.log")
    }

    /// The plane's own folder, for whatever should go with it.
    pub fn work_dir(&self) -> &Path {
        self.work.path()
    }

    /// The binary that is every process of the plane, and kubectl; the first argument is the role.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// kubectl as somebody who may do everything.
    pub fn kubectl(&self) -> std::process::Command {
        let mut kubectl = std::process::Command::new(&self.binary);
        kubectl.arg("kubectl").env("KUBECONFIG", self.kubeconfig_path());
        kubectl.env("KUBECACHEDIR", self.work.path().join("kubectl-cache"));
        kubectl
    }
}

#[cfg(all(test, feature = "cluster"))]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[tokio::test]
    async fn a_port_that_was_taken_in_between_is_changed() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = taken.local_addr().map(|address| (taken, address.port())).unwrap();
        let mut found = Vec::new();
        let ports = || {
            let mut ports = Ports::find()?;
            match found.len() {
                0 => ports.etcd = taken.1,
                1 => ports.etcd_peer = taken.1,
                2 => ports.api = taken.1,
                _ => {}
            }
            found.push(ports.api);
            Ok(ports)
        };
        let plane = Plane::start_on(ports).await.unwrap();
        assert_eq!(found.len(), 4);
        assert!(plane.url().ends_with(&format!(":{}", found[3])), "{}", plane.url());
    }
}
