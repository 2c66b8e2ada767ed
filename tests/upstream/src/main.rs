//! `weir-upstream`: the fake vendor as a process of its own, for load.

use clap::Parser;
use weir_upstream::command::Command;

/// A fast fake of an OpenAI-style vendor.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    command: Command,
}

fn main() -> anyhow::Result<()> {
    Arguments::parse().command.run()
}
