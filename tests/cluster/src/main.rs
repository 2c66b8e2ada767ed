//! `weir-cluster`: a control plane to look at, with Weir's kinds; or only what it is built from.
#![expect(clippy::print_stdout, reason = "how to use it is what it says")]

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use weir_cluster::{Plane, binaries, kustomize};

/// A real control plane on loopback, with Weir's kinds. Runs until Ctrl-C or until standard input ends.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Subcommand)]
enum Sub {
    /// Only builds what a plane and its tests run.
    Build,
    /// Only writes what deploy/kustomize has from the chart.
    Kustomize,
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Some(Sub::Build) => return binaries::all(),
        Some(Sub::Kustomize) => return write(kustomize::files()?),
        None => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(run());
    // Whoever reads standard input would hold the runtime.
    runtime.shutdown_background();
    ended
}

fn write(files: Vec<(PathBuf, String)>) -> Result<()> {
    for (path, text) in files {
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

async fn run() -> Result<()> {
    let plane = Plane::start().await?;
    plane.install_crds().await?;
    let kubeconfig = plane.kubeconfig_path();
    println!("API server  {}", plane.url());
    println!("kubeconfig  {}", kubeconfig.display());
    println!("\nTry it:\n\n  export KUBECONFIG={}", kubeconfig.display());
    println!("  alias kubectl='{} kubectl'", plane.binary().display());
    println!("  kubectl apply -f examples/quickstart\n  kubectl get llm\n");
    println!("It has no node, so pods stay Pending. Ctrl-C ends it and removes all of it.");
    told_to_end().await
}

async fn told_to_end() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = end_of_stdin() => {}
    }
    Ok(())
}

async fn end_of_stdin() {
    let mut ignored = [0; 256];
    while tokio::io::stdin().read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
