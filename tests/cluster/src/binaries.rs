//! Builds the Go programs of `tests/cluster/go`, once per content.
//!
//! A binary's folder is named after everything it is made from, so that a binary that is there is never old and two
//! checkouts share one. It is built under a lock, one at a time, for a build takes all processors. The cache may be
//! removed whenever nothing runs.

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

const PLANE: Program = Program {
    name: "plane",
    package: ".",
    sources: MAIN,
    flags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.4 \
            -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36",
};

const LUAHEALTH: Program = Program { name: "lua", package: ".", sources: MAIN, flags: "-s -w" };
const DNS: Program = Program { name: "dns", package: ".", sources: MAIN, flags: "-s -w" };
/// Of the standard library alone: it has no go.sum.
const PAUSE: Program =
    Program { name: "pause", package: ".", sources: &["go.mod", "main.go"], flags: "-s -w" };

/// Another's program as it is: the module only pins it.
const HELM: Program = Program {
    name: "helm",
    package: "helm.sh/helm/v3/cmd/helm",
    sources: &["go.mod", "go.sum"],
    // As released, with the Kubernetes that it takes for granted when it renders without one.
    flags: "-s -w -X helm.sh/helm/v3/internal/version.version=v3.21.4 \
            -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=36 \
            -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=36",
};

/// What a program of our own is made from.
const MAIN: &[&str] = &["go.mod", "go.sum", "main.go"];

/// Every process of a control plane and kubectl in one binary; the first argument is the role.
///
/// Builds it if it isn't there: minutes, with progress on standard error.
///
/// # Errors
/// No Go, no network for the modules, no room.
pub fn plane() -> Result<PathBuf> {
    PLANE.built()
}

/// Argo CD's Lua machine: `luahealth SCRIPT.lua < object.yaml` prints `<status>\t<message>`. As [`plane`].
///
/// # Errors
/// As [`plane`].
pub fn luahealth() -> Result<PathBuf> {
    LUAHEALTH.built()
}

/// CoreDNS: `dns -conf COREFILE`. As [`plane`].
///
/// # Errors
/// As [`plane`].
pub fn dns() -> Result<PathBuf> {
    DNS.built()
}

/// The process of a pod's sandbox, static. As [`plane`].
///
/// # Errors
/// As [`plane`].
pub fn pause() -> Result<PathBuf> {
    PAUSE.built()
}

/// Helm.
///
/// # Errors
/// As [`plane`].
pub fn helm() -> Result<PathBuf> {
    HELM.built()
}

/// Builds all that isn't there.
///
/// # Errors
/// As [`plane`].
pub fn all() -> Result<()> {
    plane()?;
    luahealth()?;
    dns()?;
    pause()?;
    helm()?;
    Ok(())
}

/// A folder of `tests/cluster/go` with a module.
struct Program {
    name: &'static str,
    /// What `go build` is given.
    package: &'static str,
    /// The folder's files; all of them.
    sources: &'static [&'static str],
    /// `-ldflags`.
    flags: &'static str,
}

impl Program {
    fn source(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(self.name)
    }

    fn built(&self) -> Result<PathBuf> {
        let version = go_version("go", &self.source())?;
        let binaries = cache()?.join("bin");
        let binary = binaries.join(self.digest(&version)?).join(self.name);
        if binary.exists() {
            return Ok(binary);
        }
        fs::create_dir_all(&binaries).with_context(|| format!("create {}", binaries.display()))?;
        let lock = File::create(binaries.join("lock")).context("create the lock of builds")?;
        if lock.try_lock().is_err() {
            say(&format!("waiting for another build below {}", binaries.display()));
            lock.lock().context("lock builds")?;
        }
        if !binary.exists() {
            self.build(&binary)?;
        }
        Ok(binary)
    }

    /// What the binary is made from.
    fn digest(&self, version: &str) -> Result<String> {
        let mut hash = Sha256::new();
        for name in self.sources {
            let path = self.source().join(name);
            hash.update(fs::read(&path).with_context(|| format!("read {}", path.display()))?);
            hash.update([0]);
        }
        hash.update(self.flags);
        hash.update([0]);
        hash.update(version);
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// To a name of its own first: what carries the right name is whole.
    fn build(&self, binary: &Path) -> Result<()> {
        let begun = Instant::now();
        say(&format!("building {} of the test cluster: 5 to 10 minutes the first time", self.name));
        let folder = binary.parent().context("a binary has a folder")?;
        // What a killed build has left; its compiler may still run, hence a name that is ours alone.
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let unfinished = folder.join(format!("unfinished-{}", std::process::id()));
        let mut build = Command::new("go")
            .current_dir(self.source())
            .env("CGO_ENABLED", "0")
            .args(["build", "-trimpath", "-ldflags", self.flags, "-o"])
            .arg(&unfinished)
            .arg(self.package)
            .spawn()
            .context("run go build")?;
        let status = wait(&mut build, self.name, begun)?;
        ensure!(
            status.success(),
            "go build of {} failed: {status}; it says why above",
            self.source().display()
        );
        fs::rename(&unfinished, binary).with_context(|| format!("rename to {}", binary.display()))?;
        say(&format!("built {} in {} s", self.name, begun.elapsed().as_secs()));
        Ok(())
    }
}

/// Says every half minute that `build` is still under way: silence of ten minutes looks like a hang.
fn wait(build: &mut std::process::Child, name: &str, begun: Instant) -> Result<std::process::ExitStatus> {
    std::thread::scope(|scope| {
        let (done, waiting) = mpsc::channel::<()>();
        scope.spawn(move || {
            while waiting.recv_timeout(Duration::from_secs(30)) == Err(RecvTimeoutError::Timeout) {
                say(&format!("still building {name} after {} s", begun.elapsed().as_secs()));
            }
        });
        let status = build.wait().context("wait for go build");
        drop(done);
        status
    })
}

/// Where built binaries are kept: `$WEIR_CLUSTER_CACHE`, else `$XDG_CACHE_HOME/weir/cluster`, else
/// `~/.cache/weir/cluster`.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(cache) = set("WEIR_CLUSTER_CACHE") {
        // The build runs elsewhere.
        return Ok(std::path::absolute(cache)?);
    }
    let caches = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    Ok(caches.context("neither WEIR_CLUSTER_CACHE nor XDG_CACHE_HOME nor HOME is set")?.join("weir/cluster"))
}

/// The version of Go that will build the module in `folder`; asked there, for Go picks its toolchain by module.
fn go_version(go: &str, folder: &Path) -> Result<String> {
    let output = match Command::new(go).arg("version").current_dir(folder).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "the test cluster is built with Go {} or newer, and there is no `go` in PATH: \
             get it from https://go.dev/dl/",
            required(folder)?
        ),
        Err(error) => return Err(error).context("run go version"),
    };
    ensure!(
        output.status.success(),
        "the test cluster is built with Go {} or newer (https://go.dev/dl/); go version says: {}",
        required(folder)?,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The `go` line of the module in `folder`.
fn required(folder: &Path) -> Result<String> {
    let module = fs::read_to_string(folder.join("go.mod")).context("read go.mod")?;
    let version = module.lines().find_map(|line| line.strip_prefix("go "));
    Ok(version.context("go.mod has no go line")?.trim().to_owned())
}

/// To standard error itself: a test's captured output would hide for minutes why nothing happens.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "weir-cluster: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_go_one_is_told_which_and_where_from() {
        for program in [PLANE, LUAHEALTH, HELM, DNS, PAUSE] {
            let error = go_version("no-such-go", &program.source()).unwrap_err().to_string();
            assert!(error.contains("built with Go 1.") && error.contains("https://go.dev/dl/"), "{error}");
        }
    }

    #[test]
    fn a_binary_is_another_when_anything_it_is_made_from_is() {
        let digest = |program: &Program, version| program.digest(version).unwrap();
        let other_flags = Program { flags: "-s", ..PLANE };
        let digests = [
            digest(&PLANE, "go1.26.0"),
            digest(&PLANE, "go1.26.1"),
            digest(&LUAHEALTH, "go1.26.0"),
            digest(&HELM, "go1.26.0"),
            digest(&other_flags, "go1.26.0"),
        ];
        assert_eq!(digests.iter().collect::<std::collections::BTreeSet<_>>().len(), digests.len());
        assert_eq!(digest(&PLANE, "go1.26.0"), digests[0]);
    }
}
