//! The fake as a process: its arguments, and a thread for each core it may use. Shared by the binary
//! `weir-upstream` and by the bench, which runs itself as its upstream and so needs no second binary.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};

use crate::prepared::{Load, Mode, Prepared};
use crate::{Answer, Upstream};

/// What to serve, and where. `GET /_count` there tells how many requests were served.
#[derive(Debug, Clone, Args)]
pub struct Command {
    /// Address to listen on.
    #[arg(long)]
    pub listen: SocketAddr,
    /// Talks, rather than to serve load: answers what it was asked, models `fake-chat` and `fake-messages`, and
    /// refuses what vendors refuse. Says on its first line where it listens.
    #[arg(long)]
    pub talk: bool,
    /// Which answer requests get.
    #[arg(long, value_enum, default_value = "as-asked")]
    pub mode: Mode,
    /// Frames of a stream, all but the last, which carries nothing.
    #[arg(long, default_value_t = 200)]
    pub events: usize,
    /// Pause between two frames, in milliseconds.
    #[arg(long, default_value_t = 0)]
    pub pace_ms: u64,
    /// Frames of a stream whose request has `"user":"paced"`.
    #[arg(long, default_value_t = 20)]
    pub paced_events: usize,
    /// Pause between two of those, in milliseconds.
    #[arg(long, default_value_t = 5)]
    pub paced_ms: u64,
    /// Length of a unary body.
    #[arg(long, default_value_t = 700)]
    pub body_bytes: usize,
    /// Threads that serve.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// How many of a hundred requests fail.
    #[arg(long, default_value_t = 0)]
    pub fail_percent: u8,
    /// The status of failing requests.
    #[arg(long, default_value_t = 503)]
    pub fail_status: u16,
}

impl ValueEnum for Mode {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::AsAsked, Self::Unary, Self::Sse]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::AsAsked => "as-asked",
            Self::Unary => "unary",
            Self::Sse => "sse",
        }))
    }
}

impl Command {
    /// Serves until it fails.
    pub fn run(self) -> Result<()> {
        if self.talk {
            return talk(self.listen);
        }
        let prepared = Arc::new(Prepared::new(&Load {
            mode: self.mode,
            events: self.events,
            pace: Duration::from_millis(self.pace_ms),
            paced: (self.paced_events, Duration::from_millis(self.paced_ms)),
            body_bytes: self.body_bytes,
            fail_percent: self.fail_percent,
            fail_status: self.fail_status,
        }));
        let threads: Vec<_> = (0..self.threads.max(1))
            .map(|_| {
                let (prepared, address) = (prepared.clone(), self.listen);
                thread::spawn(move || serve(prepared, address))
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_| anyhow!("a serving thread panicked"))??;
        }
        Ok(())
    }
}

/// Talks until the process ends.
fn talk(address: SocketAddr) -> Result<()> {
    let upstream = Upstream::start_at(address).with_context(|| format!("cannot serve on {address}"))?;
    upstream.strict();
    upstream.always(Answer::talks_as(&["fake-chat", "fake-messages"]));
    writeln!(io::stdout(), "{}", upstream.url())?;
    loop {
        thread::park();
    }
}

fn serve(prepared: Arc<Prepared>, address: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(prepared.serve(address)).with_context(|| format!("cannot serve on {address}"))
}
