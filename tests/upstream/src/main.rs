//! `weir-upstream`: the fake vendor as a process of its own, for load, and for SDKs to talk to.

use clap::Parser;
use weir_upstream::command::Command;

/// A fast fake of an LLM vendor: chat completions as OpenAI has them, Messages as Anthropic has them.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    command: Command,
}

fn main() -> anyhow::Result<()> {
    Arguments::parse().command.run()
}
