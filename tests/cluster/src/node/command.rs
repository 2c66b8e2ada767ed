//! Other programs, run to their end: what they said is in the error.

use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

/// Runs `program` to its end.
///
/// # Errors
/// It can't be run, or fails; then the error holds what it said.
pub(super) fn run<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> Result<()> {
    let mut command = Command::new(program);
    let output = command.args(arguments).output().with_context(|| format!("run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}: {}", output.status, said(&output));
    }
    Ok(())
}

/// Runs `command` to its end without holding up the thread; kills it after `limit`. Gives back its standard output.
///
/// # Errors
/// As [`run`], or it takes too long.
pub(super) async fn output(command: Command, limit: Duration) -> Result<String> {
    let shown = format!("{command:?}");
    let mut command = tokio::process::Command::from(command);
    let output = command.stdin(std::process::Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(limit, output).await;
    let output = output.with_context(|| format!("{shown}: not done after {limit:?}"))?;
    let output = output.with_context(|| format!("run {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}: {}", output.status, said(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn said(output: &std::process::Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}
