//! An operator process.

use super::process::{Process, binary};
use super::{SOON, rbac};
use crate::{Plane, wait};
use anyhow::{Result, bail};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// How an operator is started.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Where it is itself.
    pub home: String,
    /// `--watch-namespaces`.
    pub watch: Vec<String>,
    /// `--identity`.
    pub identity: String,
    /// Whom it calls and as whom.
    pub kubeconfig: PathBuf,
}

impl Setting {
    /// An operator of a namespace's own that watches `watch`, or everything for `*`, with the chart's rights.
    pub async fn new(plane: &Plane, watch: &[&str]) -> Result<Self> {
        let home = plane.namespace("operator").await?;
        let client = plane.admin()?;
        let rules = rbac::OperatorRules::read()?;
        let account = (home.as_str(), "weir-operator");
        rbac::account(&client, &home, account.1).await?;
        rbac::grant(&client, &home, "weir-operator-own", account, &rules.own).await?;
        for namespace in watch {
            if *namespace == "*" {
                let all = [rules.watched.as_slice(), rules.cluster.as_slice()].concat();
                rbac::grant_everywhere(&client, &format!("weir-{home}"), account, &all).await?;
            } else {
                rbac::grant(&client, namespace, &home, account, &rules.watched).await?;
            }
        }
        let kubeconfig = plane.kubeconfig_for(&plane.token(&home, account.1).await?)?;
        let watch = watch.iter().map(ToString::to_string).collect();
        Ok(Self { home, watch, identity: "operator-0".to_owned(), kubeconfig })
    }
}

/// A running operator.
pub struct Operator {
    /// The process.
    pub process: Process,
    /// Where /readyz and /metrics are.
    pub health: SocketAddr,
}

impl Operator {
    /// Starts one; it may not be ready when this returns.
    pub fn start(plane: &Plane, setting: &Setting) -> Result<Self> {
        let health = free_address("127.0.0.4")?;
        let mut command = Command::new(binary("weir-operator")?);
        command
            .env("KUBECONFIG", &setting.kubeconfig)
            .args(["--namespace", &setting.home, "--identity", &setting.identity])
            .args(["--watch-namespaces", &setting.watch.join(","), "--health-listen", &health.to_string()])
            .args(["--log", "info,weir_operator=debug"]);
        let log = plane.work_dir().join(format!("logs/{}-{}.log", setting.home, setting.identity));
        Ok(Self { process: Process::start(command, log)?, health })
    }

    /// Waits until it has listed everything.
    pub async fn ready(&mut self) -> Result<()> {
        wait::until("the operator is ready", SOON, async || {
            if let Some(status) = self.process.ended()? {
                bail!("the operator ended: {status}\n{}", self.process.output());
            }
            let answer = reqwest::get(format!("http://{}/readyz", self.health)).await;
            Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await
    }
}

/// An address on which nobody listens at the moment.
pub fn free_address(host: &str) -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind((host, 0))?.local_addr()?)
}
