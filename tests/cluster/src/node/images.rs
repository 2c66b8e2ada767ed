//! Images for pods, written by `images/oci.py` and imported into containerd: no engine, no registry.
//!
//! Everything is `test.local/...` and tagged; pods name it with `imagePullPolicy: Never` or `IfNotPresent`. What a
//! test wants beyond that it makes with [`of_program`] and imports while the cluster runs.

use super::{READY, command, containerd};
use crate::binaries;
use crate::world::binary;
use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The sandbox of every pod.
pub(super) const PAUSE: &str = "test.local/pause:1";
/// Python with the official SDKs: what a tenant's pod is. Its entrypoint is the interpreter.
pub const PYTHON: &str = "test.local/python:1";

/// Weir's images as a release has them: archives' paths, as in PATH.
const WEIR: &str = "WEIR_CLUSTER_ARCHIVES";
/// Before every name here: without a registry's name containerd would take one of its own.
pub const REGISTRY: &str = "test.local";

/// The archives that every cluster has; makes those that aren't there.
///
/// # Errors
/// There is no Python with the SDKs: `make` makes it.
pub fn archives() -> Result<Vec<PathBuf>> {
    Ok(vec![pause()?, python()?])
}

/// Weir's own archives, as images of [`REGISTRY`] and copied to `folder`: those in `WEIR_CLUSTER_ARCHIVES`, which
/// `make` sets to what it would release; without it images of what cargo has built beside this program.
///
/// # Errors
/// Neither is there.
pub fn weir(folder: &Path) -> Result<Vec<PathBuf>> {
    if let Some(archives) = std::env::var_os(WEIR).filter(|archives| !archives.is_empty()) {
        return std::env::split_paths(&archives).map(|archive| renamed(&archive, folder)).collect();
    }
    let archive = |name: &str| {
        let path = folder.join(format!("{name}.tar"));
        of_program(&binary(name)?, &format!("{REGISTRY}/{name}:{}", env!("CARGO_PKG_VERSION")), &path)?;
        Ok(path)
    };
    ["weir-operator", "weir-gateway"].into_iter().map(archive).collect()
}

fn renamed(archive: &Path, folder: &Path) -> Result<PathBuf> {
    let copy = folder.join(archive.file_name().context("an archive has a name")?);
    let mut rename = Command::new("python3");
    rename.arg(repository("tests/cluster/images/renamed.py")).arg(REGISTRY).arg(archive).arg(&copy);
    said(&mut rename).map(|_| copy)
}

/// Imports an archive; pods can run it when this returns.
///
/// # Errors
/// containerd refuses it.
pub async fn import(archive: &Path) -> Result<()> {
    let path = archive.display().to_string();
    command::output(containerd::ctr(&["--namespace", "k8s.io", "images", "import", &path]), READY).await?;
    Ok(())
}

/// Gives an image another name, beside the one it has. Both begin with a registry's.
///
/// # Errors
/// There is none of that name.
pub async fn tag(name: &str, other: &str) -> Result<()> {
    let arguments = ["--namespace", "k8s.io", "images", "tag", "--force", name, other];
    command::output(containerd::ctr(&arguments), READY).await?;
    Ok(())
}

/// Writes an image of a program of this machine, with the libraries that it loads, to the file `archive`.
///
/// # Errors
/// There is no such program.
pub fn of_program(program: &Path, name: &str, archive: &Path) -> Result<()> {
    let file = program.file_name().context("a program has a name")?.to_string_lossy();
    let mut files = OsString::from(program);
    files.push(format!("=/{file}"));
    let mut oci = Command::new("python3");
    oci.arg(repository("images/oci.py")).args(["--libraries", "--name", name, "--out"]).arg(archive);
    said(oci.args(["--entrypoint", &format!("/{file}")]).arg(files)).map(drop)
}

fn pause() -> Result<PathBuf> {
    let program = binaries::pause()?;
    let from = [repository("images/oci.py"), program.clone()];
    cached("pause.tar", &from, "", |archive| of_program(&program, PAUSE, archive))
}

fn python() -> Result<PathBuf> {
    let interpreter = repository(".venv/bin/python");
    ensure!(
        interpreter.exists(),
        "the tenants' pods run Python with the SDKs of tests/sdk/requirements.txt from .venv, which isn't there: \
         `make test-node` makes it first"
    );
    let script = repository("tests/cluster/images/python.py");
    let from = [repository("images/oci.py"), repository("tests/sdk/requirements.txt"), script.clone()];
    let version =
        said(Command::new(&interpreter).args(["-c", "import sys; print(sys.version, sys.base_prefix)"]))?;
    cached("python.tar", &from, &version, |archive| {
        said(Command::new(&interpreter).arg(&script).args([PYTHON.as_ref(), archive.as_os_str()])).map(drop)
    })
}

/// An archive beside the built programs; its folder is named after everything it is made from.
fn cached(
    name: &str,
    from: &[PathBuf],
    version: &str,
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let mut hash = Sha256::new();
    for path in from {
        hash.update(fs::read(path).with_context(|| format!("read {}", path.display()))?);
        hash.update([0]);
    }
    hash.update(version);
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = binaries::cache()?.join("images").join(digest);
    let archive = folder.join(name);
    if !archive.exists() {
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        // It comes whole or not at all: oci.py renames what it has written.
        write(&archive)?;
    }
    Ok(archive)
}

/// Runs `command` to its end and gives back its standard output.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    ensure!(output.status.success(), "{command:?}: {}: {}", output.status, text(&output.stderr));
    Ok(text(&output.stdout))
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
