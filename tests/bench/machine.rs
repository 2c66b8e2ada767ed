//! What the kernel says about a process: CPU time, memory, instructions; and on which core it runs.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The core of the measured process.
pub const MEASURED: &str = "0";
/// The core of everything else: load, upstream, this program.
pub const REST: &str = "1";

/// Pins this process; to be called before it has threads.
pub fn pin_myself() -> Result<()> {
    let pid = std::process::id().to_string();
    let output = Command::new("taskset").args(["-cp", REST, &pid]).output().context("cannot run taskset")?;
    ensure!(output.status.success(), "taskset failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Lets this process and those it starts have as many files and sockets as they may: the usual soft limit is less than
/// what thousands of callers need.
pub fn raise_descriptors() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("the limit of open files cannot be raised")
}

/// CPU time of all threads of a process so far, ended ones included.
pub fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("the measured process {pid} has ended"))?;
    // The name in parentheses may hold blanks; user and system time are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// `USER_HZ`, 100 on every architecture that we run on.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time that the measured core has given to programs (and lost to the hypervisor) so far.
pub fn core_busy() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let name = format!("cpu{MEASURED} ");
    let line =
        stat.lines().find_map(|line| line.strip_prefix(&name)).context("no such core in /proc/stat")?;
    let ticks = |column: usize| line.split_ascii_whitespace().nth(column)?.parse::<u64>().ok();
    // user, nice, system, steal. Interrupts are left out: they are in the time of whoever they interrupt.
    let busy: u64 = [0, 1, 2, 7].into_iter().filter_map(ticks).sum();
    Ok(Duration::from_millis(busy * 1000 / TICKS_PER_SECOND))
}

/// Memory of a process in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    pub rss: u64,
    /// The most that `rss` has ever been.
    pub most: u64,
    /// What of it is shared counts in part.
    pub pss: u64,
}

pub fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    // Not every kernel shows it; 0 is "unknown" in the report.
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let most = kib(&status, "VmHWM:");
    Ok(Memory { rss: kib(&status, "VmRSS:"), most, pss: kib(&rollup, "Pss:") })
}

fn kib(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

/// Counts user instructions of a process for a while, where the machine lets us.
pub struct Instructions(Child);

impl Instructions {
    pub fn supported() -> bool {
        let output = Command::new("perf").args(["stat", "-x,", "-e", "instructions:u", "true"]).output();
        output.is_ok_and(|output| {
            output.status.success() && !String::from_utf8_lossy(&output.stderr).contains("<not")
        })
    }

    pub fn start(pid: u32, period: Duration) -> Result<Self> {
        let seconds = period.as_secs_f64().to_string();
        let child = Command::new("taskset")
            .args(["-c", REST, "perf", "stat", "-x,", "-e", "instructions:u", "-p", &pid.to_string()])
            .args(["sleep", &seconds])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run perf")?;
        Ok(Self(child))
    }

    pub fn finish(self) -> Result<u64> {
        let output = self.0.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let count =
            text.lines().find(|line| line.contains("instructions")).and_then(|line| line.split(',').next());
        count
            .and_then(|count| count.parse().ok())
            .with_context(|| format!("cannot read perf's answer: {text}"))
    }
}

/// The machine in one line.
pub fn describe() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    format!("{}, {cores} cores, Linux {}", model.trim_start_matches(['\t', ':', ' ']), kernel.trim())
}
