//! `weir-cluster`: a control plane to look at, with Weir's kinds, with a node or without; or only what it is built
//! from.
#![expect(clippy::print_stdout, reason = "how to use it is what it says")]

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use weir_cluster::node::images::REGISTRY;
use weir_cluster::node::inside::{self, Place};
use weir_cluster::node::{Node, init, supervisor};
use weir_cluster::{Plane, binaries, kustomize, node};

/// As a shell says it of Ctrl-C.
const INTERRUPTED: u8 = 130;

/// A real control plane on loopback, with Weir's kinds. Runs until Ctrl-C or until standard input ends.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Sub>,
    /// With a node that runs pods: needs root.
    #[arg(long)]
    node: bool,
}

#[derive(Subcommand)]
enum Sub {
    /// Only builds what a plane and its tests run.
    Build {
        /// What a node and its tests run, too; says what the machine lacks for them.
        #[arg(long)]
        node: bool,
    },
    /// Only writes what deploy/kustomize has from the chart.
    Kustomize,
    /// Says what this machine lacks for a node.
    Machine,
    /// Runs a program in namespaces of a cluster's own.
    Inside(Program),
    #[command(hide = true)]
    Supervise(Program),
    #[command(hide = true)]
    Init(Program),
}

#[derive(clap::Args)]
struct Program {
    /// And its arguments.
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    // It has threads of its own and nothing to wait for but children.
    if let Some(Sub::Init(Program { program })) = arguments.command {
        return init::run(&program);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(run(arguments));
    // Whoever reads standard input would hold the runtime.
    runtime.shutdown_background();
    ended
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Some(Sub::Build { node }) => build(node)?,
        Some(Sub::Kustomize) => write(kustomize::files()?)?,
        Some(Sub::Machine) => node::check_machine()?,
        Some(Sub::Inside(Program { program })) => {
            let ended = inside::run(&program, signalled()).await?;
            return Ok(ended.unwrap_or(ExitCode::from(INTERRUPTED)));
        }
        Some(Sub::Supervise(Program { program })) => return supervisor::run(&program).await,
        Some(Sub::Init(_)) => {}
        None if arguments.node => return with_node().await,
        None => without_node().await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn build(node: bool) -> Result<()> {
    if node {
        node::check_machine()?;
    }
    binaries::all()?;
    if node {
        node::images::archives()?;
    }
    Ok(())
}

fn write(files: Vec<(PathBuf, String)>) -> Result<()> {
    for (path, text) in files {
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Outside, this program runs inside until it is told to end; there, it is the cluster.
async fn with_node() -> Result<ExitCode> {
    let Ok(place) = Place::here() else {
        let again = [std::env::current_exe()?.into(), "--node".into()];
        return Ok(inside::run(&again, told_to_end()).await?.unwrap_or(ExitCode::SUCCESS));
    };
    let node = Node::start().await?;
    node.plane.install_crds().await?;
    node.import_weir().await?;
    describe(&node.plane, &format!("{} ", place.enter().display()));
    let version = env!("CARGO_PKG_VERSION");
    println!("Its images are {REGISTRY}/weir-operator:{version} and {REGISTRY}/weir-gateway:{version}.");
    println!(
        "`{} PROGRAM` runs a program on its network. Ctrl-C ends it and removes all of it.",
        place.enter().display()
    );
    std::future::pending().await
}

async fn without_node() -> Result<()> {
    let plane = Plane::start().await?;
    plane.install_crds().await?;
    describe(&plane, "");
    println!("It has no node, so pods stay Pending. Ctrl-C ends it and removes all of it.");
    told_to_end().await
}

/// `enter` stands before a program's name where it takes that to reach the API server.
fn describe(plane: &Plane, enter: &str) {
    let kubeconfig = plane.kubeconfig_path();
    println!("API server  {}", plane.url());
    println!("kubeconfig  {}", kubeconfig.display());
    println!("\nTry it:\n\n  export KUBECONFIG={}", kubeconfig.display());
    println!("  alias kubectl='{enter}{} kubectl'", plane.binary().display());
    println!("  kubectl apply -f examples/quickstart\n  kubectl get llm\n");
}

async fn told_to_end() -> Result<()> {
    tokio::select! {
        told = signalled() => told,
        () = end_of_stdin() => Ok(()),
    }
}

async fn signalled() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn end_of_stdin() {
    let mut ignored = [0; 256];
    while tokio::io::stdin().read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
