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
mod watch;

use args::{Cli, Command};
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use weir_gateway::Log;

fn main() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Up(args) => log(&args.log).and_then(|log| up::run(&args, log)),
        Command::Lint(args) => Ok(lint::run(&args)),
    };
    let code = code.unwrap_or_else(|error| {
        screen::note(format_args!("error: {error:#}"));
        2
    });
    screen::end();
    ExitCode::from(code)
}

/// Where a process that serves logs: nobody needs to read it.
fn log(filter: &str) -> anyhow::Result<Log> {
    let filter = EnvFilter::try_new(filter)?;
    let log = screen::begin()?;
    let (to_terminal, writer) = (std::io::stderr().is_terminal(), log.clone());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.clone())
        .with_ansi(to_terminal)
        .init();
    log.tell_panics();
    Ok(log)
}
