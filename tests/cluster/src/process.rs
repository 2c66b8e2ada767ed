//! A child process that can't be left behind: killed when dropped, and by itself when we end without dropping it.
//!
//! The second is the pipe that it has as standard input (see `go/plane/main.go`): the kernel closes our end however
//! we end. It is in a process group of its own, or Ctrl-C in a terminal would end it before us.

use anyhow::{Context as _, Result, bail};
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How much of a log is shown when something went wrong.
const TAIL_LINES: usize = 25;

pub(crate) struct Process {
    role: &'static str,
    // Holds the pipe.
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Runs `plane ROLE FLAGS` with its output appended to `log`.
    pub(crate) fn start(plane: &Path, role: &'static str, flags: &[String], log: PathBuf) -> Result<Self> {
        let mut command = Command::new(plane);
        command.arg(role).args(flags).env("WEIR_DIE_WITH_STDIN", "1");
        Self::run(role, command, log)
    }

    /// Runs another program. If it doesn't look at its standard input, only a drop ends it, or the end of the
    /// namespaces that it is in.
    pub(crate) fn run(role: &'static str, mut command: Command, log: PathBuf) -> Result<Self> {
        let output = File::options().create(true).append(true).open(&log);
        let output = output.with_context(|| format!("open {}", log.display()))?;
        let child = command
            .stdin(Stdio::piped())
            .stdout(output.try_clone().context("share a log")?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("run {command:?}"))?;
        Ok(Self { role, child, log })
    }

    /// # Errors
    /// It has ended, which it should not by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait().context("look at a child")? {
            bail!("{} ended by itself: {status}", self.role);
        }
        Ok(())
    }

    /// The last lines it wrote, under its name.
    pub(crate) fn tail(&self) -> String {
        tail(&format!("{} ({})", self.role, self.log.display()), &self.log)
    }
}

/// The last lines of a log, under a name.
pub(crate) fn tail(name: &str, log: &Path) -> String {
    let text = fs::read(log)
        .map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(TAIL_LINES));
    let tail: Vec<&str> = last.copied().collect();
    format!("== {name}\n{}", tail.join("\n"))
}

impl Drop for Process {
    /// SIGKILL: a graceful stop of an API server takes 12 s, and its data is thrown away.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
