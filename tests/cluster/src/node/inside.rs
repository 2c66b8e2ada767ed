//! Namespaces of a cluster's own, and how a program comes to run in them.
//!
//! ```text
//! inside PROGRAM          whom one starts, and kills
//! └ supervise PROGRAM     removes what is outside of the namespaces, however it all ends
//!   └ unshare             makes the namespaces of network, mounts and processes
//!     └ init PROGRAM      the first process in there: when it ends, all end
//!       └ PROGRAM
//! ```
//! Each holds a pipe to the next and ends when its own is closed: the kernel closes it after a SIGKILL, too. A program
//! inside reaches pods, services and the API server as any process of the node does. A test binary runs itself again
//! inside ([`again`]), so that a test is an ordinary function, and `cargo test` is all it takes to run it.

use super::need;
use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

/// Where the program inside finds its folder, and its control groups' name.
pub(super) const WORK: &str = "WEIR_CLUSTER_WORK";
pub(super) const CGROUP: &str = "WEIR_CLUSTER_CGROUP";
/// In that folder: runs a program inside, from outside.
pub(super) const ENTER: &str = "enter";
/// How long all of it may take to end; 2 s when nothing else runs.
const ENDS: Duration = Duration::from_secs(30);
/// How often a child is looked at that may take for ever.
const EVERY: Duration = Duration::from_millis(50);

/// What the supervisor gave the program inside.
pub struct Place {
    /// A folder that goes with the cluster.
    pub(super) work: PathBuf,
    pub(super) cgroup: String,
}

impl Place {
    /// # Errors
    /// This process isn't inside.
    pub fn here() -> Result<Self> {
        let set =
            |name| std::env::var_os(name).context("not inside namespaces of a cluster: see inside::again");
        Ok(Self { work: set(WORK)?.into(), cgroup: set(CGROUP)?.to_string_lossy().into_owned() })
    }

    /// A script that runs its arguments in here, for whoever is outside.
    pub fn enter(&self) -> PathBuf {
        self.work.join(ENTER)
    }
}

/// Returns at once inside. Elsewhere this process becomes another that runs the same program with the same arguments
/// inside: it doesn't return. `cluster` is the binary `weir-cluster`.
///
/// # Errors
/// `cluster` can't be run.
pub fn again(cluster: &Path) -> Result<()> {
    if Place::here().is_ok() {
        return Ok(());
    }
    let mut command = Command::new(cluster);
    command.args(["inside", "--"]).arg(std::env::current_exe()?).args(std::env::args_os().skip(1));
    Err(command.exec()).with_context(|| format!("run {}", cluster.display()))
}

/// Runs `program` inside and ends as it does. When `told_to_end` is done, ends it, and has no exit code.
///
/// # Errors
/// The machine lacks something: says what, and how to get it.
pub async fn run(
    program: &[OsString],
    told_to_end: impl Future<Output = Result<()>>,
) -> Result<Option<ExitCode>> {
    need::all()?;
    let mut supervisor = Command::new(std::env::current_exe()?)
        .args(["supervise", "--"])
        .args(program)
        .stdin(Stdio::piped())
        // Or Ctrl-C in a terminal would end it before it has removed anything.
        .process_group(0)
        .spawn()
        .context("run the supervisor")?;
    let pipe = supervisor.stdin.take();
    tokio::select! {
        status = ended(&mut supervisor) => return Ok(Some(code(status?))),
        told = told_to_end => told?,
    }
    drop(pipe);
    tokio::time::timeout(ENDS, ended(&mut supervisor)).await.context("the supervisor doesn't end")??;
    Ok(None)
}

async fn ended(child: &mut Child) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().context("wait for the supervisor")? {
            return Ok(status);
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// As a shell says it: 128 and the signal's number.
pub(super) fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
