//! `weir-bench`: what Weir costs beside HAProxy and beside nothing, on one core, in one table.
//!
//! It measures and compares; it decides no target (those are in the table of the performance page) and never
//! reports a single absolute time as a result. Core 0 belongs to the measured process, core 1 to all else.

mod arrivals;
mod callgrind;
mod client;
mod dechunk;
mod load;
mod machine;
mod overload;
mod report;
mod rounds;
mod stalled;
mod streams;
mod subjects;

use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use crate::machine::{Instructions, Memory};
use crate::report::Report;
use crate::rounds::{Plan, Results};
use crate::streams::Streams;
use crate::subjects::Subject;

/// Compares Weir with HAProxy and with a direct connection.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Sub>,
    /// The Weir binary; without it only HAProxy is measured.
    #[arg(long)]
    weir: Option<PathBuf>,
    /// The HAProxy binary.
    #[arg(long, default_value = "haproxy")]
    haproxy: PathBuf,
    /// Sends unpaced streams too through HAProxy's frontend with `http-no-delay`, which costs it CPU.
    #[arg(long)]
    no_delay: bool,
    /// How often each subject runs under each load.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How long a run for CPU takes; others take a third.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Frames of a stream.
    #[arg(long, default_value_t = 200)]
    events: usize,
    /// Only workloads whose name begins like one of these (W1, W2, W4, W5), and `memory`: what streams cost of it; or
    /// `overload` alone, which is run only so.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Also open-loop load: requests in a second, from 64 connections.
    #[arg(long)]
    open_rate: Option<u32>,
    /// Open-loop requests at random moments in place of equal distances.
    #[arg(long)]
    poisson: bool,
    /// Which random order of runs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes everything to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Fails when a figure misses what must hold.
    #[arg(long)]
    gate: bool,
}

#[derive(Subcommand)]
enum Sub {
    /// The upstream of a bench; the bench starts it itself.
    #[command(hide = true)]
    Upstream(weir_upstream::command::Command),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Sub::Upstream(command)) = arguments.command {
        return command.run();
    }
    machine::pin_myself()?;
    machine::raise_descriptors()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = Folder::new()?;
    runtime.block_on(bench(&arguments, &folder.0))
}

async fn bench(arguments: &Arguments, folder: &Path) -> Result<()> {
    let upstream = subjects::free_address()?;
    let _upstream = subjects::upstream(upstream, arguments.events)?;
    if arguments.only == ["overload"] {
        let weir = arguments.weir.as_ref().context("the overload is Weir's: --weir is needed")?;
        let weir = subjects::weir(weir, upstream, folder, &[])?;
        let period = Duration::from_secs_f64(arguments.seconds);
        let haproxy = subjects::haproxy(&arguments.haproxy, upstream, folder, arguments.no_delay)?;
        let holds = overload::run(&weir, &haproxy, period, &mut stdout().lock()).await?;
        ensure!(holds || !arguments.gate, "a figure misses what must hold");
        return Ok(());
    }
    let mut subjects = vec![subjects::direct(upstream)];
    subjects.push(subjects::haproxy(&arguments.haproxy, upstream, folder, arguments.no_delay)?);
    if let Some(weir) = &arguments.weir {
        subjects.push(subjects::weir(weir, upstream, folder, &[])?);
    }
    // What a process does right after its start is not idle yet.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = memory(&subjects)?;

    let instructions_supported = Instructions::supported();
    let plan = Plan {
        rounds: arguments.rounds,
        period: Duration::from_secs_f64(arguments.seconds),
        seed: arguments.seed,
        instructions: instructions_supported,
    };
    let mut workloads = rounds::workloads(arguments.events, arguments.open_rate, arguments.poisson);
    if !arguments.only.is_empty() {
        workloads.retain(|workload| arguments.only.iter().any(|name| workload.name.starts_with(name)));
    }
    let start = Instant::now();
    let progress = |round: usize, name: &str| {
        let seconds = start.elapsed().as_secs();
        Ok(writeln!(stderr(), "{seconds:4} s  round {} of {}: {name}", round + 1, arguments.rounds)?)
    };
    let mut results = rounds::run(&subjects, workloads, &plan, progress).await?;
    let sent = sent(&results);
    results.iter_mut().for_each(Results::drop_noisy);

    let loaded = memory(&subjects)?;
    let counted = match &arguments.weir {
        Some(weir) if !results.is_empty() && !instructions_supported && callgrind::available() => {
            writeln!(stderr(), "{:4} s  counting instructions", start.elapsed().as_secs())?;
            Some(callgrind::per_request(weir, upstream, folder).await?)
        }
        _ => None,
    };
    let streams = match &arguments.weir {
        Some(weir) if arguments.only.is_empty() || arguments.only.iter().any(|name| name == "memory") => {
            writeln!(stderr(), "{:4} s  memory of streams", start.elapsed().as_secs())?;
            Some(Streams::measure(weir, folder, arguments.rounds).await?)
        }
        _ => None,
    };
    let sent = sent + counted.map_or(0, |counted| counted.requests);
    let memory =
        idle.into_iter().zip(loaded).map(|((name, idle), (_, loaded))| (name, idle, loaded)).collect();
    let report = Report {
        machine: machine::describe(),
        seconds_since_1970: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        results,
        memory,
        streams,
        upstream_served: served(upstream).await?,
        sent,
        instructions_supported,
        callgrind: counted,
    };
    let rows = report.rows(&subjects);
    report.print(&mut stdout().lock(), &subjects, &rows)?;
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&report.json(&subjects, &rows))?;
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    ensure!(
        report.upstream_served == sent,
        "the upstream's count differs: something answered or asked twice"
    );
    ensure!(!arguments.gate || !rows.iter().any(report::Row::missed), "a figure misses what must hold");
    Ok(())
}

fn memory(subjects: &[Subject]) -> Result<Vec<(&'static str, Memory)>> {
    subjects
        .iter()
        .filter_map(|subject| Some((subject.name, subject.process.as_ref()?.pid())))
        .map(|(name, pid)| Ok((name, machine::memory(pid)?)))
        .collect()
}

fn sent(results: &[Results]) -> u64 {
    results.iter().flat_map(|results| results.rounds.iter().flatten()).map(|sample| sample.sent).sum()
}

async fn served(upstream: std::net::SocketAddr) -> Result<u64> {
    let count = client::Connection::open(upstream).await?.get("/_count").await?;
    Ok(String::from_utf8(count)?.parse()?)
}

/// A folder that is gone when the bench is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("weir-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}
