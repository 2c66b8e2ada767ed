//! Whoever stays outside of the namespaces and removes what is there: control groups and the cluster's folder.

use super::inside::{CGROUP, WORK, code};
use super::{cgroups, inside};
use crate::work::WorkDir;
use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, ExitCode, Stdio};

/// Runs `program` inside; ends it when standard input ends. Nothing is left when this returns.
///
/// # Errors
/// It can't be run, or something can't be removed.
pub async fn run(program: &[OsString]) -> Result<ExitCode> {
    cgroups::sweep();
    let work = WorkDir::create()?;
    let cgroup = cgroups::name()?;
    let mut namespaces = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["--propagation", "private"])
        .arg(std::env::current_exe()?)
        .args(["init", "--"])
        .args(program)
        .env(WORK, work.path())
        .env(CGROUP, &cgroup)
        .stdin(Stdio::piped())
        .spawn()
        .context("run unshare")?;
    write_enter(&work, &namespaces)?;
    let pipe = namespaces.stdin.take();
    std::thread::spawn(move || {
        until_stdin_ends();
        drop(pipe);
    });
    let status = namespaces.wait().context("wait for the namespaces' end")?;
    cgroups::remove(&cgroup).await?;
    Ok(code(status))
}

/// A program for whoever wants to look in from outside.
fn write_enter(work: &WorkDir, namespaces: &Child) -> Result<()> {
    let pid = namespaces.id();
    let children = format!("/proc/{pid}/ns/pid_for_children");
    let script = format!("#!/bin/sh\nexec nsenter --target {pid} --net --mount --pid={children} \"$@\"\n");
    let path = work.write(inside::ENTER, &script)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).context("make a script executable")
}

/// Returns once whoever holds the other end of standard input is gone.
pub(super) fn until_stdin_ends() {
    let mut ignored = [0; 256];
    let mut stdin = std::io::stdin();
    while stdin.read(&mut ignored).is_ok_and(|read| read > 0) {}
}
