//! Helm, and the chart `charts/weir`: rendered, or installed on a plane.
//!
//! It has a home of its own, so that nothing of whoever runs the tests counts.

use crate::binaries;
use crate::plane::Plane;
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize as _;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The chart's folder.
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/weir")
}

/// A way to run Helm.
pub struct Helm {
    binary: PathBuf,
    home: TempDir,
    kubeconfig: PathBuf,
}

impl Helm {
    /// Without a cluster.
    ///
    /// # Errors
    /// As [`binaries::helm`].
    pub fn offline() -> Result<Self> {
        let home = tempfile::tempdir()?;
        let nowhere = home.path().join("no.kubeconfig");
        Ok(Self { binary: binaries::helm()?, home, kubeconfig: nowhere })
    }

    /// As somebody who may do everything on `plane`.
    ///
    /// # Errors
    /// As [`binaries::helm`].
    pub fn on(plane: &Plane) -> Result<Self> {
        Ok(Self { kubeconfig: plane.kubeconfig_path(), ..Self::offline()? })
    }

    /// Helm, to be given its arguments.
    pub fn command(&self) -> Command {
        let mut helm = Command::new(&self.binary);
        helm.env_clear().env("HOME", self.home.path()).env("KUBECONFIG", &self.kubeconfig);
        helm
    }

    /// Runs it with `values` as a values file on standard input, where `arguments` say `-f -`; gives back what it
    /// prints.
    ///
    /// # Errors
    /// It fails; then the error is what it says.
    pub fn run(&self, arguments: &[&str], values: &Value) -> Result<String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut helm = command.spawn().context("run helm")?;
        let mut input = helm.stdin.take().context("standard input")?;
        // Whoever doesn't want it has closed it.
        let _ = input.write_all(values.to_string().as_bytes());
        drop(input);
        let output = helm.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "helm {}: {}", arguments.join(" "), said.trim());
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The manifests of the chart at `chart` for the release `name`.
    ///
    /// # Errors
    /// As [`Helm::run`].
    pub fn template(&self, chart: &Path, name: &str, namespace: &str, values: &Value) -> Result<Vec<Value>> {
        let chart = chart.to_str().context("the chart's path is UTF-8")?;
        let text = self.run(&["template", name, chart, "-n", namespace, "-f", "-"], values)?;
        objects(&text)
    }
}

/// All objects of a text of YAML documents.
///
/// # Errors
/// It is no YAML.
pub fn objects(text: &str) -> Result<Vec<Value>> {
    let documents = serde_yaml::Deserializer::from_str(text).map(Value::deserialize);
    let all = documents.collect::<Result<Vec<_>, _>>()?;
    Ok(all.into_iter().filter(|object| !object.is_null()).collect())
}
