//! Weir on a laptop: the gateway from manifests, without a cluster.

mod args;
mod configuration;
mod events;
mod laptop;
mod lint;
mod manifest;
mod mint;
mod ready;
mod screen;
mod up;

use args::{Cli, Command};
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Up(args) => log(&args.log).and_then(|()| up::run(&args)),
        Command::Lint(args) => Ok(lint::run(&args)),
    };
    ExitCode::from(code.unwrap_or_else(|error| {
        screen::note(format_args!("error: {error:#}"));
        2
    }))
}

fn log(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let to_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(to_terminal)
        .init();
    Ok(())
}
