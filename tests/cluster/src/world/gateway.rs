//! A gateway process and the Pod object that stands for it: without a kubelet, the test is the kubelet.

use super::operator::free_address;
use super::process::{Process, binary};
use super::{SOON, rbac};
use crate::{Plane, wait};
use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// A running gateway.
pub struct Gateway {
    /// The process.
    pub process: Process,
    /// Its Pod's name.
    pub pod: String,
    /// Where callers connect.
    pub data: SocketAddr,
    /// Where /status is.
    pub admin: SocketAddr,
    state: PathBuf,
    kubeconfig: PathBuf,
    gateway: String,
}

impl Gateway {
    /// Who a process of `gateway` is to the API server. Not who the operator makes for pods: a process may be there
    /// before the operator is.
    pub fn account(gateway: &str) -> String {
        format!("{gateway}-process")
    }

    /// Starts a gateway for `namespace/gateway` at `host` (127.0.0.2, ...), with the rights of a gateway's pod, and
    /// makes its Pod.
    pub async fn start(plane: &Plane, namespace: &str, gateway: &str, host: &str) -> Result<Self> {
        let client = plane.admin()?;
        let account = Self::account(gateway);
        rbac::account(&client, namespace, &account).await?;
        let rules = weir_operator::rbac::gateway_rules(gateway);
        rbac::grant(&client, namespace, &account, (namespace, &account), &rules).await?;
        let pod = format!("{gateway}-{}", host.replace('.', "-"));
        let state = plane.work_dir().join(format!("state-{namespace}-{pod}"));
        std::fs::create_dir_all(&state)?;
        let kubeconfig = plane.kubeconfig_for(&plane.token(namespace, &account).await?)?;
        let (data, admin) = (free_address(host)?, free_address(host)?);
        let gateway = format!("{namespace}/{gateway}");
        let process = spawn(plane, &gateway, (data, admin), &state, &kubeconfig)?;
        let started = Self { process, pod, data, admin, state, kubeconfig, gateway };
        started.make_pod(plane).await?;
        Ok(started)
    }

    /// Starts the process anew, as a kubelet restarts a container: the same pod, the same emptyDir.
    pub fn restart(&mut self, plane: &Plane) -> Result<()> {
        self.process.kill();
        self.process = spawn(plane, &self.gateway, (self.data, self.admin), &self.state, &self.kubeconfig)?;
        Ok(())
    }

    /// Starts the process anew with another kubeconfig.
    pub fn call_through(&mut self, plane: &Plane, kubeconfig: PathBuf) -> Result<()> {
        self.kubeconfig = kubeconfig;
        self.restart(plane)
    }

    /// Waits until it serves, and says so of its pod.
    pub async fn ready(&mut self, plane: &Plane) -> Result<()> {
        wait::until("the gateway is ready", SOON, async || {
            if let Some(status) = self.process.ended()? {
                bail!("the gateway ended: {status}\n{}", self.process.output());
            }
            let answer = reqwest::get(format!("http://{}/readyz", self.admin)).await;
            Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await?;
        self.say_ready(plane, true).await
    }

    /// What a kubelet says of a pod.
    pub async fn say_ready(&self, plane: &Plane, ready: bool) -> Result<()> {
        let ready = if ready { "True" } else { "False" };
        let status = json!({ "status": {
            "phase": "Running",
            "podIP": self.admin.ip().to_string(),
            "podIPs": [{ "ip": self.admin.ip().to_string() }],
            "conditions": [{ "type": "Ready", "status": ready }],
        }});
        self.pods(plane)?.patch_status(&self.pod, &PatchParams::default(), &Patch::Merge(&status)).await?;
        Ok(())
    }

    /// The pods of its namespace.
    pub fn pods(&self, plane: &Plane) -> Result<Api<Pod>> {
        let namespace = self.gateway.split('/').next().unwrap_or_default();
        Ok(Api::namespaced(plane.admin()?, namespace))
    }

    async fn make_pod(&self, plane: &Plane) -> Result<()> {
        let name = self.gateway.split('/').nth(1).unwrap_or_default();
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": self.pod, "labels": { "weir.dev/gateway": name } },
            "spec": { "containers": [{
                "name": "gateway",
                "image": "test.local/none:1",
                "ports": [{ "name": "admin", "containerPort": self.admin.port() }],
            }]},
        }))?;
        self.pods(plane)?.create(&PostParams::default(), &pod).await?;
        Ok(())
    }

    /// One chat completion with `key`: the status.
    pub async fn chat(&self, key: &str, model: &str) -> Result<u16> {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": "hello" }] });
        let request = reqwest::Client::new().post(format!("http://{}/v1/chat/completions", self.data));
        Ok(request.bearer_auth(key).body(body.to_string()).send().await?.status().as_u16())
    }

    /// What /status says.
    pub async fn status(&self) -> Result<serde_json::Value> {
        let text = reqwest::get(format!("http://{}/status", self.admin)).await?.text().await?;
        Ok(serde_json::from_str(&text)?)
    }
}

fn spawn(
    plane: &Plane,
    gateway: &str,
    (data, admin): (SocketAddr, SocketAddr),
    state: &std::path::Path,
    kubeconfig: &std::path::Path,
) -> Result<Process> {
    let mut command = Command::new(binary("weir-gateway")?);
    command
        .env("KUBECONFIG", kubeconfig)
        .args(["--gateway", gateway, "--listen", &data.to_string(), "--admin-listen", &admin.to_string()])
        .args(["--workers", "1", "--usage-log", "off", "--log", "info"])
        .arg("--state-dir")
        .arg(state);
    Process::start(
        command,
        plane.work_dir().join(format!("logs/{}-{}.log", gateway.replace('/', "-"), data.ip())),
    )
}
