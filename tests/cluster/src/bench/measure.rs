//! What is measured, and how it is shown.

use super::fill;
use anyhow::{Context as _, Result};
use kube::api::{ListParams, Patch, PatchParams};
use std::fmt;
use std::time::{Duration, Instant};
use weir_cluster::wait;
use weir_cluster::world::{Gateway, Objects, Operator, Process, is_ready};
use weir_crds::Kind;

/// Ten thousand objects may take minutes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(900);
/// Changes come one at a time, so far apart.
const BETWEEN: Duration = Duration::from_millis(250);
/// So long nothing changes, to see that nothing is written.
const IDLE: Duration = Duration::from_secs(5);

/// Everything at one size.
pub(crate) struct Figures {
    pub(crate) keys: usize,
    pub(crate) published: Duration,
    pub(crate) reported: Duration,
    pub(crate) latencies: Vec<Duration>,
    /// Calls that write, per change.
    pub(crate) writes: f64,
    pub(crate) idle_writes: u64,
    /// Of operator and gateway, in MiB.
    pub(crate) memory: (u64, u64),
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Option<Duration>| duration.unwrap_or_default().as_secs_f64() * 1e3;
        writeln!(f, "{} keys, {} routes", self.keys, self.keys.div_ceil(10))?;
        writeln!(
            f,
            "  apply -> traffic     p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, worst {:.0} ms ({} changes)",
            ms(self.quantile(0.5)),
            ms(self.quantile(0.9)),
            ms(self.quantile(0.99)),
            ms(self.latencies.last().copied()),
            self.latencies.len()
        )?;
        writeln!(f, "  operator started -> traffic {:.1} s", self.published.as_secs_f64())?;
        writeln!(f, "  operator started -> every status written {:.1} s", self.reported.as_secs_f64())?;
        writeln!(
            f,
            "  API writes           {:.1} per change, {} in {IDLE:?} without one",
            self.writes, self.idle_writes
        )?;
        write!(f, "  memory               operator {} MiB, gateway {} MiB", self.memory.0, self.memory.1)
    }
}

impl Figures {
    fn quantile(&self, at: f64) -> Option<Duration> {
        let rank = (self.latencies.len() as f64 * at).ceil() as usize;
        self.latencies.get(rank.max(1) - 1).copied()
    }
}

/// Times single changes: a key gets another text, and requests with it are made until one is answered.
pub(crate) async fn changes(
    objects: &Objects,
    operator: &Operator,
    gateway: &Gateway,
    (keys, changes): (usize, usize),
) -> Result<(Vec<Duration>, f64)> {
    let api = objects.api(Kind::Key);
    let before = writes(operator).await?;
    let mut latencies = Vec::with_capacity(changes);
    for change in 0..changes {
        let n = change.wrapping_mul(7919) % keys;
        let text = format!("{}-{change}", fill::text(n));
        let patch = fill::key(n, &[&fill::text(n), &text]);
        let began = Instant::now();
        api.patch(&format!("key-{n}"), &PatchParams::default(), &Patch::Merge(&patch)).await?;
        until_answered(gateway, &text).await?;
        latencies.push(began.elapsed());
        tokio::time::sleep(BETWEEN).await;
    }
    until_all_ready(objects, keys).await?;
    latencies.sort();
    Ok((latencies, (writes(operator).await? - before) as f64 / changes as f64))
}

/// Waits until the gateway answers 200 to the key `text`.
pub(crate) async fn until_answered(gateway: &Gateway, text: &str) -> Result<()> {
    let began = Instant::now();
    while gateway.chat(text, "model-0").await? != 200 {
        anyhow::ensure!(began.elapsed() < PATIENCE, "the key {text} never came");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Waits until every key is Ready.
pub(crate) async fn until_all_ready(objects: &Objects, keys: usize) -> Result<()> {
    let api = objects.api(Kind::Key);
    wait::until("every key is Ready", PATIENCE, async || {
        let list = api.list(&ListParams::default()).await?;
        let ready = list.items.iter().filter(|key| is_ready(&serde_json::json!(key))).count();
        if ready < keys {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok((ready == keys).then_some(()))
    })
    .await
}

/// Calls that wrote while nothing changed.
pub(crate) async fn idle_writes(operator: &Operator) -> Result<u64> {
    let before = writes(operator).await?;
    tokio::time::sleep(IDLE).await;
    Ok(writes(operator).await? - before)
}

/// Calls that wrote so far, the Lease's not among them.
async fn writes(operator: &Operator) -> Result<u64> {
    let text = reqwest::get(format!("http://{}/metrics", operator.health)).await?.text().await?;
    let counts = text.lines().filter(|line| line.starts_with("weir_operator_writes_total"));
    counts.map(|line| line.rsplit(' ').next().context("a value")?.parse::<u64>().context("a count")).sum()
}

/// Resident memory of a process, in MiB.
pub(crate) fn memory(process: &Process) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes / 1024)
}
