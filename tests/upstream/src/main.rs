//! `weir-upstream`: the fake vendor for benches, as a process of its own. It decides nothing that
//! `prepared` does not; it only reads arguments and starts threads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use weir_upstream::prepared::{Load, Mode, Prepared};

/// A fast fake of an OpenAI-style vendor. `GET /_count` prints how many requests it has served.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on.
    #[arg(long)]
    listen: SocketAddr,
    /// Which answer requests get.
    #[arg(long, value_enum, default_value = "as-asked")]
    mode: ModeArgument,
    /// Frames of a stream, `[DONE]` not counted.
    #[arg(long, default_value_t = 200)]
    events: usize,
    /// Pause between two frames.
    #[arg(long, default_value_t = 0)]
    pace_ms: u64,
    /// Length of a unary body.
    #[arg(long, default_value_t = 700)]
    body_bytes: usize,
    /// Threads that serve.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// How many of a hundred requests fail.
    #[arg(long, default_value_t = 0)]
    fail_percent: u8,
    /// The status of failing requests.
    #[arg(long, default_value_t = 503)]
    fail_status: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeArgument {
    AsAsked,
    Unary,
    Sse,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let prepared = Arc::new(Prepared::new(&Load {
        mode: match arguments.mode {
            ModeArgument::AsAsked => Mode::AsAsked,
            ModeArgument::Unary => Mode::Unary,
            ModeArgument::Sse => Mode::Sse,
        },
        events: arguments.events,
        pace: Duration::from_millis(arguments.pace_ms),
        body_bytes: arguments.body_bytes,
        fail_percent: arguments.fail_percent,
        fail_status: arguments.fail_status,
    }));
    let threads: Vec<_> = (0..arguments.threads.max(1))
        .map(|_| {
            let (prepared, address) = (prepared.clone(), arguments.listen);
            std::thread::spawn(move || serve(prepared, address))
        })
        .collect();
    // Serving ends only with an error, and then the others are of no use.
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    Ok(())
}

fn serve(prepared: Arc<Prepared>, address: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(prepared.serve(address)).with_context(|| format!("cannot serve on {address}"))
}
