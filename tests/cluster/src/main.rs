//! `weir-cluster`: a control plane to look at, with Weir's kinds; or only what it is built from.
#![expect(clippy::print_stdout, reason = "how to use it is what it says")]

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use weir_cluster::{Plane, binaries};

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
}

fn main() -> Result<()> {
    if let Some(Sub::Build) = Arguments::parse().command {
        return binaries::all();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(run());
    // Whoever reads standard input would hold the runtime.
    runtime.shutdown_background();
    ended
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
