//! `make bench-cluster`: how long an applied object takes to reach traffic, and what an operator costs, at 10, 1,000
//! and 10,000 keys. Prints a table; decides nothing.
//!
//! Operator, gateway and control plane are processes on this one machine: what they take from each other is in the
//! figures.

mod fill;
mod measure;

use anyhow::Result;
use clap::Parser;
use measure::Figures;
use std::io::Write as _;
use std::time::Instant;
use weir_cluster::Plane;
use weir_cluster::world::{Gateway, Objects, Operator, Setting};
use weir_crds::Kind;

/// What is measured.
#[derive(Debug, Parser)]
struct Args {
    /// How many keys there are; routes are a tenth.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 1_000, 10_000])]
    keys: Vec<usize>,
    /// How many single changes are timed at each size.
    #[arg(long, default_value_t = 200)]
    changes: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let plane = Plane::start().await?;
    plane.install_crds().await?;
    for keys in args.keys {
        let figures = at(&plane, keys, args.changes).await?;
        writeln!(std::io::stdout(), "{figures}")?;
    }
    Ok(())
}

/// Everything at one size.
async fn at(plane: &Plane, keys: usize, changes: usize) -> Result<Figures> {
    let objects = Objects::new(plane, "bench").await?;
    fill::world(&objects, keys).await?;
    let setting = Setting::new(plane, &[&objects.namespace]).await?;
    let mut gateway = Gateway::start(plane, &objects.namespace, "main", "127.0.0.2").await?;

    let began = Instant::now();
    let mut operator = Operator::start(plane, &setting)?;
    gateway.ready(plane).await?;
    measure::until_answered(&gateway, &fill::text(keys - 1)).await?;
    let published = began.elapsed();
    objects.until_ready(Kind::Gateway, "main").await?;
    measure::until_all_ready(&objects, keys).await?;
    let reported = began.elapsed();
    operator.ready().await?;

    let idle_writes = measure::idle_writes(&operator).await?;
    let (latencies, writes) = measure::changes(&objects, &operator, &gateway, (keys, changes)).await?;
    let memory = (measure::memory(&operator.process)?, measure::memory(&gateway.process)?);
    Ok(Figures { keys, published, reported, latencies, writes, idle_writes, memory })
}
