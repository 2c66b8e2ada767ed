//! The first process of the cluster's namespaces. When it ends, the kernel ends every other one in them: pods, their
//! shims, containerd. It ends when the program it runs does, or when whoever started it is gone.

use anyhow::{Context as _, Result};
use rustix::process::{WaitOptions, WaitStatus, wait};
use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

/// Runs `program` and ends as it does. Meanwhile it takes in the orphans of all others.
///
/// # Errors
/// `program` can't be run.
pub fn run(program: &[OsString]) -> Result<ExitCode> {
    std::thread::spawn(|| {
        super::supervisor::until_stdin_ends();
        std::process::exit(1);
    });
    let (name, arguments) = program.split_first().context("init needs a program to run")?;
    let child = Command::new(name).args(arguments).stdin(Stdio::null()).spawn();
    let child = child.with_context(|| format!("run {}", name.display()))?;
    loop {
        let ended = wait(WaitOptions::empty()).context("wait for children")?;
        if let Some((pid, status)) = ended
            && u32::try_from(pid.as_raw_nonzero().get()).is_ok_and(|pid| pid == child.id())
        {
            return Ok(code(status));
        }
    }
}

/// As a shell says it: 128 and the signal's number.
fn code(status: WaitStatus) -> ExitCode {
    let signal = status.terminating_signal().map_or(1, |signal| 128 + signal);
    let code = status.exit_status().unwrap_or(signal);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
